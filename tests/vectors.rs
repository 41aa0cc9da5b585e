//! Checks test vectors from an independent generator, natively and in the browser's wasm, and replays a recorded room
//! with another cryptographic library.

#[path = "vectors/record.rs"]
mod record;
#[path = "vectors/replay.rs"]
mod replay;

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use support::{
    browser::{Engine, play},
    root,
    server::Server,
};
use web_crypto::{
    content::{Content, ContentError},
    group::{Knock, fingerprint, group_id},
    keys::{Key, RoomSecret},
    passphrase::safety_words,
    picture::{Media, Offer, Piece},
    stretch::{person_verifier, stretch, stretch_safety},
};
use wire::{
    ClientFrame, Counter, Epoch, MemberId, PersonName, RoomId, RoomName, Salt, Seq, ServerFrame, Standing, Welcome,
};

fn path(file: &str) -> PathBuf {
    root().join("tests/vectors").join(file)
}

/// Reads a file of vectors, which must not be empty.
fn vectors(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(path(file)).unwrap();
    let vectors = serde_json::from_str::<Vec<Value>>(&text).unwrap();
    assert!(!vectors.is_empty(), "{file} is empty");
    vectors
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{}: {field} is missing", vector["name"]))
}

fn number<N: TryFrom<u64>>(vector: &Value, field: &str) -> N {
    let number = vector[field].as_u64().and_then(|number| number.try_into().ok());
    number.unwrap_or_else(|| panic!("{}: {field} is missing", vector["name"]))
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    unhex(text(vector, field))
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn array<const N: usize>(vector: &Value, field: &str) -> [u8; N] {
    bytes(vector, field).try_into().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn names() {
    for vector in vectors("names.json") {
        let name = &vector["name"];
        let read = text(&vector, "raw").parse::<RoomName>().ok();
        let canonical = read.as_ref().map(RoomName::as_str);
        assert_eq!(canonical, vector["expect"].as_str(), "{name}");
    }
}

#[test]
fn people() {
    for vector in vectors("people.json") {
        let name = &vector["name"];
        let person = text(&vector, "person").parse::<PersonName>().unwrap();
        assert_eq!(person.as_str(), text(&vector, "name_as_kept"), "{name}");
        let salt = Salt::from(array(&vector, "server_salt"));
        let verifier = person_verifier(text(&vector, "password"), &person, &salt).unwrap();
        assert_eq!(hex(verifier.as_bytes()), text(&vector, "verifier"), "{name}");
    }
}

#[test]
fn keys() {
    for vector in vectors("keys.json") {
        let name = &vector["name"];
        let (room, salt) = (text(&vector, "room").parse::<RoomName>(), Salt::from(array(&vector, "server_salt")));
        let stretched = match &room {
            Err(_) => Err("bad_room_name"),
            Ok(room) => stretch(text(&vector, "password"), room, &salt).map_err(|error| error.code()),
        };
        if let Err(code) = stretched {
            assert_eq!(code, text(&vector, "expect"), "{name}");
            continue;
        }
        assert_eq!("ok", text(&vector, "expect"), "{name}");
        let (room, stretched) = (room.unwrap(), stretched.unwrap());
        let room_id = RoomId(array(&vector, "room_id"));
        assert_eq!(room.as_str(), text(&vector, "canonical_room"), "{name}");
        assert_eq!(hex(stretched.as_bytes()), text(&vector, "stretched"), "{name}");
        let secret = RoomSecret::extract(b"", stretched);
        for (key, of) in [
            ("verifier", secret.verifier(&room).as_bytes()),
            ("room_psk", secret.room_psk(room_id).as_bytes()),
            ("door_key", secret.door_key(room_id).as_bytes()),
        ] {
            assert_eq!(hex(of), text(&vector, key), "{name}: {key}");
        }
    }
}

#[test]
fn knocks() {
    for vector in vectors("knocks.json") {
        let name = &vector["name"];
        let door_key = Key::from(array(&vector, "door_key"));
        let group_id = group_id(RoomId(array(&vector, "room_id")), number(&vector, "generation"));
        let knock = Knock { door_key: &door_key, group_id, member_id: MemberId(number(&vector, "member_id")) };
        let opened = knock.open(&bytes(&vector, "knock"));
        let came = if opened.is_ok() { "opens" } else { "does_not_open" };
        assert_eq!(came, text(&vector, "expect"), "{name}");
        if let Ok(key_package) = opened {
            assert_eq!(hex(&key_package), text(&vector, "key_package"), "{name}");
            let sealed = knock.seal(array(&vector, "nonce"), &bytes(&vector, "key_package"));
            assert_eq!(hex(&sealed), text(&vector, "knock"), "{name}");
        }
    }
}

#[test]
fn safety() {
    for vector in vectors("safety.json") {
        let name = &vector["name"];
        if vector["fingerprint"].is_string() {
            let key = bytes(&vector, "signature_key");
            assert_eq!(fingerprint(&key), text(&vector, "fingerprint"), "{name}");
            continue;
        }
        if vector["authenticator"].is_string() {
            let id = group_id(RoomId(array(&vector, "room_id")), number(&vector, "generation"));
            let epoch = number::<u64>(&vector, "number").to_be_bytes();
            let of = [&bytes(&vector, "authenticator"), &id[..], &epoch].concat().try_into().unwrap();
            let stretched = stretch_safety(&of).unwrap();
            assert_eq!(hex(stretched.as_bytes()), text(&vector, "stretched"), "{name}");
        }
        let words = safety_words(&array(&vector, "stretched"));
        assert_eq!(words.as_deref(), Some(text(&vector, "words")), "{name}");
    }
}

fn offer_of(vector: &Value) -> Offer {
    Offer {
        media: Media::from_number(number(vector, "media")).unwrap(),
        width: number(vector, "width"),
        height: number(vector, "height"),
        length: number(vector, "length"),
        hash: array(vector, "hash"),
        alt: text(vector, "alt").to_owned().into(),
    }
}

fn piece_of(vector: &Value) -> Piece {
    Piece { index: number(vector, "index"), bytes: bytes(vector, "bytes").into() }
}

#[test]
fn contents() {
    for vector in vectors("contents.json") {
        let name = &vector["name"];
        let read = Content::from_padded(&bytes(&vector, "padded"));
        let (came, counter) = match &read {
            Err(ContentError::Malformed) => ("malformed", None),
            Err(ContentError::Unknown(counter)) => ("unknown", Some(*counter)),
            Ok((counter, Content::Here)) => ("here", Some(*counter)),
            Ok((counter, Content::Cancelled)) => ("cancelled", Some(*counter)),
            Ok((counter, Content::Text(said))) => {
                assert_eq!(said.as_str(), text(&vector, "text"), "{name}");
                ("text", Some(*counter))
            }
            Ok((counter, Content::Picture(offer))) => {
                assert!(*offer == offer_of(&vector), "{name}");
                ("picture", Some(*counter))
            }
            Ok((counter, Content::Piece(piece))) => {
                assert!(*piece == piece_of(&vector), "{name}");
                ("piece", Some(*counter))
            }
        };
        assert_eq!(came, text(&vector, "expect"), "{name}");
        assert_eq!(counter, vector["counter"].as_u64().map(Counter), "{name}");
        let sent = match came {
            "text" => Content::text(text(&vector, "text")).unwrap(),
            "here" => Content::Here,
            "picture" => Content::Picture(offer_of(&vector)),
            "piece" => Content::Piece(piece_of(&vector)),
            "cancelled" => Content::Cancelled,
            _ => continue,
        };
        let padded = sent.to_padded(Counter(number(&vector, "counter")));
        assert_eq!(hex(&padded), text(&vector, "padded"), "{name}");
    }
}

/// Runs the two modules as the server serves them. The derivation stretches the password. The session sends the
/// verifier to the door and seals its knock with the door key of the vector.
async fn in_the_browser(engine: Engine) {
    const GENERATION: u32 = 3;
    const MEMBER: MemberId = MemberId(7);
    const WALK: &str = r"
        const [vectors, welcome, derive, session] = arguments;
        const unhex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
        const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
        const json = (value) => new TextEncoder().encode(JSON.stringify(value));
        const base64 = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
        const outputs = (of) => {
          const all = [];
          for (let output = of.poll(); output; output = of.poll()) all.push(output);
          return all;
        };
        const walk = async () => {
          const [{ default: startDerive, stretch }, { default: startSession, Session }] = await Promise.all([import(derive), import(session)]);
          await Promise.all([startDerive(), startSession()]);
          return vectors.map((vector) => {
            let stretched;
            try {
              stretched = stretch(vector.password, vector.room, unhex(vector.server_salt));
            } catch ({ code }) {
              return { expect: code };
            }
            const found = { expect: 'ok', stretched: hex(stretched) };
            const visit = new Session(false, vector.room, 'Bo', '');
            visit.answered(0, 200, json({ salt: base64(unhex(vector.server_salt)), build: '' }));
            found.canonical_room = outputs(visit).find(({ kind }) => kind === 'stretch').text;
            visit.stretched(0, stretched);
            found.wiped = stretched.every((byte) => byte === 0);
            const { bytes } = outputs(visit).find(({ kind }) => kind === 'post');
            found.verifier = JSON.parse(new TextDecoder().decode(bytes)).verifier;
            visit.answered(0, 200, json({ room_id: base64(unhex(vector.room_id)), member_id: 7, token: base64(new Uint8Array(32)) }));
            visit.opened(0);
            visit.received(0, unhex(welcome));
            found.sent = outputs(visit).filter(({ kind }) => kind === 'send').map(({ bytes }) => hex(bytes));
            return found;
          });
        };
        return walk();
    ";
    play(&format!("vectors in {engine:?}"), async |scene| {
        let person = scene.person("Ana", engine).await;
        let server = Server::start().await;
        person.open(&format!("{}/login", server.origin())).await;
        let script = person.runs("return document.querySelector('script[type=module]').src", &[]).await;
        let base = script.as_str().unwrap().split("/js/").next().unwrap().to_owned();
        let given = vectors("keys.json");
        let epoch = Epoch { generation: GENERATION, number: 2 };
        let welcome = Welcome { seq: Seq(1), epoch, standing: Standing::Outside, counter: Counter(0) };
        let welcome = json!(hex(&ServerFrame::Welcome(welcome).to_bytes()));
        let modules = [json!(format!("{base}/wasm/derive.js")), json!(format!("{base}/wasm/session.js"))];
        let found = person.runs(WALK, &[json!(given), welcome, modules[0].clone(), modules[1].clone()]).await;
        let found = found.as_array().unwrap_or_else(|| panic!("{found}"));
        assert_eq!(found.len(), given.len());
        for (vector, found) in given.iter().zip(found) {
            let name = &vector["name"];
            assert_eq!(found["expect"], vector["expect"], "{name}");
            if found["expect"] == "ok" {
                assert_eq!(found["stretched"], vector["stretched"], "{name}");
                assert_eq!(found["canonical_room"], vector["canonical_room"], "{name}");
                let verifier = wire::Verifier::from(array::<32>(vector, "verifier"));
                assert_eq!(found["verifier"], json!(verifier.to_text()), "{name}");
                let frames = found["sent"].as_array().unwrap().iter().map(|hex| unhex(hex.as_str().unwrap()));
                let frames = frames.collect::<Vec<_>>();
                let [_hello, knock] = &frames[..] else { panic!("{name}: {found}") };
                let Ok(ClientFrame::Knock { generation, sealed }) = ClientFrame::parse(knock) else { panic!("{name}") };
                assert_eq!(generation, GENERATION, "{name}");
                let door_key = Key::from(array(vector, "door_key"));
                let group_id = group_id(RoomId(array(vector, "room_id")), generation);
                let knock = Knock { door_key: &door_key, group_id, member_id: MEMBER };
                assert!(knock.open(sealed).is_ok(), "{name}: the door key");
                assert_eq!(found["wiped"], true, "{name}: the stretched key stays in no JavaScript");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_chromium() {
    in_the_browser(Engine::Chromium).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_firefox() {
    in_the_browser(Engine::Firefox).await;
}
