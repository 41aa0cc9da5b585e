//! TLS on the server's port: versions, answers to plain HTTP, certificates from files, the self-signed certificate,
//! chats over TLS, and hostile peers.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use rustls::{
    pki_types::{CertificateDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use sha2::{Digest, Sha256};
use support::{
    client::Person,
    server::{Server, program},
    tls::{Authority, Issued, Trust, ask, ask_plainly, own_authority},
    within,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::interval,
};

/// A folder that is removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("cloakroom-tls-{}-{number}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn issue(&self) -> Issued {
        Authority::new().issue(&self.0, &["127.0.0.1", "localhost", "chat.example"])
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Starts a server with a certificate from files. Returns it with its folder and a client that trusts it.
async fn with_files(more: &[&str]) -> (Folder, Server, Trust) {
    let folder = Folder::new();
    let issued = folder.issue();
    let server = Server::with(&[&issued.flags(), more].concat()).await;
    (folder, server, Trust::in_authority(&issued.authority))
}

/// Starts a server with a self-made certificate.
async fn with_self_made(folder: &Folder, listen: &str) -> Server {
    Server::with(&["--tls-self-signed", "--state", folder.path(), "--listen", listen]).await
}

#[tokio::test]
async fn tls_12_and_13_are_offered_with_http_1_only() {
    let folder = Folder::new();
    let issued = folder.issue();
    let server = Server::with(&issued.flags()).await;
    for version in [&TLS12, &TLS13] {
        let trust = Trust::speaking(&issued.authority, &[version]).offering(&["h2", "http/1.1"]);
        let mut stream = trust.connect(&server.address).await.unwrap();
        let (_, connection) = stream.get_ref();
        assert_eq!(connection.protocol_version(), Some(version.version));
        assert_eq!(connection.alpn_protocol(), Some(&b"http/1.1"[..]));
        let suite = format!("{:?}", connection.negotiated_cipher_suite().unwrap().suite());
        assert!(suite.contains("GCM") || suite.contains("POLY1305"), "{suite}");
        let answer = ask(&mut stream, "GET", &server.address, "/healthz", "").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
    }
    let other = Trust::in_authority(&issued.authority).offering(&["h2"]);
    assert!(other.connect(&server.address).await.is_err(), "HTTP/2 is not offered");
    let stranger = Trust::in_authority(&Folder::new().issue().authority);
    assert!(stranger.connect(&server.address).await.is_err(), "the test's clients check certificates");
}

#[tokio::test]
async fn plain_requests_are_redirected_to_https() {
    let (_folder, server, trust) = with_files(&[]).await;
    let address = &server.address;
    for (path, method) in [("/", "GET"), ("/login?username=&roomname=A%20b", "GET"), ("/create", "HEAD")] {
        let answer = ask_plainly(address, method, path).await;
        assert!(answer.starts_with("HTTP/1.1 308"), "{answer}");
        assert!(answer.contains(&format!("location: https://{address}{path}\r\n")), "{answer}");
        assert!(!answer.contains("strict-transport-security"), "{answer}");
    }
    let answer = ask_plainly(address, "POST", "/api/join").await;
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD"), "{answer}");
    let answer = ask(&mut TcpStream::connect(address).await.unwrap(), "GET", "evil.example", "/", "").await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    let upgrade = "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let answer = ask(&mut TcpStream::connect(address).await.unwrap(), "GET", address, "/api/socket", upgrade).await;
    assert!(answer.starts_with("HTTP/1.1 308"), "no socket opens without TLS: {answer}");
    for path in ["/trust", "/cloakroom.crt"] {
        assert!(trust.get(address, path).await.starts_with("HTTP/1.1 404"), "this certificate needs no trust by hand");
    }
}

#[tokio::test]
async fn hsts_is_sent_only_with_a_public_certificate() {
    let (_folder, server, trust) = with_files(&[]).await;
    let promise = "strict-transport-security: max-age=31536000\r\n";
    assert!(trust.get(&server.address, "/").await.contains(promise));

    let folder = Folder::new();
    let own = with_self_made(&folder, "127.0.0.1:0").await;
    let trust = Trust::in_authority(&own_authority(&own).await);
    assert!(!trust.get(&own.address, "/").await.contains("strict-transport-security"));
}

#[tokio::test]
async fn origin_must_be_https() {
    let (_folder, server, trust) = with_files(&[]).await;
    let join = async |trust: &Trust, server: &Server, host: &str, origin: &str| {
        let mut stream = trust.connect(&server.address).await.unwrap();
        let lines = format!("origin: {origin}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}");
        ask(&mut stream, "POST", host, "/api/join", &lines).await
    };
    let address = server.address.as_str();
    let answer = join(&trust, &server, address, &format!("https://{address}")).await;
    assert!(answer.contains("\"malformed\""), "{answer}");
    let answer = join(&trust, &server, address, &format!("http://{address}")).await;
    assert!(answer.contains("\"origin_refused\""), "{answer}");

    let (_folder, server, trust) = with_files(&["--public-origin", "https://chat.example"]).await;
    let answer = join(&trust, &server, "chat.example", "https://chat.example").await;
    assert!(answer.contains("\"malformed\""), "{answer}");
    let answer = ask_plainly(&server.address, "GET", "/create").await;
    assert!(answer.contains("location: https://chat.example/create\r\n"), "{answer}");
}

#[tokio::test]
async fn changed_certificate_files_are_reloaded() {
    let (folder, server, _) = with_files(&[]).await;
    fs::write(folder.0.join("server.crt"), "no certificate").unwrap();
    server.logged("server.crt holds no certificate").await;
    let next = folder.issue();
    let trust = Trust::in_authority(&next.authority);
    server.logged("TLS certificate reloaded").await;
    let answer = trust.get(&server.address, "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn unusable_files_keep_the_previous_certificate() {
    let (folder, server, trust) = with_files(&[]).await;
    fs::write(folder.0.join("server.key"), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    server.logged("cannot be used together").await;
    assert!(trust.get(&server.address, "/healthz").await.starts_with("HTTP/1.1 200"));
    fs::remove_file(folder.0.join("server.key")).unwrap();
    server.logged("server.key: No such file").await;
    assert!(trust.get(&server.address, "/healthz").await.starts_with("HTTP/1.1 200"));
}

/// Returns the error of a server that does not start.
fn refusal(flags: &[&str]) -> String {
    let mut command = Command::new(program());
    command.env_clear().args(["--listen", "127.0.0.1:0", "--state", "none"]).args(flags);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success(), "{flags:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn errors_name_the_unusable_file() {
    let folder = Folder::new();
    let issued = folder.issue();
    let [_, certificate, _, key] = issued.flags();
    let empty = folder.0.join("empty");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let missing = format!("{}/missing", folder.path());
    for (certificate, key, says) in [
        (missing.as_str(), key, format!("{missing}: No such file")),
        (certificate, missing.as_str(), format!("{missing}: No such file")),
        (empty, key, format!("{empty} holds no certificate")),
        (certificate, empty, format!("{empty} holds no private key")),
        (certificate, certificate, format!("{certificate} holds no private key")),
        (key, key, format!("{key} holds no certificate")),
        ("/dev/null", key, "/dev/null holds no certificate".into()),
    ] {
        let said = refusal(&["--tls-cert", certificate, "--tls-key", key]);
        assert!(said.contains(&says), "{said}");
    }
    let other = Folder::new();
    let said = refusal(&["--tls-cert", certificate, "--tls-key", other.issue().key.to_str().unwrap()]);
    assert!(said.contains("cannot be used together"), "{said}");
    assert!(refusal(&["--tls-cert", certificate]).contains("--tls-key"));
    assert!(refusal(&["--tls-self-signed", "--tls-cert", certificate, "--tls-key", key]).contains("cannot be used"));
    let said = refusal(&["--tls-self-signed", "--public-origin", "http://chat.example"]);
    assert!(said.contains("http://chat.example is plain HTTP"), "{said}");
    let state = Folder::new();
    fs::write(state.0.join("tls.json"), "{}").unwrap();
    Command::new("chmod").arg("600").arg(state.0.join("tls.json")).status().unwrap();
    let mut command = Command::new(program());
    command.env_clear().args(["--listen", "127.0.0.1:0", "--tls-self-signed", "--state", state.path()]);
    let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(said.contains("tls.json cannot be used") && said.contains("remove it"), "{said}");
}

#[tokio::test]
async fn self_made_certificate_is_kept() {
    let folder = Folder::new();
    let server = with_self_made(&folder, "127.0.0.1:0").await;
    let pem = own_authority(&server).await;
    let trust = Trust::in_authority(&pem);
    for name in ["127.0.0.1", "localhost"] {
        let mut stream = trust.connect_as(&server.address, name).await.unwrap();
        let answer = ask(&mut stream, "GET", name, "/healthz", "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
    }
    assert!(trust.connect_as(&server.address, "127.0.0.3").await.is_err());
    drop(server);

    let again = with_self_made(&folder, "127.0.0.1:0").await;
    assert_eq!(own_authority(&again).await, pem);
    again.logged("age=Kept").await;
    drop(again);

    // The certificate does not cover this address.
    let elsewhere = with_self_made(&folder, "127.0.0.3:0").await;
    elsewhere.logged("people must trust it again").await;
    assert_ne!(own_authority(&elsewhere).await, pem);
}

#[tokio::test]
async fn without_state_folder_each_start_makes_a_certificate() {
    let server = Server::with(&["--tls-self-signed"]).await;
    server.logged("people must trust a new one after each start").await;
    let trust = Trust::in_authority(&own_authority(&server).await);
    assert!(trust.get(&server.address, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn self_made_certificate_covers_the_machines_names() {
    let folder = Folder::new();
    let server = with_self_made(&folder, "127.0.0.1:0").await;
    let trust = Trust::in_authority(&own_authority(&server).await);
    let kept = fs::read_to_string(folder.0.join("tls.json")).unwrap();
    let kept = serde_json::from_str::<serde_json::Value>(&kept).unwrap();
    let names = kept["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    let named = names.filter(|name| name.parse::<std::net::IpAddr>().is_err()).collect::<Vec<_>>();
    assert!(named.contains(&"localhost"), "{named:?}");
    for name in named {
        let mut stream = trust.connect_as(&server.address, name).await.unwrap();
        let answer = ask(&mut stream, "GET", &format!("{name}:{}", server.port()), "/", "").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
    }
    let mut stream = trust.connect(&server.address).await.unwrap();
    let answer = ask(&mut stream, "GET", "evil.example", "/", "").await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
}

#[tokio::test]
async fn trust_page_is_served_without_tls() {
    let folder = Folder::new();
    let server = with_self_made(&folder, "127.0.0.1:0").await;
    let page = ask_plainly(&server.address, "GET", "/trust").await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("iPhone") && page.contains("Android"), "{page}");
    let style = page.split("href=\"").find_map(|rest| rest.split('"').next().filter(|url| url.ends_with(".css")));
    let answer = ask_plainly(&server.address, "GET", style.unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = ask_plainly(&server.address, "GET", "/cloakroom.crt").await;
    assert!(answer.contains("content-type: application/x-x509-ca-cert\r\n"), "{answer}");
    assert!(!answer.contains("PRIVATE"), "{answer}");
    assert!(ask_plainly(&server.address, "GET", "/").await.starts_with("HTTP/1.1 308"));
}

#[tokio::test]
async fn start_prints_addresses_and_fingerprints() {
    let mut command = tokio::process::Command::new(program());
    command.env_clear().args(["--tls-self-signed", "--state", "none", "--listen", "127.0.0.2:0", "--log", "off"]);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || within("a line", lines.next_line()).await.unwrap().unwrap();
    assert_eq!(next().await, "Open one of these addresses:");
    let url = next().await;
    let address = url.strip_prefix("  https://127.0.0.2:").expect("the listening address");
    let address = format!("127.0.0.2:{address}");
    let mut code = String::new();
    let how = loop {
        let line = next().await;
        if line.starts_with("Browsers warn") {
            break line;
        }
        code += &format!("{line}\n");
    };
    assert_eq!(code, cloakroom::qr_code(url.trim()).unwrap());
    assert!(how.ends_with(&format!("http://{address}/trust")), "{how}");
    let pem = ask_plainly(&address, "GET", "/cloakroom.crt").await;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let trust = Trust::in_authority(pem.split_once("\r\n\r\n").unwrap().1);
    let stream = trust.connect(&address).await.unwrap();
    for (der, title) in [
        (&der, "SHA-256 fingerprint of the certificate to trust:"),
        (
            &stream.get_ref().1.peer_certificates().unwrap()[0],
            "SHA-256 fingerprint that a browser shows with its warning:",
        ),
    ] {
        assert_eq!(next().await.trim(), title);
        let bytes =
            next().await.trim().split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect::<Vec<_>>();
        assert_eq!(bytes, &*Sha256::digest(der));
    }
}

#[tokio::test]
async fn two_members_chat_over_tls() {
    for version in [&TLS12, &TLS13] {
        let folder = Folder::new();
        let issued = folder.issue();
        let server = Server::with(&issued.flags()).await;
        let base = Trust::speaking(&issued.authority, &[version]).tunnel(&server).await;
        let mut ana = Person::create(&base, "Den", "Ana", "correct horse battery").await.unwrap();
        let mut bo = Person::join(&base, "Den", "Bo", "correct horse battery").await.unwrap();
        ana.sees_people(&["Ana", "Bo"]).await;
        ana.say("Hello Bo").await;
        assert_eq!(bo.hears().await, ("Ana".into(), "Hello Bo".into()));
        // A long text.
        let long = "long ".repeat(1_990);
        bo.say(&long).await;
        assert_eq!(ana.hears().await, ("Bo".into(), long));
        bo.leave().await;
        ana.sees_people(&["Ana"]).await;
    }
}

/// Returns the server's resident memory in KiB.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Waits until the server closes this connection. Returns the bytes received before that.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // The server resets the connection if it has not read everything.
    let _ = within("the server closes", stream.read_to_end(&mut said)).await;
    said
}

/// The beginning of a handshake: an incomplete record.
const BEGUN: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

#[tokio::test]
async fn garbage_ends_a_handshake() {
    let (_folder, server, trust) = with_files(&[]).await;
    let mut random = [0; 4096];
    getrandom::fill(&mut random).unwrap();
    for garbage in [
        [&[0x16], &random[..]].concat(),
        [&[0x16, 3, 1, 0x40, 0], &[0x55; 0x4000][..]].concat(),
        // A record above the maximum length.
        [&[0x16, 3, 1, 0xff, 0xff], &random[..]].concat(),
        // A hello above the maximum length.
        vec![0x16, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff],
        // An alert and application data instead of a hello.
        vec![0x16, 3, 1, 0, 0, 0x17, 3, 3, 0, 1, 0],
    ] {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        // Fails if the server has hung up already.
        let _ = stream.write_all(&garbage).await;
        let said = closed(&mut stream).await;
        assert!(said.len() <= 7, "an alert at most: {said:?}");
    }
    // Bytes that are not TLS are parsed as HTTP and refused as such.
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    stream.write_all(&[0x15, 3, 1, 0, 2, 1, 0, b'\r', b'\n', b'\r', b'\n']).await.unwrap();
    assert!(String::from_utf8_lossy(&closed(&mut stream).await).starts_with("HTTP/1.1 400"));
    assert!(trust.get(&server.address, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn handshake_byte_by_byte_succeeds() {
    let (_folder, server, trust) = with_files(&[]).await;
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = slow.local_addr().unwrap().to_string();
    let to = server.address.clone();
    tokio::spawn(async move {
        let (near, _) = slow.accept().await.unwrap();
        let far = TcpStream::connect(to).await.unwrap();
        far.set_nodelay(true).unwrap();
        let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
        tokio::spawn(async move { tokio::io::copy(&mut far_in, &mut near_out).await });
        while let Ok(byte) = near_in.read_u8().await {
            far_out.write_u8(byte).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let answer = trust.get(&address, "/healthz").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn half_closed_connections_end() {
    let (_folder, server, trust) = with_files(&[]).await;
    for begun in [&b""[..], &BEGUN[..1], BEGUN] {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        stream.shutdown().await.unwrap();
        closed(&mut stream).await;
    }
    // Also after the handshake, with or without close_notify.
    for close_notify in [true, false] {
        let mut stream = trust.connect(&server.address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: ").await.unwrap();
        if close_notify {
            stream.shutdown().await.unwrap()
        } else {
            stream.get_mut().0.shutdown().await.unwrap()
        }
        let _ = within("the server hangs up", stream.read_to_end(&mut Vec::new())).await;
    }
    assert!(trust.get(&server.address, "/healthz").await.starts_with("HTTP/1.1 200"));
}

/// Incomplete handshakes are bounded in number and time, and do not affect other clients.
#[tokio::test]
async fn stalled_handshakes_are_bounded() {
    let (_folder, server, trust) = with_files(&[]).await;
    let before = resident(&server);
    let mut stalled = join_all((0..200).map(|_| async {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        let _ = stream.write_all(BEGUN).await;
        stream
    }))
    .await;
    // The server keeps as many as one address may have, and closes the others.
    let mut open = Vec::new();
    let mut turned_away = 0;
    let mut ticks = interval(Duration::from_millis(20));
    within("the others are closed", async {
        while turned_away < 200 - 64 {
            ticks.tick().await;
            for mut stream in std::mem::take(&mut stalled) {
                match stream.try_read(&mut [0]) {
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => stalled.push(stream),
                    _ => {
                        turned_away += 1;
                        let _ = stream.shutdown().await;
                    }
                }
            }
        }
    })
    .await;
    assert_eq!(stalled.len(), 64);
    assert!(resident(&server) < before + 8 * 1024, "{before} and now {} KiB", resident(&server));
    open.append(&mut stalled);
    // The server ends them after the timeout.
    for stream in &mut open {
        closed(stream).await;
    }
    assert!(trust.get(&server.address, "/healthz").await.starts_with("HTTP/1.1 200"));
}

/// The timeout covers the whole handshake, even when bytes keep arriving.
#[tokio::test]
async fn slow_handshake_is_ended() {
    let (_folder, server, _) = with_files(&[]).await;
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    stream.write_all(BEGUN).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let drip = async {
        let mut ticks = interval(Duration::from_millis(500));
        loop {
            ticks.tick().await;
            if writing.write_all(&[0]).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let ended = async { while reading.read(&mut [0; 64]).await.is_ok_and(|count| count > 0) {} };
    within("the server hangs up", async {
        tokio::select! {
            () = drip => unreachable!(),
            () = ended => {}
        }
    })
    .await;
}

/// Runs a scanner that `tests/install` installs. Returns whether it succeeded, and its output.
fn scan(program: PathBuf, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(&program);
    let output = command.args(arguments).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}: run tests/install", program.display()));
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// sslyze compares with Mozilla's *intermediate* profile.
#[tokio::test]
async fn sslyze_reports_compliance() {
    let folder = Folder::new();
    let issued = folder.issue();
    let server = Server::with(&issued.flags()).await;
    let authority = folder.0.join("authority.pem");
    fs::write(&authority, &issued.authority).unwrap();
    let trusted = format!("--certinfo_ca_file={}", authority.display());
    let sslyze = support::root().join("target/tools/python/bin/sslyze");
    let address = server.address.clone();
    let (is_good, said) = tokio::task::spawn_blocking(move || scan(sslyze, &[&trusted, &address])).await.unwrap();
    assert!(is_good && said.contains("OK - Compliant"), "{said}");
    assert!(!said.contains("VULNERABLE"), "{said}");
}

/// testssl.sh tries known vulnerabilities of TLS and its implementations.
#[tokio::test]
async fn testssl_reports_no_issue() {
    // Findings that the test setup causes, or that are intended.
    const KNOWN: &[&str] = &[
        // About the scanner's own OpenSSL.
        "engine_problem",
        // The test's authority has no revocation, and no DNS record.
        "cert_revocation",
        "DNS_CAArecord",
        // About secrets on compressed pages that reflect input. These pages are the same for everyone.
        "BREACH",
    ];
    let folder = Folder::new();
    let issued = folder.issue();
    let server = Server::with(&issued.flags()).await;
    let (authority, found) = (folder.0.join("authority.pem"), folder.0.join("found.json"));
    fs::write(&authority, &issued.authority).unwrap();
    let url = format!("https://{}", server.address);
    let json = found.clone();
    let scanned = tokio::task::spawn_blocking(move || {
        let [authority, json] = [&authority, &json].map(|path| path.to_str().unwrap());
        // `--vulnerable` runs all checks for named vulnerabilities.
        let what = ["--protocols", "--server-defaults", "--server-preference", "--headers", "--vulnerable"];
        let how = ["--ip", "one", "--warnings", "off", "--color", "0", "--add-ca", authority, "--jsonfile", json, &url];
        scan("testssl".into(), &[&what[..], &how].concat()).1
    });
    let said = scanned.await.unwrap();
    let found = serde_json::from_str::<Vec<serde_json::Value>>(&fs::read_to_string(found).unwrap()).unwrap();
    assert!(found.iter().any(|finding| finding["id"] == "TLS1_3" && finding["severity"] == "OK"), "{said}");
    assert!(found.iter().any(|finding| finding["id"] == "ticketbleed"), "the scan was complete: {said}");
    let is_good = |finding: &&serde_json::Value| {
        let is = |field: &str, words: &[&str]| words.contains(&finding[field].as_str().unwrap());
        is("severity", &["OK", "INFO"]) || is("id", KNOWN)
    };
    let bad = found.iter().filter(|finding| !is_good(finding)).collect::<Vec<_>>();
    assert!(bad.is_empty(), "{bad:#?}");
}
