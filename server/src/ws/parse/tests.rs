use std::io::{Cursor, Read, Result as IoResult, Write};

use tungstenite::{
    Error, Message, WebSocket,
    error::CapacityError,
    protocol::{
        Role, WebSocketConfig,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use super::*;

const LIMIT: usize = 10_000;

/// A small deterministic generator.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }

    fn text(&mut self, chars: usize) -> String {
        let alphabet = ['a', 'é', '€', '😀', '\u{10ffff}', ' '];
        (0..chars).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

/// A frame with this first byte, and this payload under a zero mask.
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
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// The `Debug` texts of all events, and of a fault, when the bytes arrive in pieces of these lengths.
fn events(bytes: &[u8], mut piece: impl FnMut() -> usize) -> Vec<String> {
    let mut parser = Parser::new(LIMIT);
    let mut texts = Vec::new();
    let mut rest = bytes.to_vec();
    while !rest.is_empty() {
        let mut now = rest.drain(..piece().clamp(1, rest.len())).collect::<Vec<_>>();
        // Reads directly into the buffer where `Reader` does.
        if let Some(mut buffer) = parser.direct_buffer() {
            let here = now.len().min(buffer.remaining_mut());
            buffer.put_slice(&now[..here]);
            now.drain(..here);
            if let Err(fault) = parser.finish_direct_read(here) {
                texts.push(format!("{fault:?}"));
                return texts;
            }
        }
        let mut left = now.as_mut_slice();
        loop {
            match parser.next(&mut left) {
                Ok(Some(event)) => texts.push(format!("{event:?}")),
                Ok(None) => break,
                Err(fault) => {
                    texts.push(format!("{fault:?}"));
                    return texts;
                }
            }
        }
        assert!(left.is_empty());
    }
    texts
}

fn at_once(bytes: &[u8]) -> Vec<String> {
    events(bytes, || usize::MAX)
}

/// The events of these bytes, which must be the same at once and byte by byte.
fn events_checked(bytes: &[u8]) -> Vec<String> {
    let texts = at_once(bytes);
    assert_eq!(events(bytes, || 1), texts);
    texts
}

struct Wire(Cursor<Vec<u8>>);

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        self.0.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}

/// The events that tungstenite, an independent implementation, reads from these bytes.
fn tungstenite_events(bytes: &[u8]) -> Vec<String> {
    let config = WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    let mut socket = WebSocket::from_raw_socket(Wire(Cursor::new(bytes.to_vec())), Role::Server, Some(config));
    let mut texts = Vec::new();
    loop {
        texts.push(match socket.read() {
            Ok(Message::Text(text)) => format!("{:?}", Event::Text(&text)),
            Ok(Message::Binary(bytes)) => format!("{:?}", Event::Binary(&bytes)),
            Ok(Message::Ping(bytes)) => format!("{:?}", Event::Ping(&bytes)),
            Ok(Message::Pong(bytes)) => format!("{:?}", Event::Pong(&bytes)),
            // tungstenite reports a close that it refuses as its own answer.
            Ok(Message::Close(Some(close))) if close.reason.as_str() == "Protocol violation" => "Protocol".to_owned(),
            Ok(Message::Close(close)) => {
                let close = close.as_ref().map(|close| Close { code: close.code.into(), reason: &close.reason });
                format!("{:?}", Event::Close(close))
            }
            Ok(Message::Frame(_)) => unreachable!(),
            Err(Error::Utf8(_)) => format!("{:?}", Fault::NotUtf8),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => format!("{:?}", Fault::TooBig),
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => return texts,
            Err(Error::Protocol(_)) => format!("{:?}", Fault::Protocol),
            Err(_) => return texts,
        });
        if texts.last().is_some_and(|last| ["NotUtf8", "TooBig", "Protocol"].contains(&last.as_str())) {
            return texts;
        }
    }
}

/// Random messages as a client sends them: whole or fragmented, with pings and pongs in between.
fn messages(random: &mut Random, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    for _ in 0..count {
        let length = [0, 1, 10, 125, 126, 200, 5000][random.below(7)];
        let (kind, payload) = if random.below(2) == 0 {
            (Data::Text, random.text(length / 4).into_bytes())
        } else {
            (Data::Binary, random.bytes(length))
        };
        let parts = 1 + random.below(4);
        let size = payload.len().div_ceil(parts).max(1);
        let mut parts = payload.chunks(size).map(<[u8]>::to_vec).collect::<Vec<_>>();
        if parts.is_empty() || random.below(5) == 0 {
            parts.insert(0, Vec::new());
        }
        let last = parts.len() - 1;
        for (index, part) in parts.into_iter().enumerate() {
            let kind = if index == 0 { kind } else { Data::Continue };
            frames.push(Frame::message(part, OpCode::Data(kind), index == last));
            if random.below(3) == 0 {
                let bytes = random.below(126);
                let bytes = random.bytes(bytes);
                frames.push(if random.below(2) == 0 { Frame::ping(bytes) } else { Frame::pong(bytes) });
            }
        }
    }
    frames
}

fn masked_bytes(frames: Vec<Frame>, random: &mut Random) -> Vec<Vec<u8>> {
    let masked = |mut frame: Frame| {
        let key = random.bytes(4).try_into().unwrap();
        frame.header_mut().mask = Some(key);
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    };
    frames.into_iter().map(masked).collect()
}

#[test]
fn valid_frames_read_as_in_tungstenite() {
    for seed in 1..300 {
        let mut random = Random(seed);
        let mut frames = messages(&mut random, 10);
        if seed % 2 == 0 {
            frames.push(Frame::close(None));
        }
        let bytes = masked_bytes(frames, &mut random).concat();
        let theirs = tungstenite_events(&bytes);
        assert!(theirs.len() >= 10);
        assert_eq!(at_once(&bytes), theirs, "{seed}");
        assert_eq!(events(&bytes, || 1 + random.below(3000)), theirs, "{seed}, in pieces");
        assert_eq!(events(&bytes, || 1 + random.below(9)), theirs, "{seed}, in tiny pieces");
    }
}

/// Corrupts or removes one frame: both implementations must fail at the same place, or neither.
#[test]
fn damaged_frames_fail_as_in_tungstenite() {
    let (mut stopped, mut went_on) = (0, 0);
    for seed in 1..3000 {
        let mut random = Random(seed);
        let frames = messages(&mut random, 5);
        let mut frames = masked_bytes(frames, &mut random);
        let index = random.below(frames.len());
        match random.below(3) {
            0 => frames[index][0] ^= 1 << random.below(8),
            1 => *frames[index].last_mut().unwrap() ^= 0x80,
            _ => drop(frames.remove(index)),
        }
        let bytes = frames.concat();
        let (ours, theirs) = (at_once(&bytes), tungstenite_events(&bytes));
        // tungstenite may notice only at the end of a frame or message what this parser notices at once.
        let faults = ["NotUtf8", "TooBig", "Protocol"];
        let is_fault = |texts: &[String]| texts.last().is_some_and(|last| faults.contains(&last.as_str()));
        assert_eq!(is_fault(&ours), is_fault(&theirs), "{seed}: {ours:?}, {theirs:?}");
        let until = ours.len().min(theirs.len()) - usize::from(is_fault(&ours));
        assert_eq!(ours[..until], theirs[..until], "{seed}");
        if is_fault(&ours) { stopped += 1 } else { went_on += 1 }
    }
    assert!(stopped > 500 && went_on > 500, "{stopped} and {went_on}");
}

#[test]
fn random_bytes_read_alike_in_any_pieces() {
    for seed in 1..5000 {
        let mut random = Random(seed);
        let length = random.below(60);
        let mut bytes = random.bytes(length);
        // Half of them begin with a plausible head.
        if let (true, [first, second, ..]) = (seed % 2 == 0, bytes.as_mut_slice()) {
            *first &= 0x8b;
            *second |= 0x80;
        }
        assert_eq!(events(&bytes, || 1), at_once(&bytes), "{bytes:x?}");
    }
}

#[test]
fn invalid_frames_are_refused() {
    let unmasked = [0x82, 0x01, 0x00];
    assert_eq!(events_checked(&unmasked), ["Protocol"]);
    for reserved in [0x40, 0x20, 0x10] {
        assert_eq!(events_checked(&frame(0x82 | reserved, b"")), ["Protocol"]);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(events_checked(&frame(0x80 | opcode, b"")), ["Protocol"], "{opcode}");
    }
    for control in [0x8, 0x9, 0xa] {
        assert_eq!(events_checked(&frame(control, b"")), ["Protocol"], "a fragment of a control frame");
        assert_eq!(events_checked(&frame(0x80 | control, &[0; 126])), ["Protocol"], "a long one");
    }
    assert_eq!(events_checked(&frame(0x80, b"more")), ["Protocol"], "a continuation of nothing");
    assert_eq!(
        events_checked(&[frame(0x02, b"a"), frame(0x82, b"b")].concat()),
        ["Protocol"],
        "a message within another"
    );
    assert_eq!(events_checked(&[0x82, 0x80 | 126, 0, 125, 0, 0, 0, 0]), ["Protocol"], "not the shortest length");
    assert_eq!(
        events_checked(&[0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]),
        ["Protocol"],
        "nor in eight bytes"
    );
    assert_eq!(
        events_checked(&[0x82, 0x80 | 127, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ["Protocol"],
        "a negative length"
    );
}

#[test]
fn nothing_is_read_after_a_close() {
    let close = |payload: &[u8]| events_checked(&[frame(0x88, payload), frame(0x82, b"ignored")].concat());
    assert_eq!(close(b""), ["Close(None)"]);
    assert_eq!(close(b"\x03\xe8bye"), [r#"Close(Some(Close { code: 1000, reason: "bye" }))"#]);
    assert_eq!(close(b"\x03"), ["Protocol"]);
    assert_eq!(close(b"\x03\xed"), ["Protocol"], "1005 is never sent");
    assert_eq!(close(b"\x03\xe8\xc3"), ["NotUtf8"]);
}

#[test]
fn text_fails_as_soon_as_it_cannot_become_utf_8() {
    let first_bad = |bytes: &[u8], count: usize| {
        // The text is never complete; only its beginning is sent.
        let all = frame(0x01, &[bytes, &[b'x'; 200]].concat());
        let head = all.len() - bytes.len() - 200;
        assert_eq!(events(&all[..head + count], || 1), ["NotUtf8"], "{bytes:x?}");
        assert!(events(&all[..head + count - 1], || 1).is_empty(), "{bytes:x?}");
    };
    first_bad(b"\xff", 1);
    first_bad(b"ab\xc0\xaf", 3);
    first_bad(b"\xe0\x80\x80", 2);
    first_bad(b"\xed\xa0\x80", 2);
    first_bad(b"\xf4\x90\x80\x80", 2);
    first_bad(b"\xf0\x9f\x98a", 4);
    let parted = [frame(0x01, b"\xf0\x9f"), frame(0x89, b""), frame(0x80, b"\x98\x80")].concat();
    assert_eq!(events_checked(&parted), ["Ping([])", r#"Text("😀")"#]);
    assert_eq!(events_checked(&[frame(0x01, b"\xf0\x9f"), frame(0x80, b"")].concat()), ["NotUtf8"], "half a character");
}

#[test]
fn messages_over_the_limit_are_refused_early() {
    let fits = vec![7; LIMIT];
    assert_eq!(at_once(&frame(0x82, &fits)).len(), 1);
    let announced = &frame(0x82, &[&fits[..], &[7]].concat())[..14];
    assert_eq!(events_checked(announced), ["TooBig"], "from the head alone");
    let (half, more) = (frame(0x02, &fits[..LIMIT / 2]), frame(0x80, &fits[..LIMIT / 2 + 1]));
    assert_eq!(at_once(&[half.as_slice(), &more[..8]].concat()), ["TooBig"], "both fragments together");
    let empty = frame(0x00, b"").repeat(100_000);
    assert_eq!(at_once(&[frame(0x02, b""), empty, frame(0x80, b"end")].concat()), ["Binary([101, 110, 100])"]);
}

#[test]
fn buffer_grows_with_received_bytes() {
    let mut parser = Parser::new(1 << 20);
    let mut bytes = frame(0x82, &[7; 1 << 20]);
    let announced = parser.next(&mut &mut bytes[..14]).unwrap();
    assert_eq!(announced, None);
    assert_eq!(parser.data.capacity(), 0, "the announced length allocates nothing");
    let mut received = 0;
    for size in [1, 500, 2000, 40_000, 100_000] {
        match parser.direct_buffer() {
            Some(mut buffer) => {
                let size = size.min(buffer.remaining_mut());
                buffer.put_slice(&vec![7; size]);
                parser.finish_direct_read(size).unwrap();
                received += size;
            }
            None => {
                assert_eq!(parser.next(&mut vec![7; size].as_mut_slice()).unwrap(), None);
                received += size;
            }
        }
        assert!(parser.data.capacity() <= (4 * received).max(8), "{} for {received}", parser.data.capacity());
    }
}

#[test]
fn no_buffer_is_kept_between_messages() {
    let mut parser = Parser::new(LIMIT);
    let mut bytes = [frame(0x02, b"one"), frame(0x89, b"ping"), frame(0x80, b"message")].concat();
    for byte in &mut bytes {
        let mut byte = std::slice::from_mut(byte);
        while parser.next(&mut byte).unwrap().is_some() {}
    }
    let Parser { head, data, control, .. } = &parser;
    assert_eq!((head.capacity(), data.capacity(), control.capacity()), (0, 0, 0));
}
