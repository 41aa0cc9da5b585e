//! Checks every row of the table in `docs/PROTOCOL.md`, section 8: produces the case against the real server or in the
//! real client core, and checks that another member's connection is not affected. The sentences that a user reads are
//! not in the table; the server's are compared with `Refusal::words`.

use std::{
    collections::BTreeSet,
    fmt::Display,
    fs,
    sync::atomic::{AtomicU32, Ordering},
};

use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use stretch::person_verifier;
use support::{
    client::{Person, Socket, now, seed},
    gate::{Mail, State},
    root,
    server::Server,
    within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{
        Error as WsError, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, frame::coding::CloseCode as CloseReason},
    },
};
use web_crypto::session::{Input, Intent, Output, Session};
use wire::{ClientFrame, CloseCode, Counter, Epoch, Hello, MemberId, Refusal, RoomId, Seq, limits};

/// A row of section 8.
struct Row {
    /// Status and code, such as "403 `wrong_credentials`", "close 4000" or "local `stale`".
    answer: String,
    /// The meaning, which identifies the row in the tests below.
    case: String,
    client: String,
}

/// Returns the rows of section 8, which has one table with the columns status, code, meaning and client.
fn table() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/PROTOCOL.md")).unwrap();
    let section = text.split("\n## 8.").nth(1).expect("section 8");
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(2).map(cells);
    rows.map(|row| {
        let [status, code, case, client] = <[String; 4]>::try_from(row).unwrap();
        Row { answer: format!("{status} {code}"), case, client }
    })
    .collect()
}

#[test]
fn table_matches_the_code() {
    let rows = table();
    let refusals = Refusal::ALL.iter().map(|refusal| format!("{} `{}`", refusal.status(), refusal.code()));
    let closes = CloseCode::ALL.iter().map(|code| format!("close {}", code.number()));
    let in_code = refusals.chain(closes).collect::<Vec<_>>();
    let in_table = rows.iter().map(|row| row.answer.clone()).filter(|answer| !answer.starts_with("local"));
    assert_eq!(in_table.collect::<Vec<_>>(), in_code);
    let closes = rows.iter().filter(|row| row.answer.starts_with("close"));
    for (row, code) in closes.zip(CloseCode::ALL) {
        let client = if code.reconnect() { "Connects again" } else { "Ends the session" };
        assert!(row.client.starts_with(client), "{}: {}", row.answer, row.client);
    }
}

/// A room with Ana and Bo, created with plain requests, and their admissions.
struct Scene {
    server: Server,
    verifier: String,
    ana: Value,
    bo: Value,
}

fn bytes32(byte: u8) -> String {
    wire::Token::from([byte; 32]).to_text()
}

fn room_id(byte: u8) -> Value {
    serde_json::to_value(RoomId([byte; 16])).unwrap()
}

impl Scene {
    async fn new(flags: &[&str]) -> Self {
        // The test acts as a trusted proxy, so that requests can come from several addresses.
        let flags = [&["--trusted-proxy", "127.0.0.1/32", "--log", "cloakroom=debug"], flags].concat();
        let server = Server::with(&flags).await;
        let verifier = bytes32(7);
        let create = json!({ "room": "Book club", "user": "Ana", "room_id": room_id(1), "verifier": verifier });
        let (status, ana) = server.post("/api/create", &create).await;
        assert_eq!(status, 200, "{ana}");
        let join = json!({ "room": "Book club", "user": "Bo", "verifier": verifier });
        let (status, bo) = server.post("/api/join", &join).await;
        assert_eq!(status, 200, "{bo}");
        Self { server, verifier, ana, bo }
    }

    /// Returns a hello, with a higher attempt each time.
    fn hello(&self, member: &Value) -> Hello {
        static ATTEMPTS: AtomicU32 = AtomicU32::new(1);
        Hello {
            room_id: serde_json::from_value(self.ana["room_id"].clone()).unwrap(),
            member_id: serde_json::from_value(member["member_id"].clone()).unwrap(),
            token: serde_json::from_value(member["token"].clone()).unwrap(),
            attempt: ATTEMPTS.fetch_add(1, Ordering::Relaxed),
            seq: Seq(0),
            verifier: None,
        }
    }

    async fn socket(&self) -> Socket {
        connect_async(format!("ws://{}/api/socket", self.server.address)).await.unwrap().0
    }

    /// Opens a socket, sends a hello and waits for the welcome.
    async fn connected(&self, member: &Value) -> Socket {
        let mut socket = self.socket().await;
        send(&mut socket, ClientFrame::Hello(self.hello(member))).await;
        assert_eq!(frame(&mut socket).await[1], 0x81, "a welcome");
        socket
    }

    async fn join(&self, body: Value) -> String {
        answer(self.server.post("/api/join", &body).await)
    }

    async fn create(&self, body: Value) -> String {
        answer(self.server.post("/api/create", &body).await)
    }

    /// Sends raw bytes, for requests that no client would send.
    async fn raw(&self, head: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.server.address).await.unwrap();
        let length =
            if head.contains("content-length") { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let head = format!("{head}\r\n{length}connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut text = Vec::new();
        within("an answer", stream.read_to_end(&mut text)).await.unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("content-security-policy: "), "every answer has the headers: {text}");
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        answer((status, serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap()))
    }
}

/// Returns status and code, formatted as in the table.
fn answer((status, body): (u16, Value)) -> String {
    match body["error"].as_str() {
        Some(code) => coded(status, code, body["message"].as_str().unwrap()),
        None => format!("{status}"),
    }
}

/// Returns status and code, formatted as in the table. Checks that a refusal has its own words.
fn coded(status: impl Display, code: &str, words: &str) -> String {
    if let Some(refusal) = Refusal::ALL.iter().find(|refusal| refusal.code() == code) {
        assert_eq!(words, refusal.words(), "{code}");
    }
    format!("{status} `{code}`")
}

fn epoch(number: u64) -> Epoch {
    Epoch { generation: 0, number }
}

fn message(epoch: Epoch, counter: u64, sealed: &[u8]) -> ClientFrame<'_> {
    ClientFrame::Message { epoch, counter: Counter(counter), sealed }
}

/// A knock as the server sees it, which cannot open it.
const KNOCK: ClientFrame<'static> = ClientFrame::Knock { generation: 0, sealed: b"knock" };

/// Lets Bo knock, and lets Ana, whose group is in this epoch, admit him.
async fn let_in(ana: &mut Socket, bo: &mut Socket, number: u64) {
    send(bo, KNOCK).await;
    kind(ana, 0x89).await;
    let (admitted, commit, welcome) = (vec![MemberId(2)], &b"commit"[..], &b"welcome"[..]);
    send(ana, ClientFrame::Commit { epoch: epoch(number), admitted, removed: vec![], commit, welcome }).await;
    kind(bo, 0x8a).await;
}

/// Waits for a frame of this kind.
async fn kind(socket: &mut Socket, wanted: u8) -> Vec<u8> {
    loop {
        let frame = frame(socket).await;
        if frame[1] == wanted {
            return frame;
        }
    }
}

const JSON: &str = "host: localhost\r\ncontent-type: application/json";

async fn send(socket: &mut Socket, frame: ClientFrame<'_>) {
    socket.send(Message::binary(frame.to_bytes())).await.unwrap();
}

async fn frame(socket: &mut Socket) -> Vec<u8> {
    within("a frame", async {
        loop {
            if let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() {
                return bytes.to_vec();
            }
        }
    })
    .await
}

/// Waits until the socket is closed. Returns the close code.
async fn closed(mut socket: Socket) -> String {
    let code = within("the socket is closed", async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map_or(1005, |frame| u16::from(frame.code)),
                Some(Ok(_)) => {}
                other => panic!("the socket ended without a code: {other:?}"),
            }
        }
    });
    format!("close {}", code.await)
}

/// Opens a socket, sends these messages, after a hello if `hello`, and waits for the close.
async fn after(scene: &Scene, hello: bool, messages: Vec<Message>) -> String {
    let mut socket = if hello { scene.connected(&scene.bo).await } else { scene.socket().await };
    for message in messages {
        socket.send(message).await.unwrap();
    }
    closed(socket).await
}

/// Connects Bo, sends raw bytes instead of a frame, and waits for the close.
async fn after_raw(scene: &Scene, bytes: &[u8]) -> String {
    let mut socket = scene.connected(&scene.bo).await;
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = socket.get_mut() else { panic!("plain TCP") };
    stream.write_all(bytes).await.unwrap();
    closed(socket).await
}

/// Returns the refusal that the client core shows for these inputs, formatted as in the table.
fn core(room: &str, user: &str, inputs: Vec<Input<'_>>) -> String {
    let mut session = Session::new(Intent::Join, room, user, "this build", seed().into());
    let mut shown = String::new();
    for input in inputs {
        session.handle(input, now());
    }
    while let Some(output) = session.poll() {
        if let Output::Show(view) = output {
            let view = serde_json::to_value(view).unwrap();
            if view["type"] == "refused" {
                shown = coded("local", view["code"].as_str().unwrap(), view["words"].as_str().unwrap());
            }
        }
    }
    shown
}

fn stretched(password: &str) -> String {
    let error = web_crypto::stretch::stretch(password, &"Book club".parse().unwrap(), &[0; 32].into()).err().unwrap();
    core("Book club", "Ana", vec![Input::NotStretched(error.code(), &error.to_string())])
}

/// Returns the gate of a case about a gate.
fn gate_of(case: &str) -> Option<&'static str> {
    match case {
        "the gate requires a pass" | "wrong access token" | "too many wrong passwords or tokens" => Some("token"),
        "wrong account name or account password"
        | "account right, code missing"
        | "wrong one-time code"
        | "too many wrong one-time codes" => Some("people"),
        "bad e-mail address" | "too many codes for one mailbox" | "mail cannot be sent" => Some("email"),
        _ => None,
    }
}

/// Produces a case of this gate and returns the answers. Runs alone, because it stretches passwords and runs commands.
async fn produce_at_gate(gate: &str, case: &str) -> Vec<String> {
    let state = State::new();
    let factors = state.adds_person("ana", "account of my own");
    let mut mail = Mail::start(0, &[]).await;
    let smtp = format!("smtp+plain://localhost:{}", mail.port);
    let flags = ["--gate-join", gate, "--smtp", &smtp, "--mail-from", "chat@example.org"];
    let server = Server::with(&[&["--state", state.flag()], &flags[..]].concat()).await;
    let post = async |path: &str, body: Value| answer(server.post(path, &body).await);
    let person = async |password: &str, code: Option<&str>| {
        let (_, said) = server.post("/api/gate/salt", &json!({ "name": "ana" })).await;
        let salt = serde_json::from_value(said["salt"].clone()).unwrap();
        let verifier = person_verifier(password, &"ana".parse().unwrap(), &salt).unwrap();
        post("/api/gate/people", json!({ "name": "ana", "verifier": verifier, "code": code })).await
    };
    let mailbox = async |address: &str| post("/api/gate/email", json!({ "address": address })).await;
    let token = async |token: &str| post("/api/gate/token", json!({ "token": token })).await;
    let join = json!({ "room": "Book club", "user": "Cy", "verifier": bytes32(7) });
    match case {
        "the gate requires a pass" => {
            let with = |pass: &str| json!({ "room": "Book club", "user": "Cy", "verifier": bytes32(7), "pass": pass });
            vec![post("/api/join", join).await, post("/api/join", with("AAAA")).await]
        }
        "wrong access token" => vec![token("guess").await],
        "too many wrong passwords or tokens" => {
            for _ in 0..limits::GUESSES {
                token("guess").await;
            }
            vec![token("guess").await]
        }
        "wrong account name or account password" => vec![person("account of another", None).await],
        "account right, code missing" => vec![person("account of my own", None).await],
        "wrong one-time code" => vec![person("account of my own", Some("12345")).await],
        "too many wrong one-time codes" => {
            let right = [-1, 0, 1].map(|steps| factors.code(steps));
            let wrong = (0..).map(|n| format!("{n:06}")).find(|code| !right.contains(code)).unwrap();
            for _ in 0..limits::GUESSES {
                person("account of my own", Some(&wrong)).await;
            }
            vec![person("account of my own", Some(&wrong)).await]
        }
        "bad e-mail address" => vec![mailbox("ana@").await],
        "too many codes for one mailbox" => {
            for _ in 0..limits::MAILS_PER_HOUR {
                mailbox("ana@example.org").await;
            }
            vec![mailbox("ana@example.org").await]
        }
        _ => {
            mail.stop().await;
            vec![mailbox("ana@example.org").await]
        }
    }
}

/// Produces a case in each way that its row names, and returns the answers.
async fn produce(case: &str) -> Vec<String> {
    let scene = match case {
        "room full" => Scene::new(&["--max-members", "2"]).await,
        "too many rooms created or join attempts from one address" => {
            Scene::new(&["--creates-per-minute", "1", "--joins-per-minute", "1"]).await
        }
        "too many connections from one address" => Scene::new(&["--max-connections-per-address", "1"]).await,
        "too many rooms on the server" => Scene::new(&["--max-rooms", "1"]).await,
        "the member reads too slowly; the code may not arrive" => Scene::new(&["--max-queue-bytes", "65536"]).await,
        _ => Scene::new(&[]).await,
    };
    let mut ana = scene.connected(&scene.ana).await;
    let (verifier, s) = (scene.verifier.clone(), &scene);
    let leave = |token: Value| json!({ "room_id": s.ana["room_id"], "member_id": s.bo["member_id"], "token": token });
    let from = |address: &str| format!("{JSON}\r\nx-forwarded-for: {address}");
    let answers = match case {
        "the body is not the JSON object expected, or not UTF-8; not a WebSocket handshake" => vec![
            s.raw("GET /api/socket HTTP/1.1\r\nhost: localhost", b"").await,
            s.raw(&format!("POST /api/join HTTP/1.1\r\n{JSON}"), b"{").await,
            s.raw(&format!("POST /api/join HTTP/1.1\r\n{JSON}"), b"{\"room\": 3}").await,
            s.raw(&format!("POST /api/salt HTTP/1.1\r\n{JSON}"), b"[\"Book club\"]").await,
            s.raw(&format!("POST /api/join HTTP/1.1\r\n{JSON}"), json!(["x", "Cy", verifier]).to_string().as_bytes())
                .await,
            answer(s.server.post("/api/leave", &json!([s.bo["room_id"], s.bo["member_id"], s.bo["token"]])).await),
            answer(
                s.server
                    .post("/api/leave", &json!({ "room_id": room_id(1), "member_id": 0, "token": bytes32(3) }))
                    .await,
            ),
            s.raw(&format!("POST /api/salt HTTP/1.1\r\n{JSON}\r\ntransfer-encoding: chunked"), b"2\r\n{}\r\n0\r\n\r\n")
                .await,
            s.raw(&format!("POST /api/salt HTTP/1.1\r\n{JSON}"), b"{\"room\": \"\xff\xfe\"}").await,
            s.join(json!({ "room": "Book club", "user": "Cy", "verifier": "too short" })).await,
        ],
        "wrong password; unknown room" => vec![
            s.join(json!({ "room": "Book club", "user": "Bo", "verifier": bytes32(8) })).await,
            s.join(json!({ "room": "Cook club", "user": "Bo", "verifier": verifier })).await,
        ],
        "request from another site" => vec![
            s.raw(&format!("POST /api/join HTTP/1.1\r\n{JSON}\r\norigin: http://evil.example"), b"{}").await,
            s.raw(&format!("POST /api/leave HTTP/1.1\r\n{JSON}\r\norigin: null"), b"{}").await,
            s.raw("GET /api/socket HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example", b"").await,
        ],
        "leaving with an unknown token or another member's token" => vec![
            answer(s.server.post("/api/leave", &leave(json!(bytes32(3)))).await),
            answer(s.server.post("/api/leave", &leave(s.ana["token"].clone())).await),
        ],
        "leaving from another address" => {
            let body = leave(s.bo["token"].clone()).to_string();
            vec![s.raw(&format!("POST /api/leave HTTP/1.1\r\n{}", from("192.0.2.1")), body.as_bytes()).await]
        }
        "no such page" => vec![s.raw(&format!("POST /api/nothing HTTP/1.1\r\n{JSON}"), b"{}").await],
        "wrong method" => vec![
            s.raw("GET /api/join HTTP/1.1\r\nhost: localhost", b"").await,
            s.raw("POST /api/socket HTTP/1.1\r\nhost: localhost", b"").await,
        ],
        "request too slow" => {
            vec![s.raw(&format!("POST /api/join HTTP/1.1\r\n{JSON}\r\ncontent-length: 9"), b"{").await]
        }
        "room name taken on create" => vec![
            s.create(json!({ "room": "BOOK сlub", "user": "Eve", "room_id": room_id(2), "verifier": verifier })).await,
        ],
        "user name taken" => {
            vec![s.join(json!({ "room": "Book club", "user": "ANА", "verifier": verifier })).await]
        }
        "room full" => vec![s.join(json!({ "room": "Book club", "user": "Cy", "verifier": verifier })).await],
        "room id in use" => {
            vec![s.create(json!({ "room": "Other", "user": "Eve", "room_id": room_id(1), "verifier": verifier })).await]
        }
        "request too large" => {
            vec![s.join(json!({ "room": "Book club", "user": "x".repeat(9000), "verifier": verifier })).await]
        }
        "body not application/json" => vec![
            s.raw("POST /api/leave HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain", b"{}").await,
            s.raw("POST /api/leave HTTP/1.1\r\nhost: localhost", b"{}").await,
        ],
        "host not served" => vec![
            s.raw("GET / HTTP/1.1\r\nhost: evil.example", b"").await,
            s.raw("POST /api/join HTTP/1.1\r\nhost: evil.example\r\norigin: http://evil.example", b"").await,
        ],
        "bad room name" => vec![
            s.join(json!({ "room": "a\u{7}b", "user": "Cy", "verifier": verifier })).await,
            answer(s.server.post("/api/salt", &json!({ "room": " " })).await),
            core("\u{200b}", "Ana", vec![]).replace("local", "422"),
        ],
        "bad user name" => {
            vec![
                s.join(json!({ "room": "Book club", "user": "x".repeat(65), "verifier": verifier })).await,
                core("Book club", "", vec![]).replace("local", "422"),
                core("Book club", &format!("a{}", "\u{301}".repeat(63)), vec![]).replace("local", "422"),
            ]
        }
        "WebSocket version other than 13" => {
            let opening = "GET /api/socket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                           sec-websocket-version: 8\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==";
            vec![s.raw(opening, b"").await]
        }
        "too many connections from one address" => {
            // Ana has the only connection of her address. Other addresses are not affected.
            let open = |address: &str| {
                let mut request = format!("ws://{}/api/socket", s.server.address).into_client_request().unwrap();
                request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
                connect_async(request)
            };
            let elsewhere = open("192.0.2.1").await.unwrap();
            let WsError::Http(refused) = open("192.0.2.1").await.unwrap_err() else { panic!("refused by HTTP") };
            let body = serde_json::from_slice(refused.body().as_ref().unwrap()).unwrap();
            drop(elsewhere);
            // Without a proxy, every request on such a connection is refused.
            let direct = Server::with(&["--max-connections-per-address", "1"]).await;
            let first = TcpStream::connect(&direct.address).await.unwrap();
            let second = direct.post("/api/salt", &json!({ "room": "Club" })).await;
            drop(first);
            vec![answer((refused.status().as_u16(), body)), answer(second)]
        }
        "too many rooms created or join attempts from one address" => vec![
            s.create(json!({ "room": "Two", "user": "Eve", "room_id": room_id(2), "verifier": verifier })).await,
            s.join(json!({ "room": "Book club", "user": "Cy", "verifier": verifier })).await,
        ],
        // No request causes this.
        "server error" => return Vec::new(),
        "too many rooms on the server" => {
            vec![s.create(json!({ "room": "Two", "user": "Eve", "room_id": room_id(2), "verifier": verifier })).await]
        }
        "the member left" => vec![after(s, true, vec![Message::binary(ClientFrame::Leave.to_bytes())]).await],
        // A reserved opcode, masked and empty.
        "bytes that are not WebSocket frames" => vec![after_raw(s, &[0x83, 0x80, 0, 0, 0, 0]).await],
        "text that is not UTF-8" => vec![after_raw(s, &[0x81, 0x81, 0, 0, 0, 0, 0xff]).await],
        "frame too large" => {
            let message = message(epoch(0), 1, &[1; limits::MESSAGE_BYTES + 1]).to_bytes();
            vec![
                after(s, true, vec![Message::binary(vec![1; limits::FRAME_BYTES + 1])]).await,
                after(s, true, vec![Message::binary(message)]).await,
            ]
        }
        "the server is stopping" => {
            let socket = s.connected(&s.bo).await;
            s.server.terminate();
            return vec![closed(socket).await, closed(ana).await];
        }
        "too many hellos" => {
            for _ in 0..limits::HELLOS {
                s.connected(&s.bo).await;
            }
            vec![after(s, false, vec![Message::binary(ClientFrame::Hello(s.hello(&s.bo)).to_bytes())]).await]
        }
        "malformed frame; text message" => vec![
            after(s, true, vec![Message::binary(vec![])]).await,
            after(s, true, vec![Message::binary(vec![1, 0x7f])]).await,
            after(
                s,
                false,
                vec![Message::binary(
                    ClientFrame::Hello(Hello { member_id: MemberId(0), ..s.hello(&s.bo) }).to_bytes(),
                )],
            )
            .await,
            after(s, true, vec![Message::text("hello")]).await,
            after(s, false, vec![Message::text("hello")]).await,
            after(s, true, vec![Message::binary(ClientFrame::Hello(s.hello(&s.bo)).to_bytes())]).await,
        ],
        "frame of unknown version" => vec![
            after(s, false, vec![Message::binary(vec![2, 1])]).await,
            after(s, true, vec![Message::binary(vec![0, 4])]).await,
        ],
        "no hello as the first frame within 10 s" => {
            // One socket begins with another frame. The other sends nothing for ten seconds.
            let message = message(epoch(0), 1, b"x").to_bytes();
            vec![after(s, false, vec![Message::binary(message)]).await, after(s, false, vec![]).await]
        }
        "hello with a token of another member or another room" => {
            let stolen = Hello { member_id: s.hello(&s.bo).member_id, ..s.hello(&s.ana) };
            let other = json!({ "room": "Other", "user": "Eve", "room_id": room_id(2), "verifier": verifier });
            let (_, eve) = s.server.post("/api/create", &other).await;
            let foreign = Hello { member_id: s.hello(&s.bo).member_id, ..s.hello(&eve) };
            vec![
                after(s, false, vec![Message::binary(ClientFrame::Hello(stolen).to_bytes())]).await,
                after(
                    s,
                    false,
                    vec![Message::binary(ClientFrame::Hello(Hello { room_id: RoomId([1; 16]), ..foreign }).to_bytes())],
                )
                .await,
            ]
        }
        "hello for a room or member that the server does not know: it left, it was removed, or the server restarted" => {
            assert_eq!(answer(s.server.post("/api/leave", &leave(s.bo["token"].clone())).await), "204");
            let hello = |hello| Message::binary(ClientFrame::Hello(hello).to_bytes());
            let elsewhere = Hello { room_id: RoomId([9; 16]), ..s.hello(&s.ana) };
            let nobody = Hello { member_id: MemberId(99), ..s.hello(&s.ana) };
            vec![
                after(s, false, vec![hello(s.hello(&s.bo))]).await,
                after(s, false, vec![hello(elsewhere)]).await,
                after(s, false, vec![hello(nobody)]).await,
            ]
        }
        "hello from another address than the token is bound to" => {
            let hello = |verifier: Option<&str>| Hello {
                verifier: verifier.map(|text| serde_json::from_value(json!(text)).unwrap()),
                ..s.hello(&s.bo)
            };
            let open = |hello: Hello, address: &'static str| async move {
                let mut request = format!("ws://{}/api/socket", s.server.address).into_client_request().unwrap();
                request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
                let mut socket = connect_async(request).await.unwrap().0;
                send(&mut socket, ClientFrame::Hello(hello)).await;
                socket
            };
            let refused = vec![
                closed(open(hello(None), "192.0.2.1").await).await,
                closed(open(hello(Some(&bytes32(8))), "192.0.2.1").await).await,
            ];
            // The right verifier binds the token to the new address, and the old address is refused.
            let mut moved = open(hello(Some(&verifier)), "192.0.2.1").await;
            assert_eq!(frame(&mut moved).await[1], 0x81);
            assert!(closed(open(hello(None), "192.0.2.2").await).await.starts_with("close 4005"));
            refused
        }
        "a newer socket of the member took over; or the hello is late or a copy" => {
            let older = s.connected(&s.bo).await;
            let _newer = s.connected(&s.bo).await;
            let mut replaced = vec![closed(older).await];
            let [late, hello] = [(); 2].map(|()| s.hello(&s.bo));
            let mut newest = s.socket().await;
            send(&mut newest, ClientFrame::Hello(hello.clone())).await;
            assert_eq!(frame(&mut newest).await[1], 0x81);
            // A late hello, a copy of the current one, and one without an attempt number.
            for refused in [late, hello.clone(), Hello { attempt: 0, ..hello }] {
                replaced.push(after(s, false, vec![Message::binary(ClientFrame::Hello(refused).to_bytes())]).await);
            }
            send(&mut newest, ClientFrame::Ping).await;
            assert_eq!(frame(&mut newest).await[1], 0x87, "the newest socket stays connected");
            replaced
        }
        "the member reads too slowly; the code may not arrive" => {
            let mut slow = s.connected(&s.bo).await;
            let_in(&mut ana, &mut slow, 0).await;
            let sealed = vec![1; 60_000];
            for counter in 1..400 {
                send(&mut ana, message(epoch(1), counter, &sealed)).await;
                let accepted = 0x83;
                while frame(&mut ana).await[1] != accepted {}
                if s.server.log().contains("code=4007") {
                    break;
                }
            }
            s.server.logged("code=4007").await;
            vec![closed(slow).await]
        }
        "nothing received for 28 s" => {
            // Nobody reads this socket, so nothing answers its pings. Only its TCP connection is alive.
            let mut socket = s.connected(&s.bo).await;
            let alive = async { while ana.next().await.is_some() {} };
            tokio::select! {
                _ = s.server.logged("code=4008") => {}
                () = alive => panic!("Ana answers pings, but was disconnected too"),
            }
            let tokio_tungstenite::MaybeTlsStream::Plain(stream) = socket.get_mut() else { panic!("plain TCP") };
            let mut bytes = Vec::new();
            within("the end", stream.read_to_end(&mut bytes)).await.unwrap();
            let code = u16::from_be_bytes(bytes[bytes.len() - 2..].try_into().unwrap());
            vec![format!("close {code}")]
        }
        "a message counter was skipped" => {
            send(&mut ana, message(epoch(0), 2, b"x")).await;
            let code = closed(ana).await;
            ana = s.connected(&s.ana).await;
            vec![code]
        }
        "removed: the others could not open its commits, or it was stuck too often" => {
            let mut bo = s.connected(&s.bo).await;
            for number in 0..4 {
                let_in(&mut ana, &mut bo, number).await;
                send(&mut bo, ClientFrame::Stuck { epoch: epoch(number + 1) }).await;
            }
            let stuck = closed(bo).await;
            // In a second room, Ana cannot open Bo's commit.
            let scene = Scene::new(&[]).await;
            let (mut ana, mut bo) = (scene.connected(&scene.ana).await, scene.connected(&scene.bo).await);
            let_in(&mut ana, &mut bo, 0).await;
            let (epoch, commit) = (epoch(1), &b"commit"[..]);
            send(&mut bo, ClientFrame::Commit { epoch, admitted: vec![], removed: vec![], commit, welcome: b"" }).await;
            send(&mut ana, message(epoch, 1, b"I am in")).await;
            kind(&mut ana, 0x88).await;
            send(&mut ana, ClientFrame::Stuck { epoch }).await;
            assert_eq!(kind(&mut ana, 0x8b).await.last(), Some(&1), "Ana founds the group anew");
            vec![stuck, closed(bo).await]
        }
        "every connected member of the group declined the knock" => {
            let mut bo = s.connected(&s.bo).await;
            send(&mut bo, KNOCK).await;
            kind(&mut ana, 0x89).await;
            send(&mut ana, ClientFrame::Decline { epoch: epoch(0), members: vec![MemberId(2)] }).await;
            vec![closed(bo).await]
        }
        "password too short" => vec![stretched("1234567")],
        "password too long" => vec![stretched(&"x".repeat(1025))],
        "no answer from the server" => vec![core("Book club", "Ana", vec![Input::Unanswered])],
        "page of another build" => {
            let body = json!({ "salt": bytes32(1), "build": "another build" }).to_string();
            vec![core("Book club", "Ana", vec![Input::Answered { status: 200, body: body.as_bytes() }])]
        }
        // Tested with the client core and in browsers.
        "too little memory for Argon2id"
        | "no socket opens, while `/api/salt` is answered"
        | "text empty or too long"
        | "too many messages not accepted yet"
        | "picture too large"
        | "too many pictures not accepted yet"
        | "picture with pieces missing, or other than offered"
        | "picture whose header differs from the offer"
        | "picture that its sender cancelled"
        | "message that does not open or is not well formed"
        | "content of unknown kind"
        | "message with a counter seen before"
        | "messages missing"
        | "group with other members than are named"
        | "group with other members than are named, when the session ends" => return Vec::new(),
        other => panic!("no test for this case: {other}"),
    };
    // Ana's connection was not affected.
    send(&mut ana, ClientFrame::Ping).await;
    let pong = 0x87;
    while frame(&mut ana).await[1] != pong {}
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_gets_the_answer_in_the_table() {
    let rows = table();
    assert_eq!(rows.iter().map(|row| &row.case).collect::<BTreeSet<_>>().len(), rows.len(), "each case occurs once");
    let check = |row: &Row, answers: Vec<String>| {
        for answer in answers {
            assert_eq!(answer, row.answer, "{}", row.case);
        }
    };
    let (gated, others) = rows.iter().partition::<Vec<_>, _>(|row| gate_of(&row.case).is_some());
    join_all(others.into_iter().map(async |row| check(row, produce(&row.case).await))).await;
    for row in gated {
        let gate = gate_of(&row.case).unwrap();
        check(row, produce_at_gate(gate, &row.case).await);
    }
}

#[tokio::test]
async fn salt_depends_only_on_the_room_name() {
    let server = Server::start().await;
    let salt = |room: &'static str| {
        let server = &server;
        async move { server.post("/api/salt", &json!({ "room": room })).await.1["salt"].clone() }
    };
    let before = salt("Book club").await;
    assert_eq!(before, salt("  Book   club ").await);
    let _ana = Person::create(&server.address, "Book club", "Ana", "correct horse battery").await.unwrap();
    assert_eq!(before, salt("Book club").await);
    assert_ne!(before, salt("Cook club").await);
}

/// A verifier in a hello is a guess at the password, and limited like a join.
#[tokio::test]
async fn hellos_with_a_verifier_count_as_joins() {
    let scene = Scene::new(&["--joins-per-minute", "1"]).await;
    // The scene's own join came from 127.0.0.1. These come from another address, with Bo's token and one guess each.
    let mut codes = Vec::new();
    for guess in [8, 7] {
        let mut request = format!("ws://{}/api/socket", scene.server.address).into_client_request().unwrap();
        request.headers_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        let mut socket = connect_async(request).await.unwrap().0;
        let verifier = Some(serde_json::from_value(json!(bytes32(guess))).unwrap());
        send(&mut socket, ClientFrame::Hello(Hello { verifier, ..scene.hello(&scene.bo) })).await;
        codes.push(closed(socket).await);
    }
    assert_eq!(codes, ["close 4005", "close 4005"], "the second guess was right, but not checked");
}

/// A browser closes the socket with code 1001 when it closes a page, and also when it suspends one that may return.
#[tokio::test]
async fn closing_page_may_come_back_soon() {
    let scene = Scene::new(&[]).await;
    let mut ana = scene.connected(&scene.ana).await;
    let mut bo = scene.connected(&scene.bo).await;
    let_in(&mut ana, &mut bo, 0).await;
    let going_away = CloseFrame { code: CloseReason::Away, reason: "".into() };
    bo.close(Some(going_away.clone())).await.unwrap();
    let hello = Message::binary(ClientFrame::Hello(scene.hello(&scene.bo)).to_bytes());
    let mut bo = scene.socket().await;
    bo.send(hello.clone()).await.unwrap();
    assert_eq!(frame(&mut bo).await[1], 0x81, "a welcome");
    bo.close(Some(going_away)).await.unwrap();
    // Longer than the short grace period of 10 s; the usual one is 60 s, longer than a test waits.
    assert_eq!(kind(&mut ana, 0x85).await[14], 1, "its connection was lost");
    let back = after(&scene, false, vec![hello]).await;
    assert!(back.starts_with("close 4004"), "{back}");
}

/// A client's close is answered with a close (RFC 6455, section 5.5.1).
#[tokio::test]
async fn close_is_answered() {
    let scene = Scene::new(&[]).await;
    for hello in [true, false] {
        let mut socket = if hello { scene.connected(&scene.bo).await } else { scene.socket().await };
        socket.close(None).await.unwrap();
        assert!(closed(socket).await.starts_with("close 1005"));
    }
}
