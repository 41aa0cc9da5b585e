//! The server's WebSocket layer against RFC 6455: a table of the cases that public test suites try, run against an echo
//! server. Each case is sent in one write, frame by frame, and byte by byte.

use futures_util::{SinkExt, StreamExt};
use support::{echo, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{connect_async, tungstenite::Message};

const LIMIT: usize = 1 << 20;
const KEY: [u8; 4] = [0x1b, 0xf5, 0x80, 0x3c];

async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(echo::serve(listener, LIMIT));
    address
}

/// Returns a client's frame with this first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// Returns a frame with a whole text message.
fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(0x81, payload.as_ref())
}

fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x82, payload)
}

fn ping(payload: &[u8]) -> Vec<u8> {
    frame(0x89, payload)
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Describes a server's frames. They must be complete, unmasked, and use the shortest length encoding.
fn answers(mut bytes: &[u8]) -> Vec<String> {
    let mut said = Vec::new();
    while let [first, short, rest @ ..] = bytes {
        let (length, rest) = match short {
            126 => {
                let (length, rest) = rest.split_first_chunk().unwrap();
                let length = usize::from(u16::from_be_bytes(*length));
                assert!(length > 125);
                (length, rest)
            }
            127 => {
                let (length, rest) = rest.split_first_chunk().unwrap();
                let length = usize::try_from(u64::from_be_bytes(*length)).unwrap();
                assert!(length > 65_535);
                (length, rest)
            }
            short => (usize::from(*short), rest),
        };
        let (payload, rest) = rest.split_at(length);
        bytes = rest;
        said.push(match (first, payload) {
            (0x81, text) => format!("text {}", brief(std::str::from_utf8(text).unwrap())),
            (0x82, bytes) => format!("binary {}", brief(&format!("{bytes:x?}"))),
            (0x8a, bytes) => format!("pong {bytes:x?}"),
            (0x88, []) => "close".to_owned(),
            (0x88, [high, low]) => format!("close {}", u16::from_be_bytes([*high, *low])),
            other => panic!("{other:x?}"),
        });
    }
    assert!(bytes.is_empty());
    said
}

/// Shortens a long text to its length and its end.
fn brief(text: &str) -> String {
    let end = text.char_indices().rev().nth(9).map_or(text, |(at, _)| &text[at..]);
    if text.len() > 60 { format!("({}) …{end}", text.len()) } else { text.to_owned() }
}

const OPENING: &str = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                       sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Opens a socket, sends these pieces, reads until the connection ends, and returns the answers.
async fn exchange(address: &str, pieces: &[&[u8]]) -> Vec<String> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(OPENING.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("the answer's head", stream.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    let (mut reading, mut writing) = stream.split();
    let send = async {
        for piece in pieces {
            // The server may have closed the connection by now.
            if writing.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut bytes = Vec::new();
    let receive = async { within("the end", reading.read_to_end(&mut bytes)).await.unwrap() };
    tokio::join!(send, receive);
    answers(&bytes)
}

/// A case: its name, the client's frames, and the expected answers.
type Case = (String, Vec<Vec<u8>>, Vec<String>);

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |name: &str, frames: Vec<Vec<u8>>, answers: &[&str]| {
        cases.push((name.to_owned(), frames, answers.iter().map(|answer| (*answer).to_owned()).collect::<Vec<_>>()));
    };
    let end = || close(1000, "");

    // Framing: every length encoding, and its edges.
    for length in [0, 1, 124, 125, 126, 127, 128, 65_535, 65_536, 300_000] {
        let words = "*".repeat(length);
        case(
            &format!("a text of {length}"),
            vec![text(&words), end()],
            &[&format!("text {}", brief(&words)), "close 1000"],
        );
        let bytes = vec![0xfe; length];
        let said = format!("binary {}", brief(&format!("{bytes:x?}")));
        case(&format!("{length} bytes"), vec![binary(&bytes), end()], &[&said, "close 1000"]);
    }
    case("not the shortest length", vec![vec![0x82, 0xfe, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5]], &["close 1002"]);
    case("a negative length", vec![vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]], &["close 1002"]);
    case("no mask", vec![text("masked"), vec![0x81, 1, b'x']], &["text masked", "close 1002"]);

    // Pings and pongs.
    case("a ping", vec![ping(b""), end()], &["pong []", "close 1000"]);
    case("a ping that says something", vec![ping(&[0, 0xff, 1]), end()], &["pong [0, ff, 1]", "close 1000"]);
    let most = format!("pong {:x?}", [7; 125]);
    case("the longest ping", vec![ping(&[7; 125]), end()], &[&most, "close 1000"]);
    case("a ping too long", vec![ping(&[7; 126])], &["close 1002"]);
    case("a pong unasked", vec![frame(0x8a, b"here"), ping(b"x"), end()], &["pong [78]", "close 1000"]);
    let ten = (0..10).map(|number| ping(&[number])).chain([end()]).collect();
    let answered = (0..10).map(|number| format!("pong [{number:x}]")).collect::<Vec<_>>();
    let answered = answered.iter().map(String::as_str).chain(["close 1000"]).collect::<Vec<_>>();
    case("ten pings", ten, &answered);

    // Reserved bits and opcodes.
    for bits in 1..8 {
        let reserved = bits << 4;
        case(
            &format!("reserved bits {bits}"),
            vec![text("a"), frame(0x81 | reserved, b"b")],
            &["text a", "close 1002"],
        );
        case(&format!("on a ping: {bits}"), vec![frame(0x89 | reserved, b"")], &["close 1002"]);
        case(&format!("on a close: {bits}"), vec![frame(0x88 | reserved, b"")], &["close 1002"]);
    }
    for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        case(
            &format!("opcode {opcode}"),
            vec![text("a"), frame(0x80 | opcode, b"b"), ping(b"")],
            &["text a", "close 1002"],
        );
    }

    // Fragments.
    let (first, more, last) = (frame(0x01, b"one "), frame(0x00, b"two "), frame(0x80, b"three"));
    let whole = "text one two three";
    case("three fragments", vec![first.clone(), more.clone(), last.clone(), end()], &[whole, "close 1000"]);
    let pings = vec![first.clone(), ping(b"1"), more.clone(), ping(b"2"), last.clone(), end()];
    case("pings between", pings, &["pong [31]", "pong [32]", whole, "close 1000"]);
    case("empty ones", vec![frame(0x01, b""), frame(0x00, b""), frame(0x80, b""), end()], &["text ", "close 1000"]);
    case(
        "empty but for one",
        vec![frame(0x01, b""), more.clone(), frame(0x80, b""), end()],
        &["text two ", "close 1000"],
    );
    case("a fragment of a ping", vec![frame(0x09, b"p"), frame(0x80, b"q")], &["close 1002"]);
    case("a fragment of a close", vec![frame(0x08, b"")], &["close 1002"]);
    case("more of nothing", vec![last.clone(), text("a")], &["close 1002"]);
    case("more of nothing, open", vec![more.clone()], &["close 1002"]);
    case("more after the end", vec![first.clone(), last.clone(), last.clone()], &["text one three", "close 1002"]);
    case("another within", vec![first.clone(), text("a")], &["close 1002"]);
    case("another beginning within", vec![first.clone(), binary(b"a")], &["close 1002"]);
    case("a close within", vec![first.clone(), end()], &["close 1000"]);
    let crumbs =
        [frame(0x01, b"")].into_iter().chain("word ".bytes().cycle().take(5000).map(|byte| frame(0x00, &[byte])));
    let long = brief(&"word ".repeat(1000));
    case(
        "a byte in each of 5000",
        crumbs.chain([frame(0x80, b""), end()]).collect(),
        &[&format!("text {long}"), "close 1000"],
    );

    // UTF-8.
    for good in [
        "",
        "Hello-µ@ßöäüàá-UTF-8!!",
        "κόσμε",
        "\0",
        "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}",
        "\u{10000}\u{10ffff}",
        "\u{d7ff}\u{e000}\u{fffd}",
    ] {
        let said = format!("text {}", brief(good));
        case(&format!("{good:?}"), vec![text(good), end()], &[&said, "close 1000"]);
        let bytes = good.as_bytes().chunks(1).map(|byte| frame(0x00, byte));
        let bytes = [frame(0x01, b"")].into_iter().chain(bytes).chain([frame(0x80, b""), end()]).collect();
        case(&format!("{good:?} by the byte"), bytes, &[&said, "close 1000"]);
    }
    for bad in [
        &b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited"[..],
        b"\x80",
        b"\xbf",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xe0\x9f\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xed\xa0\x80\xed\xb0\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xf0\x9f\x98",
    ] {
        case(&format!("{bad:x?}"), vec![text(bad), end()], &["close 1007"]);
        let bytes = bad.iter().map(|byte| frame(0x00, &[*byte]));
        let bytes = [frame(0x01, b"")].into_iter().chain(bytes).chain([frame(0x80, b""), end()]).collect();
        case(&format!("{bad:x?} by the byte"), bytes, &["close 1007"]);
    }
    // The server does not wait for more bytes once the text is invalid.
    case("bad and never ended", vec![frame(0x01, b"good \xf4\x90")], &["close 1007"]);
    case("bad bytes that are no text", vec![binary(b"\xff\xfe"), end()], &["binary [ff, fe]", "close 1000"]);

    // Closing.
    case("a close that says nothing", vec![frame(0x88, b"")], &["close"]);
    case("half a code", vec![frame(0x88, &[3])], &["close 1002"]);
    case("a reason", vec![close(1000, "that is all, κόσμε")], &["close 1000"]);
    case("the longest reason", vec![close(1000, &"x".repeat(123))], &["close 1000"]);
    case("one too long", vec![close(1000, &"x".repeat(124))], &["close 1002"]);
    case("a reason that is not UTF-8", vec![frame(0x88, b"\x03\xe8\xce\xba\xed\xa0\x80")], &["close 1007"]);
    case("nothing after it", vec![end(), text("a"), ping(b""), end()], &["close 1000"]);
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        case(&format!("code {code}"), vec![close(code, "")], &[&format!("close {code}")]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        case(&format!("code {code}"), vec![close(code, "")], &["close 1002"]);
    }

    // Limits.
    let most = format!("binary {}", brief(&format!("{:x?}", vec![1; LIMIT])));
    case("the longest", vec![binary(&vec![1; LIMIT]), end()], &[&most, "close 1000"]);
    case("one byte more", vec![binary(&vec![1; LIMIT + 1])], &["close 1009"]);
    case("more in all", vec![frame(0x02, &vec![1; LIMIT]), frame(0x80, &[1])], &["close 1009"]);
    case("announced only", vec![vec![0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 1, 2, 3, 4]], &["close 1009"]);
    cases
}

#[tokio::test]
async fn every_case_is_answered_as_rfc_6455_requires() {
    let address = server().await;
    let cases = cases();
    assert!(cases.len() > 150, "{}", cases.len());
    for (name, frames, wanted) in cases {
        let all = frames.concat();
        assert_eq!(exchange(&address, &[&all]).await, wanted, "{name}");
        let by_frame = frames.iter().map(Vec::as_slice).collect::<Vec<_>>();
        assert_eq!(exchange(&address, &by_frame).await, wanted, "{name}, a frame at a time");
        if all.len() < 300 {
            let crumbs = all.chunks(1).collect::<Vec<_>>();
            assert_eq!(exchange(&address, &crumbs).await, wanted, "{name}, by the byte");
        }
    }
}

#[tokio::test]
async fn first_frame_may_arrive_with_the_request() {
    let address = server().await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let all = [OPENING.as_bytes(), &text("early"), &close(1000, "")].concat();
    stream.write_all(&all).await.unwrap();
    let mut bytes = Vec::new();
    within("the end", stream.read_to_end(&mut bytes)).await.unwrap();
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert_eq!(answers(&bytes[head + 4..]), ["text early", "close 1000"]);
}

#[tokio::test]
async fn invalid_handshakes_get_an_error_status() {
    let address = server().await;
    let with = |from: &str, to: &str| {
        assert!(OPENING.contains(from));
        OPENING.replacen(from, to, 1)
    };
    for (request, status) in [
        (with("connection: Upgrade\r\n", ""), 400),
        (with("upgrade: websocket\r\n", ""), 400),
        (with("websocket\r\n", "h2c\r\n"), 400),
        (with("GET", "POST"), 400),
        (with("HTTP/1.1", "HTTP/1.0"), 400),
        (with("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400),
        (with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), 400),
        (with("sec-websocket-version: 13\r\n", ""), 400),
        (with("version: 13", "version: 8"), 426),
        (with("Upgrade\r\n", "keep-alive, upgrade\r\n"), 101),
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        within("an answer", stream.read_exact(&mut head)).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&head[9..]), status.to_string(), "{request}");
    }
}

/// Another implementation, with its own framing and close handshake.
#[tokio::test]
async fn independent_client_exchanges_messages() {
    let (mut socket, _) = connect_async(format!("ws://{}", server().await)).await.unwrap();
    for length in [0, 125, 126, 4096, 65_535, 65_536, 900_000] {
        for message in [Message::binary(vec![3; length]), Message::text("é".repeat(length / 2))] {
            socket.send(message.clone()).await.unwrap();
            assert_eq!(within("the same", socket.next()).await.unwrap().unwrap(), message);
        }
    }
    socket.close(None).await.unwrap();
    assert!(matches!(within("the close", socket.next()).await, Some(Ok(Message::Close(None)))));
    assert!(within("the end", socket.next()).await.is_none());
}
