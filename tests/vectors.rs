//! The vectors of an independent program, walked natively and in the browser's own wasm.

use std::fs;

use serde_json::{Value, json};
use support::{
    browser::{Engine, play},
    root,
    server::Server,
};
use web_crypto::{
    content::{Content, ContentError},
    keys::RoomSecret,
    message::MessageKey,
    stretch::stretch,
};
use wire::{Counter, MemberId, RoomId, RoomName, Salt};

/// A file of vectors; never an empty one.
fn vectors(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join("tests/vectors").join(file)).unwrap();
    let vectors = serde_json::from_str::<Vec<Value>>(&text).unwrap();
    assert!(!vectors.is_empty(), "{file} is empty");
    vectors
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{}: {field} is missing", vector["name"]))
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    let hex = text(vector, field);
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn array<const N: usize>(vector: &Value, field: &str) -> [u8; N] {
    bytes(vector, field).try_into().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
            ("message_key", secret.message_key(room_id).as_bytes()),
            ("room_psk", secret.room_psk(room_id).as_bytes()),
            ("door_key", secret.door_key(room_id).as_bytes()),
        ] {
            assert_eq!(hex(of), text(&vector, key), "{name}: {key}");
        }
    }
}

fn message_key(vector: &Value) -> MessageKey {
    MessageKey::new(array(vector, "message_key").into())
}

#[test]
fn messages() {
    for vector in vectors("messages.json") {
        let name = &vector["name"];
        let sender = MemberId(vector["sender"].as_u64().unwrap().try_into().unwrap());
        let counter = Counter(vector["counter"].as_u64().unwrap());
        let opened = message_key(&vector).open(sender, counter, &bytes(&vector, "sealed"));
        let came = match opened.as_ref().map(|padded| Content::from_padded(padded)) {
            Err(_) => "does_not_open",
            Ok(Err(ContentError::Malformed)) => "malformed",
            Ok(Err(ContentError::Unknown)) => "unknown",
            Ok(Ok(Content::Text(said))) => {
                assert_eq!(said.as_str(), text(&vector, "text"), "{name}");
                "text"
            }
        };
        assert_eq!(came, text(&vector, "expect"), "{name}");
        if came == "text" {
            let padded = Content::text(text(&vector, "text")).unwrap().to_padded();
            assert_eq!(hex(&padded), text(&vector, "padded"), "{name}");
            let sealed = message_key(&vector).seal(array(&vector, "nonce"), sender, counter, &padded).unwrap();
            assert_eq!(hex(&sealed), text(&vector, "sealed"), "{name}");
        }
    }
}

/// The two modules as the server serves them: the derivation stretches, the session shows the
/// verifier at the door and opens a message under the key that a vector names.
async fn in_the_browser(engine: Engine) {
    const WALK: &str = r"
        const [vectors, derive, session] = arguments;
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
            const visit = new Session(0, false, vector.room, 'Bo', '');
            visit.answered(0, 200, json({ salt: base64(unhex(vector.server_salt)), build: '' }));
            found.canonical_room = outputs(visit).find(({ kind }) => kind === 'stretch').text;
            visit.stretched(0, stretched);
            found.wiped = stretched.every((byte) => byte === 0);
            const { bytes } = outputs(visit).find(({ kind }) => kind === 'post');
            found.verifier = JSON.parse(new TextDecoder().decode(bytes)).verifier;
            visit.answered(0, 200, json({ room_id: base64(unhex(vector.room_id)), member_id: 2, token: base64(new Uint8Array(32)) }));
            visit.opened(0);
            visit.received(0, unhex(vector.welcome));
            visit.received(0, unhex(vector.message));
            const shown = outputs(visit).filter(({ kind }) => kind === 'show').map(({ text }) => JSON.parse(text));
            found.text = shown.find(({ type }) => type === 'message')?.text;
            return found;
          });
        };
        return walk();
    ";
    play(&format!("vectors in {engine:?}"), async |scene| {
        let person = scene.person("Ana", engine).await;
        let server = Server::start().await;
        person.open(&format!("{}/login", server.origin())).await;
        let script = person.runs("return document.querySelector('script[src]').src", &[]).await;
        let base = script.as_str().unwrap().split("/js/").next().unwrap().to_owned();
        let mut given = vectors("keys.json");
        for vector in given.iter_mut().filter(|vector| vector["expect"] == "ok") {
            let person = |id, name: &str| wire::Person {
                member_id: MemberId(id),
                name: name.parse().unwrap(),
                counter: Counter(0),
                connected: true,
            };
            let people = vec![person(1, "Ana"), person(2, "Bo")];
            let welcome = wire::ServerFrame::Welcome(wire::Welcome { seq: wire::Seq(1), people });
            vector["welcome"] = json!(hex(&welcome.to_bytes()));
            let key = MessageKey::new(array(vector, "message_key").into());
            let padded = Content::text("opened").unwrap().to_padded();
            let sealed = key.seal([1; 24], MemberId(1), Counter(1), &padded).unwrap();
            let (seq, sender, counter) = (wire::Seq(2), MemberId(1), Counter(1));
            let message = wire::ServerFrame::Message { seq, sender, counter, sealed: &sealed };
            vector["message"] = json!(hex(&message.to_bytes()));
        }
        let modules = [json!(format!("{base}/wasm/derive.js")), json!(format!("{base}/wasm/session.js"))];
        let found = person.runs(WALK, &[json!(given), modules[0].clone(), modules[1].clone()]).await;
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
                assert_eq!(found["text"], "opened", "{name}: the message key");
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
