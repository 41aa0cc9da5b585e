//! Tests the gates from outside, with the real program, its commands and its files.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use stretch::person_verifier;
use support::{
    gate::{Factors, Mail, State},
    server::Server,
    within,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, interval},
};
use wire::Salt;

const PASSWORD: &str = "correct horse battery";

/// A client with its own address.
struct Client<'a> {
    server: &'a Server,
    ip: String,
}

impl Client<'_> {
    async fn posts(&self, path: &str, body: Value) -> (u16, Value) {
        let request = reqwest::Client::new().post(format!("http://{}{path}", self.server.address));
        let answer = request.header("x-forwarded-for", &self.ip).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        let waits = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
        let said = serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap_or_default();
        assert_eq!(waits, said["retry_after"].as_u64(), "header and body agree");
        (status, said)
    }

    /// Returns the error code, or `null`.
    async fn error(&self, path: &str, body: Value) -> Value {
        self.posts(path, body).await.1["error"].clone()
    }

    async fn creates(&self, room: &str, pass: Option<&Value>) -> Value {
        let mut id = [0; 16];
        getrandom::fill(&mut id).unwrap();
        let id = serde_json::to_value(wire::RoomId(id)).unwrap();
        let mut body = json!({ "room": room, "user": "Ana", "room_id": id, "verifier": "A".repeat(43) });
        if let Some(pass) = pass {
            body["pass"] = pass.clone();
        }
        self.error("/api/create", body).await
    }

    async fn joins(&self, room: &str, user: &str, verifier: &str, pass: Option<&Value>) -> (u16, Value) {
        let mut body = json!({ "room": room, "user": user, "verifier": verifier });
        if let Some(pass) = pass {
            body["pass"] = pass.clone();
        }
        self.posts("/api/join", body).await
    }

    async fn verifier(&self, name: &str, password: &str) -> Value {
        let (status, said) = self.posts("/api/gate/salt", json!({ "name": name })).await;
        assert_eq!(status, 200);
        let salt = serde_json::from_value::<Salt>(said["salt"].clone()).unwrap();
        serde_json::to_value(person_verifier(password, &name.parse().unwrap(), &salt).unwrap()).unwrap()
    }

    async fn signs_in(&self, name: &str, verifier: &Value, code: Option<&str>) -> (u16, Value) {
        let mut body = json!({ "name": name, "verifier": verifier });
        if let Some(code) = code {
            body["code"] = json!(code);
        }
        self.posts("/api/gate/people", body).await
    }
}

async fn serving(state: &State, flags: &[&str]) -> Server {
    let own = ["--state", state.flag(), "--trusted-proxy", "127.0.0.1"];
    Server::with(&[&own, flags].concat()).await
}

fn from<'a>(server: &'a Server, ip: &str) -> Client<'a> {
    Client { server, ip: ip.to_owned() }
}

/// Returns a wrong verifier, different for each number.
fn wrong_verifier(n: usize) -> String {
    serde_json::to_value(wire::Verifier::from([u8::try_from(n + 1).unwrap(); 32])).unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn token_opens_one_gate_and_survives_a_restart() {
    let state = State::new();
    let token = state.told(&["token", "add", "reading circle"], "").trim().to_owned();
    assert!(state.fails(&["token", "add", "Reading circle"], "").contains("this name is taken"));
    assert_eq!(state.told(&["token", "list"], ""), "reading circle\n");
    let server = serving(&state, &["--gate-create", "token"]).await;
    let ana = from(&server, "192.0.2.1");
    assert_eq!(ana.posts("/api/gate", json!({})).await.1, json!({ "create": "token", "join": "open" }));
    assert_eq!(ana.creates("Choir", None).await, "pass_wanted");
    assert_eq!(ana.creates("Choir", Some(&json!("AAAA"))).await, "pass_wanted");
    assert_eq!(ana.error("/api/gate/token", json!({ "token": "guess" })).await, "wrong_access_token");
    assert_eq!(ana.error("/api/gate/people", json!({ "name": "a", "verifier": "A".repeat(43) })).await, "not_found");
    let (status, said) = ana.posts("/api/gate/token", json!({ "token": token })).await;
    assert_eq!((status, &said["seconds"]), (200, &json!(43_200)));
    let pass = said["pass"].clone();
    assert_eq!(ana.creates("Choir", Some(&pass)).await, Value::Null);
    let joined = ana.joins("Choir", "Bo", &"A".repeat(43), None).await;
    assert_eq!(joined.0, 200, "the join gate is open: {joined:?}");
    drop(server);

    let server = serving(&state, &["--gate-create", "token", "--gate-join", "token"]).await;
    let ana = from(&server, "192.0.2.9");
    assert_eq!(ana.creates("Choir", Some(&pass)).await, Value::Null, "from another address too");
    assert_eq!(ana.joins("Choir", "Bo", &"A".repeat(43), None).await.1["error"], "pass_wanted");
    assert_eq!(ana.joins("Choir", "Bo", &"A".repeat(43), Some(&pass)).await.0, 200);
    state.told(&["token", "revoke", "reading circle"], "");
    assert_eq!(ana.creates("Band", Some(&pass)).await, "pass_wanted", "effective without a restart");
    assert!(state.fails(&["token", "revoke", "reading circle"], "").contains("no such name"));
}

#[tokio::test]
async fn wrong_tokens_lock_an_address_out() {
    let state = State::new();
    let token = state.told(&["token", "add", "all"], "").trim().to_owned();
    let server = serving(&state, &["--gate-join", "token", "--lockout", "2"]).await;
    let (eve, bo) = (from(&server, "192.0.2.1"), from(&server, "198.51.100.1"));
    for n in 0..5 {
        assert_eq!(eve.error("/api/gate/token", json!({ "token": format!("x{n}") })).await, "wrong_access_token");
    }
    let (status, said) = eve.posts("/api/gate/token", json!({ "token": token })).await;
    assert_eq!((status, &said["error"]), (429, &json!("locked_out")));
    assert!(said["retry_after"].as_u64().is_some_and(|wait| (1..=2).contains(&wait)), "{said}");
    assert_eq!(bo.posts("/api/gate/token", json!({ "token": token })).await.0, 200);
    let mut ticks = interval(Duration::from_millis(100));
    within("the lockout ends", async {
        while eve.posts("/api/gate/token", json!({ "token": token })).await.0 != 200 {
            ticks.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn people_sign_in_with_a_password_and_a_code() {
    let state = State::new();
    let factors = state.adds_person("Ana", PASSWORD);
    assert_eq!(factors.recovery.len(), 8);
    assert!(state.fails(&["people", "add", "ana"], "another password\n").contains("people reset"));
    assert!(state.fails(&["people", "add", "bo"], "short\n").contains("at least 8 characters"));
    assert_eq!(state.told(&["people", "list"], ""), "ana\n");
    let mode = |name: &str| fs::metadata(state.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("people"), mode("salt.key")), (0o600, 0o600));

    let server = serving(&state, &["--gate-join", "people"]).await;
    let ana = from(&server, "192.0.2.1");
    let verifier = ana.verifier("ANA", PASSWORD).await;
    let wrong = ana.verifier("ana", "incorrect horse").await;
    assert_eq!(ana.signs_in("Ana", &wrong, None).await.1["error"], "wrong_person");
    assert_eq!(ana.signs_in("nobody", &verifier, None).await.1["error"], "wrong_person");
    assert_eq!(ana.signs_in("Ana", &verifier, None).await.1["error"], "code_wanted");
    // Of two simultaneous uses of one code, only one succeeds.
    let code = factors.code(0);
    let bo = from(&server, "198.51.100.1");
    let both = tokio::join!(ana.signs_in("ana", &verifier, Some(&code)), bo.signs_in("ana", &verifier, Some(&code)));
    let mut statuses = [both.0.0, both.1.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403], "{both:?}");
    let recovery = &factors.recovery[0];
    let (status, said) = ana.signs_in("ana", &verifier, Some(recovery)).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(ana.signs_in("ana", &verifier, Some(recovery)).await.1["error"], "wrong_code");
    assert_eq!(ana.creates("Choir", None).await, Value::Null, "the create gate is open");
    let pass = &said["pass"];
    assert_eq!(ana.joins("Choir", "Bo", &"A".repeat(43), Some(pass)).await.0, 200);
    let again = Factors::of(&state.told(&["people", "reset", "ana"], "another password\n"));
    assert_ne!(again.secret, factors.secret);
    assert_eq!(ana.joins("Choir", "Cy", &"A".repeat(43), Some(pass)).await.1["error"], "pass_wanted");
    assert_eq!(ana.signs_in("ana", &verifier, None).await.1["error"], "wrong_person");
    let verifier = ana.verifier("ana", "another password").await;
    assert_eq!(ana.signs_in("ana", &verifier, Some(&again.code(0))).await.0, 200);
    state.told(&["people", "remove", "ana"], "");
    assert_eq!(ana.signs_in("ana", &verifier, None).await.1["error"], "wrong_person");
}

#[tokio::test]
async fn wrong_codes_lock_the_account_but_not_its_recovery_codes() {
    let state = State::new();
    let factors = state.adds_person("ana", PASSWORD);
    let server = serving(&state, &["--gate-join", "people"]).await;
    let verifier = from(&server, "192.0.2.1").verifier("ana", PASSWORD).await;
    let right = [-1, 0, 1].map(|steps| factors.code(steps));
    for n in 0..5 {
        let code = (0..).map(|k| format!("{:06}", 7 * n + k)).find(|code| !right.contains(code)).unwrap();
        let eve = from(&server, &format!("10.0.{n}.1"));
        assert_eq!(eve.signs_in("ana", &verifier, Some(&code)).await.1["error"], "wrong_code");
    }
    let ana = from(&server, "192.0.2.1");
    let (status, said) = ana.signs_in("ana", &verifier, Some(&factors.code(0))).await;
    assert_eq!((status, &said["error"]), (429, &json!("codes_locked")));
    assert!(said["retry_after"].as_u64().is_some_and(|wait| (600..=660).contains(&wait)), "{said}");
    assert_eq!(ana.signs_in("ana", &verifier, Some(&factors.recovery[7])).await.0, 200);
    let wrong = ana.verifier("ana", "incorrect horse").await;
    assert_eq!(
        ana.signs_in("ana", &wrong, Some("123456")).await.1["error"],
        "wrong_person",
        "without the password, the lock is not revealed"
    );
}

#[tokio::test]
async fn qr_code_can_be_read_by_another_library() {
    let state = State::new();
    let told =
        state.told(&["--public-origin", "https://chat.example.org:8443", "people", "add", "Zoë"], "a long password\n");
    let factors = Factors::of(&told);
    const SCALE: usize = 4;
    let width = factors.drawn[0].chars().count();
    let rows = factors.drawn.iter().flat_map(|line| [['█', '▀'], ['█', '▄']].map(|light| (line, light)));
    let light =
        rows.map(|(line, light)| line.chars().map(|c| light.contains(&c)).collect::<Vec<_>>()).collect::<Vec<_>>();
    let pixel = |x: usize, y: usize| if light[y / SCALE][x / SCALE] { 255 } else { 0 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width * SCALE, light.len() * SCALE, pixel);
    let (_, url) = image.detect_grids()[0].decode().unwrap();
    let label = "otpauth://totp/chat.example.org%208443:zo%C3%AB?";
    assert!(url.starts_with(label), "{url}");
    assert!(url.contains("issuer=chat.example.org%208443") && url.contains(&factors.secret), "{url}");
}

#[test]
fn command_reports_that_its_output_cannot_be_written() {
    let state = State::new();
    for arguments in [&["token", "add", "all"][..], &["token", "list"], &["people", "add", "ana"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = state.fails_writing_to(full.into(), arguments, "correct horse battery\n");
        assert!(error.contains("cannot be written") && !error.contains("panicked"), "{arguments:?}: {error}");
    }
}

#[tokio::test]
async fn files_that_others_can_read_are_refused() {
    let state = State::new();
    state.told(&["token", "add", "all"], "");
    let tokens = state.path().join("tokens");
    let server = serving(&state, &["--gate-join", "token"]).await;
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(state.fails(&["token", "list"], "").contains("chmod 600"));
    let ana = from(&server, "192.0.2.1");
    assert_eq!(ana.error("/api/gate/token", json!({ "token": "x" })).await, "internal");
    server.logged("can be read by other users").await;
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).unwrap();
    server.hang_up();
    server.logged("gate files are valid").await;
    fs::write(&tokens, "all:x\n").unwrap();
    server.hang_up();
    server.logged("tokens: line 1: expected a name").await;
    let none = Server::refuses(&["--state", "none", "--gate-join", "token"]);
    assert!(none.contains("a gate needs a state folder"), "{none}");
    let none = Server::refuses(&["--state", state.flag(), "--gate-join", "email"]);
    assert!(none.contains("needs --smtp and --mail-from"), "{none}");
}

/// Writes a self-signed certificate for `localhost` and its key. Returns the paths of both files.
fn certificate(state: &State) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::create_dir_all(state.path()).unwrap();
    [("mail.crt", made.cert.pem()), ("mail.key", made.signing_key.serialize_pem())].map(|(name, pem)| {
        let path = state.path().join(name);
        fs::write(&path, pem).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

fn write_mailbox_list(state: &State, entries: &str) {
    let path = state.path().join("emails");
    fs::create_dir_all(state.path()).unwrap();
    fs::write(&path, entries).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn mailed_codes_open_the_gate_for_listed_mailboxes() {
    let state = State::new();
    write_mailbox_list(&state, "# ours\nana@example.org\n@example.net\n");
    let mut mail = Mail::start(0, &[]).await;
    let smtp = format!("smtp+plain://localhost:{}", mail.port);
    let flags = ["--gate-join", "email", "--smtp", &smtp, "--mail-from", "Chat <chat@example.org>"];
    let server = serving(&state, &flags).await;
    let ana = from(&server, "192.0.2.1");
    let asks = async |address: &str| ana.posts("/api/gate/email", json!({ "address": address })).await;
    let shows = async |address: &str, code: &str| {
        ana.posts("/api/gate/email", json!({ "address": address, "code": code })).await
    };
    assert_eq!(asks("ana@example.org").await, (202, Value::Null));
    let code = mail.next_code().await;
    let wrong = if code == "123456" { "654321" } else { "123456" };
    assert_eq!(shows("ana@example.org", wrong).await.1["error"], "wrong_code");
    let (status, said) = shows("Ana@Example.org", &code).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(shows("ana@example.org", &code).await.1["error"], "wrong_code", "a code works once");
    assert_eq!(ana.creates("Choir", None).await, Value::Null);
    assert_eq!(ana.joins("Choir", "Bo", &"A".repeat(43), Some(&said["pass"])).await.0, 200);

    // An unlisted mailbox gets the same answers, but no mail.
    assert_eq!(asks("eve@example.com").await, (202, Value::Null));
    assert_eq!(shows("eve@example.com", "123456").await.1["error"], "wrong_code");
    // An address cannot inject a header.
    for address in ["ana@example.org\r\nBcc: eve@evil.example", "ana@example.org,eve@evil.example", "ana@example.org\0"]
    {
        assert_eq!(asks(address).await.1["error"], "bad_mailbox", "{address:?}");
    }
    assert_eq!(asks("bo@example.net").await, (202, Value::Null));
    let sent = mail.next().await;
    assert_eq!(sent["to"], json!(["bo@example.net"]));
    let text = sent["mail"].as_str().unwrap();
    for part in ["From: Chat <chat@example.org>", "text/plain", "text/html", "10 minutes"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("Choir"), "a mail names no room");

    // At most three mails per hour to one mailbox, listed or not.
    for address in ["cy@example.net", "cy@example.com"] {
        for _ in 0..3 {
            assert_eq!(asks(address).await.0, 202);
        }
        let (status, said) = asks(address).await;
        assert_eq!((status, &said["error"]), (429, &json!("too_many_mails")));
        assert!(said["retry_after"].as_u64().is_some_and(|wait| wait > 3000), "{said}");
    }
    // At most five wrong codes per mailbox, listed or not, from all addresses together.
    let mut last = String::new();
    for _ in 0..3 {
        last = mail.next_code().await;
    }
    let wrong = |n: u32| format!("{:06}", (last.parse::<u32>().unwrap() + 1 + n) % 1_000_000);
    let tries = async |ip: String, address: &str, code: &str| {
        from(&server, &ip).error("/api/gate/email", json!({ "address": address, "code": code })).await
    };
    for address in ["cy@example.net", "cy@example.com"] {
        for n in 0..5 {
            assert_eq!(tries(format!("10.0.{n}.1"), address, &wrong(n)).await, "wrong_code");
        }
        assert_eq!(tries("10.1.0.1".into(), address, &last).await, "locked_out");
    }
    // A listed domain covers any number of mailboxes, so an address has ten tries for all of them together.
    for n in 0..10 {
        assert_eq!(tries("203.0.113.1".into(), &format!("x{n}@example.net"), "123456").await, "wrong_code");
    }
    assert_eq!(tries("203.0.113.1".into(), "x10@example.net", "123456").await, "locked_out");
    assert_eq!(
        tries("198.51.100.1".into(), "x10@example.net", "123456").await,
        "wrong_code",
        "other addresses are not locked out"
    );
}

/// The limit also holds for clients that hang up before the answer.
#[tokio::test]
async fn concurrent_guesses_are_limited_like_sequential_ones() {
    let state = State::new();
    let token = state.told(&["token", "add", "all"], "").trim().to_owned();
    let server = serving(&state, &["--gate-join", "token"]).await;
    let guess = |ip: &'static str, n: usize| {
        let client = from(&server, ip);
        async move { client.error("/api/gate/token", json!({ "token": format!("guess {n}") })).await }
    };
    let answers = join_all((0..40).map(|n| guess("192.0.2.1", n))).await;
    assert_eq!(answers.iter().filter(|answer| *answer == "wrong_access_token").count(), 5, "{answers:?}");

    // Sends requests and hangs up at once, until the address is locked out.
    let body = json!({ "token": "guess" }).to_string();
    let request = format!(
        "POST /api/gate/token HTTP/1.1\r\nhost: localhost\r\nx-forwarded-for: 198.51.100.1\r\ncontent-type: \
         application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut ticks = interval(Duration::from_millis(20));
    within("guesses without an answer count", async {
        loop {
            for _ in 0..5 {
                let mut stream = TcpStream::connect(&server.address).await.unwrap();
                stream.write_all(request.as_bytes()).await.unwrap();
                // Gives the server time to read the request before the connection closes.
                ticks.tick().await;
            }
            // A right guess is not counted.
            if from(&server, "198.51.100.1").error("/api/gate/token", json!({ "token": token })).await == "locked_out" {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn mail_goes_over_tls_with_a_password() {
    for (scheme, mode) in [("smtps", "tls"), ("smtp", "starttls")] {
        let state = State::new();
        write_mailbox_list(&state, "ana@example.org\n");
        let [certificate, key] = certificate(&state);
        let modes = [mode, &certificate, &key, "login", "chat", "hunter2 hunter2"];
        let mut mail = Mail::start(0, &modes).await;
        let smtp = format!("{scheme}://localhost:{}", mail.port);
        let flags =
            ["--state", state.flag(), "--gate-join", "email", "--smtp", &smtp, "--mail-from", "chat@example.org"];
        let password = ("CLOAKROOM_SMTP_PASSWORD", "hunter2 hunter2");
        let trusting = [("SSL_CERT_FILE", certificate.as_str()), password];
        let server = Server::with_variables(&[&flags[..], &["--smtp-user", "chat"]].concat(), &trusting).await;
        let ana = from(&server, "192.0.2.1");
        let ask = json!({ "address": "ana@example.org" });
        assert_eq!(ana.posts("/api/gate/email", ask.clone()).await.0, 202, "{scheme}: {}", server.log());
        let sent = mail.next().await;
        assert_eq!((&sent["tls"], &sent["login"]), (&json!(true), &json!(true)), "{scheme}");
        assert!(!server.log().contains("hunter2") && !server.log().contains("ana@"), "{}", server.log());

        // The server does not send to a mail server without a trusted certificate.
        let server = Server::with_variables(&[&flags[..], &["--smtp-user", "chat"]].concat(), &[password]).await;
        let ana = from(&server, "192.0.2.1");
        assert_eq!(ana.error("/api/gate/email", ask).await, "mail_down", "{scheme}");
    }
}

#[tokio::test]
async fn mail_server_outage_is_reported_for_every_mailbox() {
    let state = State::new();
    write_mailbox_list(&state, "ana@example.org\n");
    let mail = Mail::start(0, &[]).await;
    let port = mail.port;
    drop(mail);
    let smtp = format!("smtp+plain://localhost:{port}");
    let flags = ["--gate-join", "email", "--smtp", &smtp, "--mail-from", "chat@example.org"];
    let server = serving(&state, &flags).await;
    let ana = from(&server, "192.0.2.1");
    for address in ["ana@example.org", "eve@example.com"] {
        let (status, said) = ana.posts("/api/gate/email", json!({ "address": address })).await;
        assert_eq!((status, &said["error"]), (503, &json!("mail_down")), "{address}");
    }
    server.logged("mail server cannot be reached").await;
    let mut mail = Mail::start(port, &[]).await;
    assert_eq!(ana.posts("/api/gate/email", json!({ "address": "ana@example.org" })).await.0, 202);
    assert_eq!(mail.next_code().await.len(), 6);
}

#[tokio::test]
async fn wrong_passwords_lock_an_address_out_of_a_room() {
    let server = Server::with(&["--trusted-proxy", "127.0.0.1"]).await;
    let right = "A".repeat(43);
    let ana = from(&server, "192.0.2.1");
    assert_eq!(ana.creates("Choir", None).await, Value::Null);
    let eve = from(&server, "203.0.113.5");
    // Twenty people behind one office address join with the right password.
    for n in 0..20 {
        assert_eq!(eve.joins("Choir", &format!("Bo {n}"), &right, None).await.0, 200);
    }
    for n in 0..5 {
        assert_eq!(eve.joins("Choir", "Eve", &wrong_verifier(n), None).await.1["error"], "wrong_credentials");
    }
    let (status, said) = eve.joins("Choir", "Eve", &right, None).await;
    assert_eq!((status, &said["error"]), (429, &json!("locked_out")));
    assert!(said["retry_after"].as_u64().is_some_and(|wait| (650..=660).contains(&wait)), "{said}");
    assert_eq!(eve.joins("No such room", "Eve", &right, None).await.1["error"], "wrong_credentials");
    assert_eq!(from(&server, "198.51.100.1").joins("Choir", "Cy", &right, None).await.0, 200, "another address");
}

#[tokio::test]
async fn guesses_from_many_addresses_are_limited_or_delayed() {
    let server = Server::with(&["--trusted-proxy", "127.0.0.1"]).await;
    let right = "A".repeat(43);
    assert_eq!(from(&server, "192.0.2.1").creates("Choir", None).await, Value::Null);
    // One home connection may have 256 networks.
    let mut answered = 0;
    for n in 0..30 {
        let (_, said) =
            from(&server, &format!("2001:db8:0:{n:x}::1")).joins("Choir", "Eve", &wrong_verifier(n), None).await;
        answered += usize::from(said["error"] == "wrong_credentials");
    }
    assert_eq!(answered, 15);
    // After many wrong guesses from anywhere, answers are delayed. A right guess is answered at once.
    let wrong = async |n: usize| {
        let start = Instant::now();
        let (_, said) = from(&server, &format!("10.{n}.0.1")).joins("Choir", "Eve", &wrong_verifier(n), None).await;
        assert_eq!(said["error"], "wrong_credentials");
        start.elapsed()
    };
    for n in 0..5 {
        wrong(n).await;
    }
    assert!(wrong(5).await >= Duration::from_millis(250));
    assert_eq!(from(&server, "198.51.100.1").joins("Choir", "Bo", &right, None).await.0, 200);
}
