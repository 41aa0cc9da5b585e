//! Searches the server's memory, its log and the traffic for message texts, the password and every key. Planted strings
//! that the search must find show that it works.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
};

use serde_json::{Value, json};
use support::{client::Person, proxy::Proxy, server::Server, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use web_crypto::{keys::RoomSecret, stretch::stretch};
use wire::{ClientFrame, Hello, RoomId, RoomName, Salt, Seq, Token, Verifier};

const PASSWORD: &str = "xylophone-quagmire-7319";
const ROOM: &str = "Zanzibar-planning-room";
const ANA: &str = "Anastasia-the-planted";
const TEXT: &str = "the plaintext that nobody else may read 0451";

/// Returns all readable memory of a process.
fn memory(pid: u32) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut file = File::open(format!("/proc/{pid}/mem")).expect("the test needs permission to trace the server");
    let mut all = Vec::new();
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|mode| mode.starts_with('r'))) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut part = vec![0; usize::try_from(to - from).unwrap()];
        // Some of the kernel's own pages cannot be read.
        if file.seek(SeekFrom::Start(from)).is_ok() && file.read_exact(&mut part).is_ok() {
            all.extend(part);
        }
    }
    all
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let (first, rest) = needle.split_first().unwrap();
    let mut at = 0;
    while let Some(found) = haystack[at..].iter().position(|byte| byte == first) {
        at += found + 1;
        if haystack[at..].starts_with(rest) {
            return true;
        }
    }
    false
}

/// Returns the bytes in each encoding in which they could be stored.
fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    use base64ct::Encoding;
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    vec![
        bytes.to_vec(),
        base64ct::Base64UrlUnpadded::encode_string(bytes).into_bytes(),
        base64ct::Base64Unpadded::encode_string(bytes).into_bytes(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ]
}

#[tokio::test]
async fn server_sees_only_ciphertext() {
    let server = Server::with(&["--log", "trace"]).await;
    let proxy = Proxy::start(&server.address).await;
    let mut ana = Person::create(&proxy.address, ROOM, ANA, PASSWORD).await.unwrap();
    let mut bo = Person::join(&proxy.address, ROOM, "Bo", PASSWORD).await.unwrap();
    ana.sees_people(&[ANA, "Bo"]).await;
    for round in 0..20 {
        ana.say(&format!("{TEXT} {round}")).await;
        bo.hears().await;
    }

    // Derive the keys from the values that both members know.
    let room: RoomName = ROOM.parse().unwrap();
    let room_id: RoomId = serde_json::from_value(ana.farewell["room_id"].clone()).unwrap();
    let (_, salt) = server.post("/api/salt", &serde_json::json!({ "room": ROOM })).await;
    let salt: Salt = serde_json::from_value(salt["salt"].clone()).unwrap();
    let stretched = stretch(PASSWORD, &room, &salt).unwrap();
    let stretched_bytes = *stretched.as_bytes();
    let secret = RoomSecret::extract(b"", stretched);
    let verifier = secret.verifier(&room);
    let token: wire::Token = serde_json::from_value(ana.farewell["token"].clone()).unwrap();

    let (memory, traffic, log) = (memory(server.pid()), proxy.seen(), server.log().into_bytes());

    // Planted: the search finds values that the server must know.
    assert!(contains(&memory, ROOM.as_bytes()), "the search reads memory");
    assert!(contains(&traffic, ANA.as_bytes()), "the search reads traffic");
    assert!(
        forms(verifier.as_bytes()).iter().any(|form| contains(&traffic, form)),
        "the traffic contains the verifier"
    );
    assert!(contains(&traffic, token.as_bytes()), "the traffic contains the unmasked hello");
    assert!(contains(&log, b"socket open"), "the search reads the log");

    let keys = [secret.room_psk(room_id), secret.door_key(room_id)];
    let mut secrets = vec![PASSWORD.as_bytes().to_vec(), TEXT.as_bytes().to_vec()];
    secrets.extend(forms(&stretched_bytes));
    secrets.extend(keys.iter().flat_map(|key| forms(key.as_bytes())));
    for (place, bytes) in [("memory", &memory), ("traffic", &traffic), ("log", &log)] {
        for secret in &secrets {
            assert!(
                !contains(bytes, secret),
                "a secret in the server's {place}: {:?}",
                String::from_utf8_lossy(secret)
            );
        }
    }
    // The log contains no names and no credentials.
    for named in [ROOM.as_bytes(), ANA.as_bytes(), b"127.0.0.1:"] {
        let after_start = String::from_utf8_lossy(&log).split_once("http://localhost").unwrap().1.to_owned();
        assert!(!contains(after_start.as_bytes(), named), "{:?} in the log", String::from_utf8_lossy(named));
    }
    for secret in forms(verifier.as_bytes()).iter().chain(&forms(token.as_bytes())) {
        assert!(!contains(&log, secret), "a token or verifier in the log");
    }
}

#[test]
fn memory_search_finds_planted_bytes() {
    let planted = b"planted in this very process".to_vec();
    assert!(contains(&memory(std::process::id()), &planted));
    assert!(!contains(b"aab", b"ab c") && contains(b"aaab", b"aab"));
}

/// Sends a request and returns the response's body. The connection stays open, unless the headers say otherwise.
async fn post(stream: &mut TcpStream, path: &str, headers: &str, body: &Value) -> Value {
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    answer(stream).await
}

async fn answer(stream: &mut TcpStream) -> Value {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("an answer", stream.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let length =
        head.split("content-length: ").nth(1).map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    within("its body", stream.read_exact(&mut body)).await.unwrap();
    serde_json::from_slice(&body).unwrap_or_default()
}

fn upgrade(headers: &str) -> Vec<u8> {
    format!(
        "GET /api/socket HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
    .into_bytes()
}

/// Returns a frame with a mask of zeros (RFC 6455, section 5.2), so that the socket receives the searched bytes.
fn framed(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0], payload].concat()
}

/// Reads until a welcome frame.
async fn welcomed(stream: &mut TcpStream) {
    let mut read = Vec::new();
    while !read.ends_with(&[0x01, 0x81]) {
        read.push(within("a welcome", stream.read_u8()).await.unwrap());
    }
}

/// Returns the halves of secrets that the memory contains, in any encoding. It makes one pass, because the memory is
/// large and this is an unoptimised build.
fn halves(memory: &[u8], secrets: &[(&str, [u8; 32])]) -> Vec<String> {
    let forms = secrets.iter().flat_map(|(name, secret)| forms(secret).into_iter().map(move |form| (name, form)));
    let halves = forms.flat_map(|(name, form)| {
        let (front, back) = form.split_at(form.len() / 2);
        [front, back].map(|half| (format!("half of {name} as {} bytes", form.len()), half.to_vec()))
    });
    let halves = halves.collect::<Vec<_>>();
    let start = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    let mut starts = vec![false; 1 << 16];
    halves.iter().for_each(|(_, half)| starts[start(half)] = true);
    let mut found = Vec::new();
    let mut before = memory[0];
    for (at, byte) in memory.iter().enumerate().skip(1) {
        if starts[usize::from(before) << 8 | usize::from(*byte)] {
            let here = &memory[at - 1..];
            found.extend(halves.iter().filter(|(_, half)| here.starts_with(half)).map(|(name, _)| name.clone()));
        }
        before = *byte;
    }
    found
}

/// Waits until the server's memory contains no half of a secret in any encoding.
async fn await_forgotten(server: &Server, when: &str, secrets: &[(&str, [u8; 32])]) {
    let mut found = Vec::new();
    let forgotten = async {
        loop {
            // Further requests overwrite remains on the stacks.
            for _ in 0..20 {
                reqwest::get(format!("http://{}/healthz", server.address)).await.unwrap();
            }
            found = halves(&memory(server.pid()), secrets);
            if found.is_empty() {
                return;
            }
        }
    };
    let forgotten = tokio::time::timeout(support::PATIENCE, forgotten).await;
    assert!(forgotten.is_ok(), "{when}: {found:?}");
}

/// The server hashes verifiers and tokens as they arrive and wipes the buffers they arrived in, for requests and for
/// hellos, on connections that end and on those that stay open.
#[tokio::test]
async fn server_memory_keeps_no_verifier_and_no_token() {
    let server = Server::with(&["--trusted-proxy", "127.0.0.1"]).await;
    let [verifier, guess] = [(); 2].map(|()| {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).unwrap();
        bytes
    });
    let shown = |bytes: [u8; 32]| Verifier::from(bytes).to_text();
    let connect = || async { TcpStream::connect(&server.address).await.unwrap() };
    let join = |user: &str, verifier| json!({ "room": ROOM, "user": user, "verifier": shown(verifier) });

    let (mut kept, mut brief, mut slow, mut wrong) =
        (connect().await, connect().await, connect().await, connect().await);
    let create = json!({ "room": ROOM, "user": ANA, "room_id": RoomId([1; 16]), "verifier": shown(verifier) });
    let ana = post(&mut kept, "/api/create", "", &create).await;
    let bo = post(&mut brief, "/api/join", "connection: close\r\n", &join("Bo", verifier)).await;
    assert_eq!(post(&mut wrong, "/api/join", "", &join("Eve", guess)).await["error"], "wrong_credentials");
    // A body in two writes.
    let body = join("Cy", verifier).to_string();
    let (front, back) = body.split_at(body.len() - 20);
    let head = "POST /api/join HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ";
    slow.write_all(format!("{head}{}\r\n\r\n{front}", body.len()).as_bytes()).await.unwrap();
    let dan = post(&mut wrong, "/api/join", "", &join("Dan", verifier)).await;
    slow.write_all(back.as_bytes()).await.unwrap();
    let cy = answer(&mut slow).await;

    let token = |who: &Value| *serde_json::from_value::<Token>(who["token"].clone()).unwrap().as_bytes();
    let hello = |who: &Value, verifier: Option<[u8; 32]>| {
        let (room_id, member_id) = (RoomId([1; 16]), serde_json::from_value(who["member_id"].clone()).unwrap());
        let verifier = verifier.map(Verifier::from);
        let hello = Hello { room_id, member_id, token: token(who).into(), attempt: 1, seq: Seq(0), verifier };
        ClientFrame::Hello(hello).to_bytes()
    };
    let (mut at_once, mut later, mut moved, mut never) =
        (connect().await, connect().await, connect().await, connect().await);
    // A hello in the same write as the request, one in its own write, and one in fragments, with the verifier, from
    // another address.
    at_once.write_all(&[upgrade(""), framed(0x82, &hello(&ana, None))].concat()).await.unwrap();
    later.write_all(&upgrade("")).await.unwrap();
    answer(&mut later).await;
    later.write_all(&framed(0x82, &hello(&bo, None))).await.unwrap();
    let long = hello(&cy, Some(verifier));
    let (front, back) = long.split_at(90);
    moved.write_all(&upgrade("x-forwarded-for: 192.0.2.1\r\n")).await.unwrap();
    answer(&mut moved).await;
    moved.write_all(&framed(0x02, front)).await.unwrap();
    // A message whose last fragment never arrives.
    never.write_all(&[upgrade(""), framed(0x02, &hello(&dan, None))].concat()).await.unwrap();
    answer(&mut never).await;
    drop(never);
    welcomed(&mut at_once).await;
    welcomed(&mut later).await;
    moved.write_all(&framed(0x80, back)).await.unwrap();
    welcomed(&mut moved).await;

    let mut secrets = vec![("the verifier", verifier), ("a guess", guess)];
    secrets.extend([("Ana's token", token(&ana)), ("Bo's", token(&bo)), ("Cy's", token(&cy)), ("Dan's", token(&dan))]);
    await_forgotten(&server, "while they are there", &secrets).await;
    let leave = json!({ "room_id": RoomId([1; 16]), "member_id": ana["member_id"], "token": ana["token"] });
    post(&mut kept, "/api/leave", "", &leave).await;
    later.write_all(&framed(0x82, &ClientFrame::Leave.to_bytes())).await.unwrap();
    drop(moved);
    await_forgotten(&server, "when they are gone", &secrets).await;
    drop((kept, slow, wrong));
    await_forgotten(&server, "when all connections are closed", &secrets).await;
}
