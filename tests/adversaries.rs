//! Clients that mean harm: what they do costs a bounded amount, and nobody else's connection.

use std::{
    fs,
    io::ErrorKind,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use support::{client::Socket, server::Server, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::{TcpSocket, TcpStream},
    time::{interval, sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::Role},
};
use wire::{ClientFrame, CloseCode, Counter, Epoch, Hello, RoomId, Seq, ServerFrame};

/// A room's only member, by plain requests.
async fn member(server: &Server) -> Value {
    let verifier = wire::Verifier::from([7; 32]).to_text();
    let create = json!({ "room": "Club", "user": "Ana", "room_id": RoomId([1; 16]), "verifier": verifier });
    let (status, member) = server.post("/api/create", &create).await;
    assert_eq!(status, 200);
    member
}

/// A hello, with a higher attempt each time.
fn hello(member: &Value) -> Vec<u8> {
    static ATTEMPTS: AtomicU32 = AtomicU32::new(1);
    let field = |name: &str| member[name].clone();
    let hello = Hello {
        room_id: serde_json::from_value(field("room_id")).unwrap(),
        member_id: serde_json::from_value(field("member_id")).unwrap(),
        token: serde_json::from_value(field("token")).unwrap(),
        attempt: ATTEMPTS.fetch_add(1, Ordering::Relaxed),
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

/// By which name the server's build goes in addresses.
async fn build(server: &Server) -> String {
    let page = reqwest::get(format!("http://{}/create", server.address)).await.unwrap().text().await.unwrap();
    page.split("/static/").nth(1).unwrap().split('/').next().unwrap().to_owned()
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

/// Reads the server's close, and then its end: the code.
async fn closed(socket: &mut Socket) -> Option<u16> {
    within("the end", async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                _ => return None,
            }
        }
    })
    .await
}

/// Asks and waits for the answer: what was sent before was taken by then.
async fn is_answered(socket: &mut Socket) {
    socket.send(Message::binary(ClientFrame::Ping.to_bytes())).await.unwrap();
    within("a pong", async {
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Binary(bytes) if ServerFrame::parse(&bytes) == Ok(ServerFrame::Pong) => return,
                _ => {}
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_announced_costs_nothing_until_it_comes() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut seats = vec![seated(&server, &member).await];
    is_answered(&mut seats[0]).await;
    let before = resident(&server);
    // A frame of one MiB, of which nothing comes; each newer socket replaces the one before, which stays half open.
    let head = [0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff, 0, 0, 0, 0];
    for _ in 1..wire::limits::HELLOS {
        let mut next = seated(&server, &member).await;
        stream(&mut next).write_all(&head).await.unwrap();
        stream(&mut next).write_all(&[0; 100]).await.unwrap();
        seats.push(next);
    }
    assert!(resident(&server) < before + 10_000, "from {before} to {} KiB", resident(&server));
    // Before a hello, nothing of that length is even announced.
    let mut nobody = socket(&server).await;
    stream(&mut nobody).write_all(&head).await.unwrap();
    assert_eq!(closed(&mut nobody).await, Some(CloseCode::TooBig.number()));
}

/// Messages that are never whole take what all may take together, and no more.
#[tokio::test]
async fn many_halves_do_not_fill_the_memory() {
    let server = Server::with(&["--max-total-queue-bytes", "4194304", "--log", "cloakroom=debug"]).await;
    let ana = member(&server).await;
    let mut talker = seated(&server, &ana).await;
    let before = resident(&server);
    let mut halves = Vec::new();
    for number in 2..=30_u32 {
        let verifier = wire::Verifier::from([7; 32]).to_text();
        let join = json!({ "room": "Club", "user": format!("Bo {number}"), "verifier": verifier });
        let (status, body) = server.post("/api/join", &join).await;
        assert_eq!(status, 200);
        let mut socket = seated(&server, &body).await;
        let half = [&[0x82, 0xff][..], &(1_u64 << 20).to_be_bytes(), &[0; 4], &vec![1; 900_000]].concat();
        // Some are put out before they have sent all of it.
        let _ = stream(&mut socket).write_all(&half).await;
        halves.push(socket);
    }
    server.logged("code=4007").await;
    is_answered(&mut talker).await;
    assert!(resident(&server) < before + 15_000, "from {before} to {} KiB", resident(&server));
}

/// What is answered and what ends the connection may come in one piece: the end is the last that is written.
#[tokio::test]
async fn nothing_comes_after_the_close() {
    let ping = masked(0x2, &ClientFrame::Ping.to_bytes());
    let ends = [
        (masked(0x1, b"no text"), Some(CloseCode::Malformed.number())),
        (masked(0x8, &1000_u16.to_be_bytes()), Some(1000)),
        (masked(0x2, &[1, 1, 0]), Some(CloseCode::Malformed.number())),
    ];
    for (end, code) in ends {
        let server = Server::start().await;
        let member = member(&server).await;
        for _ in 0..wire::limits::HELLOS {
            let mut seated = seated(&server, &member).await;
            let stream = stream(&mut seated);
            stream.write_all(&[&*masked(0x9, b"ping"), &ping, &ping, &end].concat()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut bytes = Vec::new();
            within("the end", stream.read_to_end(&mut bytes)).await.unwrap();
            let mut rest = &*bytes;
            let mut closed = None;
            while let [first, length, after @ ..] = rest {
                assert_eq!(closed, None, "after the close: {rest:?}");
                let (payload, after) = after.split_at(usize::from(*length));
                if first & 0xf == 0x8 {
                    closed = Some(u16::from_be_bytes(payload.try_into().unwrap()));
                }
                rest = after;
            }
            assert_eq!(closed, code);
        }
    }
}

#[tokio::test]
async fn fragments_without_end_end_at_the_bound() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut seated = seated(&server, &member).await;
    let before = resident(&server);
    let writing = stream(&mut seated);
    writing.write_all(&[0x02, 0x80, 0, 0, 0, 0]).await.unwrap();
    // Many empty ones cost nothing, and 100 bytes each fill up what a frame may have.
    writing.write_all(&[0x00, 0x80, 0, 0, 0, 0].repeat(100_000)).await.unwrap();
    assert!(resident(&server) < before + 5_000, "from {before} to {} KiB", resident(&server));
    let piece = [&[0x00, 0x80 | 100, 0, 0, 0, 0], &[0; 100][..]].concat();
    writing.write_all(&piece.repeat(wire::limits::FRAME_BYTES / 100 + 1)).await.unwrap();
    assert_eq!(closed(&mut seated).await, Some(CloseCode::TooBig.number()));
}

#[tokio::test]
async fn who_sends_too_fast_is_read_slowly() {
    let server = Server::with(&["--max-frames-per-second", "50"]).await;
    let member = member(&server).await;
    let mut seated = seated(&server, &member).await;
    let started = std::time::Instant::now();
    // 50 in each second, those apart that came in one read with them: a new connection has no burst.
    for counter in 1..=250 {
        let message = ClientFrame::Message { epoch: Epoch::default(), counter: Counter(counter), sealed: &[1; 60] };
        seated.feed(Message::binary(message.to_bytes())).await.unwrap();
    }
    seated.flush().await.unwrap();
    let mut accepted = 0;
    within("all of them are taken", async {
        while accepted < 250 {
            if let Some(Ok(Message::Binary(bytes))) = seated.next().await
                && let Ok(ServerFrame::Accepted { counter, .. }) = ServerFrame::parse(&bytes)
            {
                accepted += 1;
                assert_eq!(counter, Counter(accepted));
            }
        }
    })
    .await;
    let took = started.elapsed();
    assert!(took > Duration::from_millis(2500), "{took:?}");
    is_answered(&mut seated).await;
}

/// A connection whose request, hello and messages came at once.
async fn all_at_once(server: &Server, member: &Value, messages: usize) -> WebSocketStream<TcpStream> {
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let message = ClientFrame::Message { epoch: Epoch::default(), counter: Counter(0), sealed: &[1] }.to_bytes();
    let request = format!(
        "GET /api/socket HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        server.address
    );
    let all = [request.into_bytes(), masked(2, &hello(member)), masked(2, &message).repeat(messages)].concat();
    stream.write_all(&all).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(within("an answer", stream.read_u8()).await.unwrap());
    }
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

#[tokio::test]
async fn to_connect_again_does_not_help_one_who_sends_too_fast() {
    let server = Server::start().await;
    let member = member(&server).await;
    let started = std::time::Instant::now();
    let (mut hellos, mut last) = (0, Seq(0));
    let refused = loop {
        let mut socket = all_at_once(&server, &member, 200).await;
        match within("a welcome", socket.next()).await.unwrap().unwrap() {
            Message::Binary(bytes) => match ServerFrame::parse(&bytes) {
                Ok(ServerFrame::Welcome(welcome)) => (hellos, last) = (hellos + 1, welcome.seq),
                other => panic!("no welcome: {other:?}"),
            },
            Message::Close(frame) => break frame.map(|frame| u16::from(frame.code)),
            other => panic!("no welcome: {other:?}"),
        }
    };
    let seconds = started.elapsed().as_secs();
    assert_eq!(refused, Some(CloseCode::TooOften.number()));
    let may = u64::from(wire::limits::HELLOS);
    assert!((may..=may + seconds + 1).contains(&hellos), "{hellos} hellos in {seconds} s");
    // With each hello come a going, a coming or a beginning, and a few messages.
    assert!(last.0 < 15 * hellos + 100 * (seconds + 1), "{last:?} after {seconds} s");
    // It is not put out for it.
    within("a place again", async {
        loop {
            let mut socket = all_at_once(&server, &member, 0).await;
            if let Some(Ok(Message::Binary(_))) = socket.next().await {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_head_of_a_request_has_a_bound() {
    let server = Server::start().await;
    let before = resident(&server);
    let mut endless = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        let head = [b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ".as_slice(), &[b'x'; 300_000]].concat();
        // The server ends it in the middle.
        let _ = stream.write_all(&head).await;
        endless.push(stream);
    }
    let mut answer = [0; 12];
    within("an answer", endless[0].read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, *b"HTTP/1.1 431");
    assert!(resident(&server) < before + 200 * 40, "from {before} to {} KiB", resident(&server));
}

#[tokio::test]
async fn what_was_sent_before_a_line_broke_is_taken() {
    let server = Server::with(&["--log", "cloakroom=debug"]).await;
    let member = member(&server).await;
    let mut seated = seated(&server, &member).await;
    for counter in 1..=150 {
        let message = ClientFrame::Message { epoch: Epoch::default(), counter: Counter(counter), sealed: &[1] };
        seated.feed(Message::binary(message.to_bytes())).await.unwrap();
    }
    seated.send(Message::binary(ClientFrame::Leave.to_bytes())).await.unwrap();
    within("an answer", seated.next()).await.unwrap().unwrap();
    // It answers with a reset, whatever is said to it.
    stream(&mut seated).set_zero_linger().unwrap();
    drop(seated);
    // The last one has left: no grace is waited for.
    server.logged("room removed").await;
}

/// What it has sent lies there for hours, and it may be gone all the while.
#[tokio::test]
async fn a_flood_is_no_sign_of_life() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut seated = seated(&server, &member).await;
    let started = std::time::Instant::now();
    flood(stream(&mut seated), &masked(0xa, b""), 3_000_000).await;
    assert_eq!(closed(&mut seated).await, Some(CloseCode::Silent.number()));
    assert!(started.elapsed() > wire::limits::SILENCE);
}

/// To wait for what was taken, as clients do with pictures, costs no time: the bytes in a second are what counts.
#[tokio::test]
async fn a_picture_in_pieces_is_not_held_up() {
    let all_at_once = takes_a_picture(PIECES).await;
    let in_pieces = takes_a_picture(8).await;
    assert!(in_pieces < 2 * all_at_once, "{in_pieces:?} in pieces, {all_at_once:?} at once");
}

/// Five MiB, as pieces of 64 KiB.
const PIECES: u64 = 80;

/// How long a server takes for a picture of which so many pieces are on their way.
async fn takes_a_picture(under_way: u64) -> Duration {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut seated = seated(&server, &member).await;
    let started = std::time::Instant::now();
    let piece = vec![1; 64 * 1024];
    let (mut sent, mut accepted) = (0, 0);
    within("all of it is taken", async {
        while accepted < PIECES {
            while sent < PIECES && sent < accepted + under_way {
                sent += 1;
                let message = ClientFrame::Message { epoch: Epoch::default(), counter: Counter(sent), sealed: &piece };
                seated.send(Message::binary(message.to_bytes())).await.unwrap();
            }
            if let Some(Ok(Message::Binary(bytes))) = seated.next().await {
                accepted += u64::from(matches!(ServerFrame::parse(&bytes), Ok(ServerFrame::Accepted { .. })));
            }
        }
    })
    .await;
    started.elapsed()
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let server = Server::with(&["--trusted-proxy", "127.0.0.1", "--max-connections-per-address", "20"]).await;
    let open = |address: &str| {
        let mut request = format!("ws://{}/api/socket", server.address).into_client_request().unwrap();
        request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
        connect_async(request)
    };
    let mut held = Vec::new();
    for _ in 0..20 {
        held.push(open("192.0.2.1").await.unwrap());
    }
    for _ in 0..5 {
        assert!(open("192.0.2.1").await.is_err());
    }
    assert!(open("192.0.2.2").await.is_ok(), "another one does not notice");
    drop(held);
    within("their places are free again", async {
        while open("192.0.2.1").await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Who may have no more connections takes no places with those that it opens all the same.
#[tokio::test]
async fn what_is_beyond_an_address_takes_no_places() {
    let server = Server::with(&["--max-connections-per-address", "1", "--max-connections", "3"]).await;
    let first = TcpStream::connect(&server.address).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(&server.address).await.unwrap());
    }
    let mut last = silent.pop().unwrap();
    let end = within("the end", last.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "there are enough that are told why");
    drop(first);
    within("its place is free again", async {
        let url = format!("http://{}/healthz", server.address);
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 200) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // They were not given up to make it so.
    let waiting = silent.first().unwrap().try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(waiting.kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn ten_thousand_rooms_that_nobody_enters_are_soon_gone() {
    let server = Server::with(&["--grace", "1", "--log", "cloakroom=debug"]).await;
    let client = reqwest::Client::new();
    let before = resident(&server);
    let made = join_all((0..20_u16).map(|lane| {
        let (client, url) = (client.clone(), format!("http://{}/api/create", server.address));
        async move {
            for number in 0..500_u16 {
                let mut id = [0; 16];
                id[..4].copy_from_slice(&[lane.to_be_bytes(), number.to_be_bytes()].concat());
                let verifier = wire::Verifier::from([7; 32]).to_text();
                let (room, room_id) = (format!("Room {lane} {number}"), RoomId(id));
                let body = json!({ "room": room, "user": "Ana", "room_id": room_id, "verifier": verifier });
                assert_eq!(client.post(&url).json(&body).send().await.unwrap().status().as_u16(), 200);
            }
        }
    }));
    within("all of them", made).await;
    server.logged("room removed rooms=0").await;
    assert!(resident(&server) < before + 60_000, "from {before} to {} KiB", resident(&server));
}

/// So many who join the talker's room, are let in as they knock, and then do not read a byte.
async fn silent(server: &Server, talker: &mut Socket, count: usize) -> (Vec<WebSocketStream<TcpStream>>, Epoch) {
    let mut silent = Vec::new();
    for number in 0..count {
        let verifier = wire::Verifier::from([7; 32]).to_text();
        let join = json!({ "room": "Club", "user": format!("Bo {number}"), "verifier": verifier });
        let (status, body) = server.post("/api/join", &join).await;
        assert_eq!(status, 200);
        let url = format!("ws://{}/api/socket", server.address);
        let (mut socket, _) = client_async(url, narrow(server).await).await.unwrap();
        socket.send(Message::binary(hello(&body))).await.unwrap();
        socket.send(Message::binary(ClientFrame::Knock { generation: 0, sealed: b"knock" }.to_bytes())).await.unwrap();
        silent.push(socket);
    }
    let (mut latest, mut inside) = (Epoch { generation: 0, number: 0 }, 0);
    while inside < count {
        let Some(Ok(Message::Binary(bytes))) = within("a duty", talker.next()).await else { continue };
        let Ok(ServerFrame::Duty { epoch, knocks, .. }) = ServerFrame::parse(&bytes) else { continue };
        let admitted = knocks.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        inside += admitted.len();
        latest = epoch.next();
        let (commit, welcome) = (&b"commit"[..], &b"welcome"[..]);
        let commit = ClientFrame::Commit { epoch, admitted, removed: vec![], commit, welcome };
        talker.send(Message::binary(commit.to_bytes())).await.unwrap();
    }
    (silent, latest)
}

/// A large message, which is taken.
async fn say_much(talker: &mut Socket, epoch: Epoch, counter: u64) {
    let message = ClientFrame::Message { epoch, counter: Counter(counter), sealed: &[1; 60_000] };
    talker.send(Message::binary(message.to_bytes())).await.unwrap();
    while !matches!(within("it is taken", talker.next()).await, Some(Ok(Message::Binary(bytes))) if bytes[1] == 0x83) {}
}

/// Those who do not read hold what they may hold together, and are cut off; who reads is not.
#[tokio::test]
async fn many_who_do_not_read_do_not_fill_the_memory() {
    let flags = ["--max-total-queue-bytes", "4194304", "--max-queue-bytes", "1048576", "--log", "cloakroom=debug"];
    let server = Server::with(&flags).await;
    let ana = member(&server).await;
    let mut talker = seated(&server, &ana).await;
    let (_silent, epoch) = silent(&server, &mut talker, 19).await;
    let before = resident(&server);
    for counter in 1..100 {
        say_much(&mut talker, epoch, counter).await;
        if server.log().contains("code=4007") {
            break;
        }
    }
    server.logged("code=4007").await;
    is_answered(&mut talker).await;
    assert!(resident(&server) < before + 30_000, "from {before} to {} KiB", resident(&server));
}

#[tokio::test]
async fn who_does_not_read_an_answer_does_not_keep_its_place() {
    let server = Server::with(&["--max-connections", "2"]).await;
    let build = build(&server).await;
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

/// One who takes nothing is reset. A connection that is only closed stays open for minutes: the system goes on offering
/// what was not taken.
#[tokio::test]
async fn who_takes_nothing_is_reset() {
    let server = Server::start().await;
    let request =
        format!("GET /static/{}/wasm/session_bg.wasm HTTP/1.1\r\nhost: localhost\r\n\r\n", build(&server).await);
    let mut wide = TcpStream::connect(&server.address).await.unwrap();
    let mut narrow = narrow(&server).await;
    for stream in [&mut wide, &mut narrow] {
        stream.write_all(request.repeat(60).as_bytes()).await.unwrap();
    }
    let ana = member(&server).await;
    let mut talker = seated(&server, &ana).await;
    let (silent, epoch) = silent(&server, &mut talker, 1).await;
    // More than its socket takes, and less than may wait for it.
    for counter in 1..=8 {
        say_much(&mut talker, epoch, counter).await;
    }
    for stream in [&wide, &narrow, silent[0].get_ref()] {
        let ready = within("a reset", stream.ready(Interest::ERROR)).await.unwrap();
        assert!(ready.is_error());
        assert!(stream.take_error().unwrap().is_some_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
}

/// A member that had nothing to say before its connection was cut has as long as any other to come back.
#[tokio::test]
async fn silence_before_a_cut_takes_nothing_from_the_grace() {
    let server = Server::with(&["--grace", "3", "--log", "cloakroom=debug"]).await;
    let member = member(&server).await;
    let mut socket = seated(&server, &member).await;
    let all = Duration::from_secs(4);
    assert!(timeout(all, socket.next()).await.is_err(), "nothing is said for longer than the grace");
    drop(socket);
    server.logged("socket closed").await;
    assert!(timeout(Duration::from_secs(1), server.logged("room removed")).await.is_err(), "it may come back");
    seated(&server, &member).await;
}

/// A server that stood still comes to the end of everyone's time before it hears who is there.
#[tokio::test]
async fn standing_still_ends_nobodys_time() {
    let server = Server::with(&["--grace", "2", "--log", "cloakroom=debug"]).await;
    let member = member(&server).await;
    drop(seated(&server, &member).await);
    server.logged("socket closed").await;
    server.stand_still();
    sleep(Duration::from_secs(4)).await;
    server.go_on();
    let gone = timeout(Duration::from_secs(2), server.logged("room removed")).await;
    assert!(gone.is_err(), "whoever tries to come back every few seconds has had no time to");
    seated(&server, &member).await;
}

/// However much waits, whoever takes a little all the time is given all of it.
#[tokio::test]
async fn who_reads_slowly_is_waited_for() {
    let server = Server::start().await;
    let path = format!("/static/{}/wasm/session_bg.wasm", build(&server).await);
    let file = reqwest::get(format!("http://{}{path}", server.address)).await.unwrap().bytes().await.unwrap();
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let request = |end: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{end}\r\n");
    let requests = request("").repeat(39) + &request("connection: close\r\n");
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut ticks = interval(Duration::from_millis(100));
    let (mut bytes, started) = (vec![0; 2000], std::time::Instant::now());
    while started.elapsed() < wire::limits::WRITE_WITHIN + Duration::from_secs(5) {
        ticks.tick().await;
        stream.read_exact(&mut bytes).await.unwrap();
    }
    let mut rest = Vec::new();
    within("all of it", stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.len() > 39 * file.len(), "no more than {} bytes", rest.len());
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
    for _ in 1..wire::limits::HELLOS {
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

/// The server ends before its time to stop is over: it would log that connections were open then.
async fn ends_by_itself(server: &mut Server) {
    assert!(server.ended().await);
    assert!(!server.log().contains("still open"), "{}", server.log());
}

#[tokio::test]
async fn nobody_holds_up_the_end() {
    let mut server = Server::start().await;
    let member = member(&server).await;
    let _gone = seated(&server, &member).await;
    let mut silent = socket(&server).await;
    server.terminate();
    match within("a close", silent.next()).await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), CloseCode::Stopping.number()),
        other => panic!("no hello yet, and no word of the end: {other:?}"),
    }
    drop(silent);
    ends_by_itself(&mut server).await;
}

#[tokio::test]
async fn who_does_not_read_does_not_hold_up_the_end() {
    let mut server = Server::start().await;
    let ana = member(&server).await;
    let mut talker = seated(&server, &ana).await;
    let (_silent, epoch) = silent(&server, &mut talker, 1).await;
    // More than its socket takes, and less than may wait for it.
    for counter in 1..=8 {
        say_much(&mut talker, epoch, counter).await;
    }
    server.terminate();
    ends_by_itself(&mut server).await;
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
    server.terminate();
    assert!(server.ended().await, "it ends when its time to stop is over");
    let _ = head.read(&mut [0; 1]).await;
}
