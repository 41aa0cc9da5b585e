//! What the server gets to see: its memory, its log and the traffic are searched for what was said,
//! for the password and for every key. What the search must find is planted, so that it is known to search.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
};

use support::{client::Person, proxy::Proxy, server::Server};
use web_crypto::{keys::RoomSecret, stretch::stretch};
use wire::{RoomId, RoomName, Salt};

const PASSWORD: &str = "xylophone-quagmire-7319";
const ROOM: &str = "Zanzibar-planning-room";
const ANA: &str = "Anastasia-the-planted";
const TEXT: &str = "the plaintext that nobody else may read 0451";

/// All memory of a process that can be read.
fn memory(pid: u32) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut file =
        File::open(format!("/proc/{pid}/mem")).expect("to read another process's memory takes the right to trace it");
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

/// In each form in which it could have been written down.
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
async fn the_server_sees_only_ciphertext() {
    let server = Server::with(&["--log", "trace"]).await;
    let proxy = Proxy::start(&server.address).await;
    let mut ana = Person::create(&proxy.address, ROOM, ANA, PASSWORD).await.unwrap();
    let mut bo = Person::join(&proxy.address, ROOM, "Bo", PASSWORD).await.unwrap();
    ana.sees_people(&[ANA, "Bo"]).await;
    for round in 0..20 {
        ana.say(&format!("{TEXT} {round}")).await;
        bo.hears().await;
    }

    // The keys, worked out anew from what the two of them know.
    let room: RoomName = ROOM.parse().unwrap();
    let room_id: RoomId = serde_json::from_value(ana.admitted["room_id"].clone()).unwrap();
    let (_, salt) = server.post("/api/salt", &serde_json::json!({ "room": ROOM })).await;
    let salt: Salt = serde_json::from_value(salt["salt"].clone()).unwrap();
    let stretched = stretch(PASSWORD, &room, &salt).unwrap();
    let stretched_bytes = *stretched.as_bytes();
    let secret = RoomSecret::extract(b"", stretched);
    let verifier = secret.verifier(&room);
    let token: wire::Token = serde_json::from_value(ana.admitted["token"].clone()).unwrap();

    let (memory, traffic, log) = (memory(server.pid()), proxy.seen(), server.log().into_bytes());

    // Planted: what the server has to know is found where it belongs.
    assert!(contains(&memory, ROOM.as_bytes()), "the search reads memory");
    assert!(contains(&traffic, ANA.as_bytes()), "the search reads traffic");
    assert!(forms(verifier.as_bytes()).iter().any(|form| contains(&traffic, form)), "the door was shown the verifier");
    assert!(contains(&traffic, token.as_bytes()), "the hello was unmasked");
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
    // The log names nobody and shows nothing that opens a door.
    for named in [ROOM.as_bytes(), ANA.as_bytes(), b"127.0.0.1:"] {
        let after_start = String::from_utf8_lossy(&log).split_once("http://localhost").unwrap().1.to_owned();
        assert!(!contains(after_start.as_bytes(), named), "{:?} in the log", String::from_utf8_lossy(named));
    }
    for secret in forms(verifier.as_bytes()).iter().chain(&forms(token.as_bytes())) {
        assert!(!contains(&log, secret), "a token or verifier in the log");
    }
}

#[test]
fn the_search_finds_what_is_there() {
    let planted = b"planted in this very process".to_vec();
    assert!(contains(&memory(std::process::id()), &planted));
    assert!(!contains(b"aab", b"ab c") && contains(b"aaab", b"aab"));
}
