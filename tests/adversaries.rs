//! Clients that mean harm: what they do costs a bounded amount, and nobody else's connection.

use std::{fs, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::{client::Socket, server::Server, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{interval, timeout},
};
use tokio_tungstenite::{MaybeTlsStream, client_async, connect_async, tungstenite::Message};
use wire::{ClientFrame, CloseCode, Counter, Epoch, Hello, RoomId, Seq, ServerFrame};

/// A room's only member, by plain requests.
async fn member(server: &Server) -> Value {
    let verifier = wire::Verifier::from([7; 32]).to_text();
    let create = json!({ "room": "Club", "user": "Ana", "room_id": RoomId([1; 16]), "verifier": verifier });
    let (status, member) = server.post("/api/create", &create).await;
    assert_eq!(status, 200);
    member
}

fn hello(member: &Value) -> Vec<u8> {
    let field = |name: &str| member[name].clone();
    let hello = Hello {
        room_id: serde_json::from_value(field("room_id")).unwrap(),
        member_id: serde_json::from_value(field("member_id")).unwrap(),
        token: serde_json::from_value(field("token")).unwrap(),
        seq: Seq(0),
        verifier: None,
    };
    ClientFrame::Hello(hello).to_bytes()
}

async fn socket(server: &Server) -> Socket {
    connect_async(format!("ws://{}/api/socket", server.address)).await.unwrap().0
}

async fn seated(server: &Server, member: &Value) -> Socket {
    let mut socket = socket(server).await;
    socket.send(Message::binary(hello(member))).await.unwrap();
    let welcome = within("a welcome", socket.next()).await.unwrap().unwrap().into_data();
    assert!(matches!(ServerFrame::parse(&welcome), Ok(ServerFrame::Welcome(_))));
    socket
}

fn stream(socket: &mut Socket) -> &mut TcpStream {
    let MaybeTlsStream::Plain(stream) = socket.get_mut() else { panic!("plain TCP") };
    stream
}

/// A connection that takes in as little as the system allows.
async fn narrow(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.connect(server.address.parse().unwrap()).await.unwrap()
}

/// Memory that the server has in use, in KiB.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Masked, with a mask of zeros (RFC 6455, section 5.2).
fn masked(opcode: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    assert!(length < 126);
    [&[0x80 | opcode, 0x80 | length, 0, 0, 0, 0], body].concat()
}

/// Writes this again and again without reading, until the server takes no more or so many bytes are out.
async fn flood(stream: &mut TcpStream, frame: &[u8], bytes: usize) {
    let chunk = frame.repeat(64 * 1024 / frame.len());
    for _ in 0..bytes / chunk.len() {
        match timeout(Duration::from_secs(2), stream.write_all(&chunk)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    }
}

#[tokio::test]
async fn pings_without_reading_fill_nothing() {
    let server = Server::start().await;
    let before = resident(&server);
    let mut stream = narrow(&server).await;
    let upgrade = "GET /api/socket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    flood(&mut stream, &masked(0x9, &[b'x'; 125]), 20_000_000).await;
    assert!(resident(&server) < before + 10_000, "from {before} to {} KiB", resident(&server));

    let member = member(&server).await;
    let url = format!("ws://{}/api/socket", server.address);
    let (mut seated, _) = client_async(url, narrow(&server).await).await.unwrap();
    seated.send(Message::binary(hello(&member))).await.unwrap();
    flood(seated.get_mut(), &masked(0x2, &ClientFrame::Ping.to_bytes()), 10_000_000).await;
    assert!(resident(&server) < before + 15_000, "from {before} to {} KiB", resident(&server));
}

#[tokio::test]
async fn who_does_not_read_an_answer_does_not_keep_its_place() {
    let server = Server::with(&["--max-connections", "2"]).await;
    let page = reqwest::get(format!("http://{}/create", server.address)).await.unwrap().text().await.unwrap();
    let build = page.split("/static/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut stream = narrow(&server).await;
        let request = format!("GET /static/{build}/wasm/session_bg.wasm HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.repeat(40).as_bytes()).await.unwrap();
        idle.push(stream);
    }
    // Both places are taken, until the server gives the two of them up.
    let answer = within("a place", reqwest::get(format!("http://{}/healthz", server.address))).await;
    assert_eq!(answer.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn a_slow_line_is_not_a_silent_one() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut seated = seated(&server, &member).await;
    let frame = masked(
        0x2,
        &ClientFrame::Message { epoch: Epoch::default(), counter: Counter(1), sealed: &[1; 60] }.to_bytes(),
    );
    // A byte now and then, for longer than the server bears silence.
    let mut ticks = interval((wire::limits::SILENCE + Duration::from_secs(5)) / u32::try_from(frame.len()).unwrap());
    for byte in frame {
        ticks.tick().await;
        stream(&mut seated).write_all(&[byte]).await.unwrap();
    }
    let accepted = within("its place in the order", async {
        loop {
            if let Message::Binary(bytes) = seated.next().await.unwrap().unwrap() {
                return bytes;
            }
        }
    });
    let accepted = accepted.await;
    assert!(matches!(ServerFrame::parse(&accepted), Ok(ServerFrame::Accepted { .. })));
}

#[tokio::test]
async fn an_old_socket_cannot_take_leave_for_the_new_one() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut old = seated(&server, &member).await;
    for _ in 0..50 {
        let mut new = socket(&server).await;
        // The farewell of the old one and the hello of the new one cross.
        new.send(Message::binary(hello(&member))).await.unwrap();
        let welcome = within("a welcome", new.next()).await.unwrap().unwrap();
        let _ = old.send(Message::binary(ClientFrame::Leave.to_bytes())).await;
        assert!(matches!(ServerFrame::parse(&welcome.into_data()), Ok(ServerFrame::Welcome(_))));
        new.send(Message::binary(ClientFrame::Ping.to_bytes())).await.unwrap();
        loop {
            match within("a pong", new.next()).await.unwrap().unwrap() {
                Message::Binary(bytes) if ServerFrame::parse(&bytes) == Ok(ServerFrame::Pong) => break,
                Message::Close(frame) => panic!("the new one was closed: {frame:?}"),
                _ => {}
            }
        }
        old = new;
    }
}

#[tokio::test]
async fn nobody_holds_up_the_end() {
    let mut server = Server::start().await;
    let member = member(&server).await;
    let _gone = seated(&server, &member).await;
    let mut silent = socket(&server).await;
    let started = std::time::Instant::now();
    server.terminate();
    match within("a close", silent.next()).await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), CloseCode::Stopping.number()),
        other => panic!("no hello yet, and no word of the end: {other:?}"),
    }
    drop(silent);
    assert!(server.ended().await);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn half_a_request_does_not_hold_up_the_end() {
    let mut server = Server::start().await;
    let mut head = TcpStream::connect(&server.address).await.unwrap();
    head.write_all(b"GET / HTTP/1.1\r\nhost: loc").await.unwrap();
    let mut body = TcpStream::connect(&server.address).await.unwrap();
    let request =
        "POST /api/salt HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    body.write_all(request.as_bytes()).await.unwrap();
    // The server has both when it has answered a third.
    assert_eq!(reqwest::get(format!("http://{}/healthz", server.address)).await.unwrap().status().as_u16(), 200);
    let started = std::time::Instant::now();
    server.terminate();
    assert!(server.ended().await);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let _ = head.read(&mut [0; 1]).await;
}
