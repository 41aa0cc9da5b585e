//! Hostile and broken clients: each costs the server a bounded amount of memory and time, and no other client its
//! connection.

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

/// Makes a room with plain requests, and returns its only member.
async fn member(server: &Server) -> Value {
    let verifier = wire::Verifier::from([7; 32]).to_text();
    let create = json!({ "room": "Club", "user": "Ana", "room_id": RoomId([1; 16]), "verifier": verifier });
    let (status, member) = server.post("/api/create", &create).await;
    assert_eq!(status, 200);
    member
}

/// Returns a hello frame. Each call uses a higher attempt number.
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

async fn connect_member(server: &Server, member: &Value) -> Socket {
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

/// Opens a connection with a receive buffer close to the system's minimum.
async fn connect_with_small_receive_buffer(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    socket.connect(server.address.parse().unwrap()).await.unwrap()
}

/// Returns the build hash in the addresses of static files.
async fn build_hash(server: &Server) -> String {
    let page = reqwest::get(format!("http://{}/create", server.address)).await.unwrap().text().await.unwrap();
    page.split("/static/").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

/// Returns the server's resident memory in KiB.
fn resident_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Returns a frame with a mask of zeros (RFC 6455, section 5.2).
fn masked(opcode: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap();
    assert!(length < 126);
    [&[0x80 | opcode, 0x80 | length, 0, 0, 0, 0], body].concat()
}

/// Writes a frame repeatedly without reading, until the server stops reading or about `bytes` bytes are written.
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
async fn pings_without_reading_do_not_fill_memory() {
    let server = Server::start().await;
    let before = resident_kib(&server);
    let mut stream = connect_with_small_receive_buffer(&server).await;
    let upgrade = "GET /api/socket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    flood(&mut stream, &masked(0x9, &[b'x'; 125]), 20_000_000).await;
    assert!(resident_kib(&server) < before + 10_000, "from {before} to {} KiB", resident_kib(&server));

    let member = member(&server).await;
    let url = format!("ws://{}/api/socket", server.address);
    let (mut connected, _) = client_async(url, connect_with_small_receive_buffer(&server).await).await.unwrap();
    connected.send(Message::binary(hello(&member))).await.unwrap();
    flood(connected.get_mut(), &masked(0x2, &ClientFrame::Ping.to_bytes()), 10_000_000).await;
    assert!(resident_kib(&server) < before + 15_000, "from {before} to {} KiB", resident_kib(&server));
}

/// Reads until the connection ends, and returns the code of the close frame, if any.
async fn close_code(socket: &mut Socket) -> Option<u16> {
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

/// Sends a ping and waits for the pong. The server has processed all earlier frames by then.
async fn await_pong(socket: &mut Socket) {
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
async fn announced_frame_takes_no_memory_until_it_arrives() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut seats = vec![connect_member(&server, &member).await];
    await_pong(&mut seats[0]).await;
    let before = resident_kib(&server);
    // A frame that announces one MiB, of which 100 bytes arrive. Each new socket replaces the one before, which stays
    // half open.
    let head = [0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff, 0, 0, 0, 0];
    for _ in 1..wire::limits::HELLOS {
        let mut next = connect_member(&server, &member).await;
        stream(&mut next).write_all(&head).await.unwrap();
        stream(&mut next).write_all(&[0; 100]).await.unwrap();
        seats.push(next);
    }
    assert!(resident_kib(&server) < before + 10_000, "from {before} to {} KiB", resident_kib(&server));
    // Before a hello, the server refuses a frame of that length.
    let mut nobody = socket(&server).await;
    stream(&mut nobody).write_all(&head).await.unwrap();
    assert_eq!(close_code(&mut nobody).await, Some(CloseCode::TooBig.number()));
}

/// Incomplete messages share the memory budget for all connections.
#[tokio::test]
async fn many_partial_messages_do_not_fill_memory() {
    let server = Server::with(&["--max-total-queue-bytes", "4194304", "--log", "cloakroom=debug"]).await;
    let ana = member(&server).await;
    let mut talker = connect_member(&server, &ana).await;
    let before = resident_kib(&server);
    let mut halves = Vec::new();
    for number in 2..=30_u32 {
        let verifier = wire::Verifier::from([7; 32]).to_text();
        let join = json!({ "room": "Club", "user": format!("Bo {number}"), "verifier": verifier });
        let (status, body) = server.post("/api/join", &join).await;
        assert_eq!(status, 200);
        let mut socket = connect_member(&server, &body).await;
        let half = [&[0x82, 0xff][..], &(1_u64 << 20).to_be_bytes(), &[0; 4], &vec![1; 900_000]].concat();
        // The server may close some sockets before they have sent everything.
        let _ = stream(&mut socket).write_all(&half).await;
        halves.push(socket);
    }
    server.logged("code=4007").await;
    await_pong(&mut talker).await;
    assert!(resident_kib(&server) < before + 15_000, "from {before} to {} KiB", resident_kib(&server));
}

/// Frames to answer and a frame that ends the connection can arrive in one read. The close is still written last.
#[tokio::test]
async fn close_frame_is_the_last_frame() {
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
            let mut connected = connect_member(&server, &member).await;
            let stream = stream(&mut connected);
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
async fn endless_fragments_are_closed_at_the_size_limit() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut connected = connect_member(&server, &member).await;
    let before = resident_kib(&server);
    let writing = stream(&mut connected);
    writing.write_all(&[0x02, 0x80, 0, 0, 0, 0]).await.unwrap();
    // Many empty fragments cost nothing; fragments of 100 bytes reach the size limit.
    writing.write_all(&[0x00, 0x80, 0, 0, 0, 0].repeat(100_000)).await.unwrap();
    assert!(resident_kib(&server) < before + 5_000, "from {before} to {} KiB", resident_kib(&server));
    let piece = [&[0x00, 0x80 | 100, 0, 0, 0, 0], &[0; 100][..]].concat();
    writing.write_all(&piece.repeat(wire::limits::FRAME_BYTES / 100 + 1)).await.unwrap();
    assert_eq!(close_code(&mut connected).await, Some(CloseCode::TooBig.number()));
}

#[tokio::test]
async fn fast_sender_is_read_at_the_rate_limit() {
    let server = Server::with(&["--max-frames-per-second", "50"]).await;
    let member = member(&server).await;
    let mut connected = connect_member(&server, &member).await;
    let started = std::time::Instant::now();
    // 50 frames per second, plus those that arrive in one read: a new connection has no burst allowance.
    for counter in 1..=250 {
        let message = ClientFrame::Message { epoch: Epoch::default(), counter: Counter(counter), sealed: &[1; 60] };
        connected.feed(Message::binary(message.to_bytes())).await.unwrap();
    }
    connected.flush().await.unwrap();
    let mut accepted = 0;
    within("all of them are taken", async {
        while accepted < 250 {
            if let Some(Ok(Message::Binary(bytes))) = connected.next().await
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
    await_pong(&mut connected).await;
}

/// Opens a connection that sends its request, hello and messages in one write.
async fn connect_and_send_at_once(server: &Server, member: &Value, messages: usize) -> WebSocketStream<TcpStream> {
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
async fn reconnecting_does_not_evade_the_rate_limit() {
    let server = Server::start().await;
    let member = member(&server).await;
    let started = std::time::Instant::now();
    let (mut hellos, mut last) = (0, Seq(0));
    let refused = loop {
        let mut socket = connect_and_send_at_once(&server, &member, 200).await;
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
    // Each hello can cause presence events and a few messages.
    assert!(last.0 < 15 * hellos + 100 * (seconds + 1), "{last:?} after {seconds} s");
    // The member is not removed: it can connect again later.
    within("a place again", async {
        loop {
            let mut socket = connect_and_send_at_once(&server, &member, 0).await;
            if let Some(Ok(Message::Binary(_))) = socket.next().await {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn request_head_has_a_size_limit() {
    let server = Server::start().await;
    let before = resident_kib(&server);
    let mut endless = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        let head = [b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ".as_slice(), &[b'x'; 300_000]].concat();
        // The server closes the connection before the head is complete.
        let _ = stream.write_all(&head).await;
        endless.push(stream);
    }
    let mut answer = [0; 12];
    within("an answer", endless[0].read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, *b"HTTP/1.1 431");
    assert!(resident_kib(&server) < before + 200 * 40, "from {before} to {} KiB", resident_kib(&server));
}

#[tokio::test]
async fn frames_sent_before_a_reset_are_processed() {
    let server = Server::with(&["--log", "cloakroom=debug"]).await;
    let member = member(&server).await;
    let mut connected = connect_member(&server, &member).await;
    for counter in 1..=150 {
        let message = ClientFrame::Message { epoch: Epoch::default(), counter: Counter(counter), sealed: &[1] };
        connected.feed(Message::binary(message.to_bytes())).await.unwrap();
    }
    connected.send(Message::binary(ClientFrame::Leave.to_bytes())).await.unwrap();
    within("an answer", connected.next()).await.unwrap().unwrap();
    // Closing this socket resets the connection.
    stream(&mut connected).set_zero_linger().unwrap();
    drop(connected);
    // The last member has left, so no grace period applies.
    server.logged("room removed").await;
}

/// Bytes in the system's buffers can last for hours, so a client that is gone would appear active for hours.
#[tokio::test]
async fn buffered_flood_does_not_count_as_activity() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut connected = connect_member(&server, &member).await;
    let started = std::time::Instant::now();
    flood(stream(&mut connected), &masked(0xa, b""), 3_000_000).await;
    assert_eq!(close_code(&mut connected).await, Some(CloseCode::Silent.number()));
    assert!(started.elapsed() > wire::limits::SILENCE_TIMEOUT);
}

/// Clients wait for acknowledgements while they send a picture. That must cost no time: the limit is bytes per second.
#[tokio::test]
async fn sending_a_picture_in_pieces_is_not_delayed() {
    let all_at_once = time_to_take_a_picture(PIECES).await;
    let in_pieces = time_to_take_a_picture(8).await;
    assert!(in_pieces < 2 * all_at_once, "{in_pieces:?} in pieces, {all_at_once:?} at once");
}

/// A picture of five MiB in pieces of 64 KiB.
const PIECES: u64 = 80;

/// Returns how long a server takes to accept a picture if at most `under_way` pieces are unacknowledged.
async fn time_to_take_a_picture(under_way: u64) -> Duration {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut connected = connect_member(&server, &member).await;
    let started = std::time::Instant::now();
    let piece = vec![1; 64 * 1024];
    let (mut sent, mut accepted) = (0, 0);
    within("all of it is taken", async {
        while accepted < PIECES {
            while sent < PIECES && sent < accepted + under_way {
                sent += 1;
                let message = ClientFrame::Message { epoch: Epoch::default(), counter: Counter(sent), sealed: &piece };
                connected.send(Message::binary(message.to_bytes())).await.unwrap();
            }
            if let Some(Ok(Message::Binary(bytes))) = connected.next().await {
                accepted += u64::from(matches!(ServerFrame::parse(&bytes), Ok(ServerFrame::Accepted { .. })));
            }
        }
    })
    .await;
    started.elapsed()
}

#[tokio::test]
async fn one_address_cannot_use_all_connections() {
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
    assert!(open("192.0.2.2").await.is_ok(), "another address is not affected");
    drop(held);
    within("the connections are free again", async {
        while open("192.0.2.1").await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// An address at its limit cannot use up the slots of all with further connections.
#[tokio::test]
async fn connections_beyond_the_address_limit_use_no_slots() {
    let server = Server::with(&["--max-connections-per-address", "1", "--max-connections", "3"]).await;
    let first = TcpStream::connect(&server.address).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(&server.address).await.unwrap());
    }
    let mut last = silent.pop().unwrap();
    let end = within("the end", last.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "the server refuses the last connection");
    drop(first);
    within("the connection is free again", async {
        let url = format!("http://{}/healthz", server.address);
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status() == 200) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // The server did not close waiting connections to make room.
    let waiting = silent.first().unwrap().try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(waiting.kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn ten_thousand_unused_rooms_are_removed_after_the_grace_period() {
    let server = Server::with(&["--grace", "1", "--log", "cloakroom=debug"]).await;
    let client = reqwest::Client::new();
    let before = resident_kib(&server);
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
    assert!(resident_kib(&server) < before + 60_000, "from {before} to {} KiB", resident_kib(&server));
}

/// Has `count` members join the talker's room and its group. They do not read a byte.
async fn join_stalled_members(
    server: &Server,
    talker: &mut Socket,
    count: usize,
) -> (Vec<WebSocketStream<TcpStream>>, Epoch) {
    let mut silent = Vec::new();
    for number in 0..count {
        let verifier = wire::Verifier::from([7; 32]).to_text();
        let join = json!({ "room": "Club", "user": format!("Bo {number}"), "verifier": verifier });
        let (status, body) = server.post("/api/join", &join).await;
        assert_eq!(status, 200);
        let url = format!("ws://{}/api/socket", server.address);
        let (mut socket, _) = client_async(url, connect_with_small_receive_buffer(server).await).await.unwrap();
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

/// Sends a large message, and waits until the server has accepted it.
async fn send_large_message(talker: &mut Socket, epoch: Epoch, counter: u64) {
    let message = ClientFrame::Message { epoch, counter: Counter(counter), sealed: &[1; 60_000] };
    talker.send(Message::binary(message.to_bytes())).await.unwrap();
    while !matches!(within("it is taken", talker.next()).await, Some(Ok(Message::Binary(bytes))) if bytes[1] == 0x83) {}
}

/// Members that do not read share a memory budget and are disconnected. A member that reads is not.
#[tokio::test]
async fn many_stalled_readers_do_not_fill_memory() {
    let flags = ["--max-total-queue-bytes", "4194304", "--max-queue-bytes", "1048576", "--log", "cloakroom=debug"];
    let server = Server::with(&flags).await;
    let ana = member(&server).await;
    let mut talker = connect_member(&server, &ana).await;
    let (_silent, epoch) = join_stalled_members(&server, &mut talker, 19).await;
    let before = resident_kib(&server);
    for counter in 1..100 {
        send_large_message(&mut talker, epoch, counter).await;
        if server.log().contains("code=4007") {
            break;
        }
    }
    server.logged("code=4007").await;
    await_pong(&mut talker).await;
    assert!(resident_kib(&server) < before + 30_000, "from {before} to {} KiB", resident_kib(&server));
}

#[tokio::test]
async fn client_that_does_not_read_a_response_loses_its_slot() {
    let server = Server::with(&["--max-connections", "2"]).await;
    let build = build_hash(&server).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut stream = connect_with_small_receive_buffer(&server).await;
        let request = format!("GET /static/{build}/wasm/session_bg.wasm HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.repeat(40).as_bytes()).await.unwrap();
        idle.push(stream);
    }
    // Both slots are in use until the server closes one of the two connections.
    let answer = within("a place", reqwest::get(format!("http://{}/healthz", server.address))).await;
    assert_eq!(answer.unwrap().status().as_u16(), 200);
}

/// The server resets a peer that reads nothing. After a mere close, the connection would stay open for minutes, because
/// the system keeps retransmitting the unread bytes.
#[tokio::test]
async fn peer_that_reads_nothing_is_reset() {
    let server = Server::start().await;
    let request =
        format!("GET /static/{}/wasm/session_bg.wasm HTTP/1.1\r\nhost: localhost\r\n\r\n", build_hash(&server).await);
    let mut wide = TcpStream::connect(&server.address).await.unwrap();
    let mut narrow = connect_with_small_receive_buffer(&server).await;
    for stream in [&mut wide, &mut narrow] {
        stream.write_all(request.repeat(60).as_bytes()).await.unwrap();
    }
    let ana = member(&server).await;
    let mut talker = connect_member(&server, &ana).await;
    let (silent, epoch) = join_stalled_members(&server, &mut talker, 1).await;
    // More than the socket accepts, less than the member's queue may hold.
    for counter in 1..=8 {
        send_large_message(&mut talker, epoch, counter).await;
    }
    for stream in [&wide, &narrow, silent[0].get_ref()] {
        let ready = within("a reset", stream.ready(Interest::ERROR)).await.unwrap();
        assert!(ready.is_error());
        assert!(stream.take_error().unwrap().is_some_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
}

/// A member that was silent before its connection was cut has the whole grace period to return.
#[tokio::test]
async fn silence_before_a_cut_does_not_shorten_the_grace_period() {
    let server = Server::with(&["--grace", "3", "--log", "cloakroom=debug"]).await;
    let member = member(&server).await;
    let mut socket = connect_member(&server, &member).await;
    let all = Duration::from_secs(4);
    assert!(timeout(all, socket.next()).await.is_err(), "no frame for longer than the grace period");
    drop(socket);
    server.logged("socket closed").await;
    assert!(
        timeout(Duration::from_secs(1), server.logged("room removed")).await.is_err(),
        "the member may still return"
    );
    connect_member(&server, &member).await;
}

/// A server that was suspended finds every grace period over before it can read from returning members.
#[tokio::test]
async fn suspended_server_extends_grace_periods() {
    let server = Server::with(&["--grace", "2", "--log", "cloakroom=debug"]).await;
    let member = member(&server).await;
    drop(connect_member(&server, &member).await);
    server.logged("socket closed").await;
    server.suspend();
    sleep(Duration::from_secs(4)).await;
    server.resume();
    let gone = timeout(Duration::from_secs(2), server.logged("room removed")).await;
    assert!(gone.is_err(), "members that retry every few seconds have had no chance to return");
    connect_member(&server, &member).await;
}

/// A reader that keeps reading a little gets the whole response, however much is queued.
#[tokio::test]
async fn slow_reader_gets_the_whole_response() {
    let server = Server::start().await;
    let path = format!("/static/{}/wasm/session_bg.wasm", build_hash(&server).await);
    let file = reqwest::get(format!("http://{}{path}", server.address)).await.unwrap().bytes().await.unwrap();
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let request = |end: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{end}\r\n");
    let requests = request("").repeat(39) + &request("connection: close\r\n");
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut ticks = interval(Duration::from_millis(100));
    let (mut bytes, started) = (vec![0; 2000], std::time::Instant::now());
    while started.elapsed() < wire::limits::WRITE_TIMEOUT + Duration::from_secs(5) {
        ticks.tick().await;
        stream.read_exact(&mut bytes).await.unwrap();
    }
    let mut rest = Vec::new();
    within("all of it", stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.len() > 39 * file.len(), "no more than {} bytes", rest.len());
}

#[tokio::test]
async fn slow_sender_is_not_treated_as_silent() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut connected = connect_member(&server, &member).await;
    let frame = masked(
        0x2,
        &ClientFrame::Message { epoch: Epoch::default(), counter: Counter(1), sealed: &[1; 60] }.to_bytes(),
    );
    // One byte at a time, for longer than the silence limit.
    let mut ticks =
        interval((wire::limits::SILENCE_TIMEOUT + Duration::from_secs(5)) / u32::try_from(frame.len()).unwrap());
    for byte in frame {
        ticks.tick().await;
        stream(&mut connected).write_all(&[byte]).await.unwrap();
    }
    let accepted = within("the message is accepted", async {
        loop {
            if let Message::Binary(bytes) = connected.next().await.unwrap().unwrap() {
                return bytes;
            }
        }
    });
    let accepted = accepted.await;
    assert!(matches!(ServerFrame::parse(&accepted), Ok(ServerFrame::Accepted { .. })));
}

#[tokio::test]
async fn leave_on_an_old_socket_does_not_close_the_new_one() {
    let server = Server::start().await;
    let member = member(&server).await;
    let mut old = connect_member(&server, &member).await;
    for _ in 1..wire::limits::HELLOS {
        let mut new = socket(&server).await;
        // The old socket's leave and the new socket's hello cross.
        new.send(Message::binary(hello(&member))).await.unwrap();
        let welcome = within("a welcome", new.next()).await.unwrap().unwrap();
        let _ = old.send(Message::binary(ClientFrame::Leave.to_bytes())).await;
        assert!(matches!(ServerFrame::parse(&welcome.into_data()), Ok(ServerFrame::Welcome(_))));
        new.send(Message::binary(ClientFrame::Ping.to_bytes())).await.unwrap();
        loop {
            match within("a pong", new.next()).await.unwrap().unwrap() {
                Message::Binary(bytes) if ServerFrame::parse(&bytes) == Ok(ServerFrame::Pong) => break,
                Message::Close(frame) => panic!("the new socket was closed: {frame:?}"),
                _ => {}
            }
        }
        old = new;
    }
}

/// Waits for the exit, and checks that the server did not reach its shutdown deadline, when it logs open connections.
async fn shuts_down_before_the_deadline(server: &mut Server) {
    assert!(server.ended().await);
    assert!(!server.log().contains("still open"), "{}", server.log());
}

#[tokio::test]
async fn idle_sockets_do_not_delay_shutdown() {
    let mut server = Server::start().await;
    let member = member(&server).await;
    let _gone = connect_member(&server, &member).await;
    let mut silent = socket(&server).await;
    server.terminate();
    match within("a close", silent.next()).await {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(u16::from(frame.code), CloseCode::Stopping.number()),
        other => panic!("no close on a socket without a hello: {other:?}"),
    }
    drop(silent);
    shuts_down_before_the_deadline(&mut server).await;
}

#[tokio::test]
async fn stalled_reader_does_not_delay_shutdown() {
    let mut server = Server::start().await;
    let ana = member(&server).await;
    let mut talker = connect_member(&server, &ana).await;
    let (_silent, epoch) = join_stalled_members(&server, &mut talker, 1).await;
    // More than the socket accepts, less than the member's queue may hold.
    for counter in 1..=8 {
        send_large_message(&mut talker, epoch, counter).await;
    }
    server.terminate();
    shuts_down_before_the_deadline(&mut server).await;
}

#[tokio::test]
async fn partial_request_does_not_delay_shutdown() {
    let mut server = Server::start().await;
    let mut head = TcpStream::connect(&server.address).await.unwrap();
    head.write_all(b"GET / HTTP/1.1\r\nhost: loc").await.unwrap();
    let mut body = TcpStream::connect(&server.address).await.unwrap();
    let request =
        "POST /api/salt HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    body.write_all(request.as_bytes()).await.unwrap();
    // Once the server has answered a third request, it has both of these.
    assert_eq!(reqwest::get(format!("http://{}/healthz", server.address)).await.unwrap().status().as_u16(), 200);
    server.terminate();
    assert!(server.ended().await, "the server exits at its shutdown deadline");
    let _ = head.read(&mut [0; 1]).await;
}
