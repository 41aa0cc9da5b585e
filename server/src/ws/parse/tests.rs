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

/// Small, and the same on every machine.
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

/// A frame by hand: its first byte, and the payload under a mask of zeros.
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

/// All that these bytes say, in words, if they come in pieces of these lengths, one after the other.
fn events(bytes: &[u8], mut piece: impl FnMut() -> usize) -> Vec<String> {
    let mut parser = Parser::new(LIMIT);
    let mut said = Vec::new();
    let mut rest = bytes.to_vec();
    while !rest.is_empty() {
        let mut now = rest.drain(..piece().clamp(1, rest.len())).collect::<Vec<_>>();
        // As a reader does it, where there is a place for large ones.
        if let Some(place) = parser.place() {
            let mut place = place;
            let here = now.len().min(place.remaining_mut());
            place.put_slice(&now[..here]);
            now.drain(..here);
            if let Err(fault) = parser.placed(here) {
                said.push(format!("{fault:?}"));
                return said;
            }
        }
        let mut left = now.as_mut_slice();
        loop {
            match parser.next(&mut left) {
                Ok(Some(event)) => said.push(format!("{event:?}")),
                Ok(None) => break,
                Err(fault) => {
                    said.push(format!("{fault:?}"));
                    return said;
                }
            }
        }
        assert!(left.is_empty());
    }
    said
}

fn at_once(bytes: &[u8]) -> Vec<String> {
    events(bytes, || usize::MAX)
}

/// In whole and by the byte, the same is said.
fn said(bytes: &[u8]) -> Vec<String> {
    let said = at_once(bytes);
    assert_eq!(events(bytes, || 1), said);
    said
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

/// What an independent implementation makes of these bytes.
fn others_say(bytes: &[u8]) -> Vec<String> {
    let config = WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    let mut socket = WebSocket::from_raw_socket(Wire(Cursor::new(bytes.to_vec())), Role::Server, Some(config));
    let mut said = Vec::new();
    loop {
        said.push(match socket.read() {
            Ok(Message::Text(text)) => format!("{:?}", Event::Text(&text)),
            Ok(Message::Binary(bytes)) => format!("{:?}", Event::Binary(&bytes)),
            Ok(Message::Ping(bytes)) => format!("{:?}", Event::Ping(&bytes)),
            Ok(Message::Pong(bytes)) => format!("{:?}", Event::Pong(&bytes)),
            // It hands a close that it refuses on as its own answer to it.
            Ok(Message::Close(Some(close))) if close.reason.as_str() == "Protocol violation" => "Protocol".to_owned(),
            Ok(Message::Close(close)) => {
                let close = close.as_ref().map(|close| Close { code: close.code.into(), reason: &close.reason });
                format!("{:?}", Event::Close(close))
            }
            Ok(Message::Frame(_)) => unreachable!(),
            Err(Error::Utf8(_)) => format!("{:?}", Fault::NotUtf8),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => format!("{:?}", Fault::TooBig),
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => return said,
            Err(Error::Protocol(_)) => format!("{:?}", Fault::Protocol),
            Err(_) => return said,
        });
        if said.last().is_some_and(|last| ["NotUtf8", "TooBig", "Protocol"].contains(&last.as_str())) {
            return said;
        }
    }
}

/// Messages of all kinds, whole and in fragments with pings between them, as a client would send them.
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

fn bytes_of(frames: Vec<Frame>, random: &mut Random) -> Vec<Vec<u8>> {
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
fn an_independent_peer_is_understood_as_it_understands_itself() {
    for seed in 1..300 {
        let mut random = Random(seed);
        let mut frames = messages(&mut random, 10);
        if seed % 2 == 0 {
            frames.push(Frame::close(None));
        }
        let bytes = bytes_of(frames, &mut random).concat();
        let theirs = others_say(&bytes);
        assert!(theirs.len() >= 10);
        assert_eq!(at_once(&bytes), theirs, "{seed}");
        assert_eq!(events(&bytes, || 1 + random.below(3000)), theirs, "{seed}, in pieces");
        assert_eq!(events(&bytes, || 1 + random.below(9)), theirs, "{seed}, in crumbs");
    }
}

/// Some frame in the middle is of another kind, or its payload is other bytes: both stop there, or neither does.
#[test]
fn both_stop_at_the_same_place() {
    let (mut stopped, mut went_on) = (0, 0);
    for seed in 1..3000 {
        let mut random = Random(seed);
        let frames = messages(&mut random, 5);
        let mut frames = bytes_of(frames, &mut random);
        let index = random.below(frames.len());
        match random.below(3) {
            0 => frames[index][0] ^= 1 << random.below(8),
            1 => *frames[index].last_mut().unwrap() ^= 0x80,
            _ => drop(frames.remove(index)),
        }
        let bytes = frames.concat();
        let (ours, theirs) = (at_once(&bytes), others_say(&bytes));
        // The other may note only at the end of a message, or of a frame, what is seen here as it comes.
        let faults = ["NotUtf8", "TooBig", "Protocol"];
        let is_fault = |said: &[String]| said.last().is_some_and(|last| faults.contains(&last.as_str()));
        assert_eq!(is_fault(&ours), is_fault(&theirs), "{seed}: {ours:?}, {theirs:?}");
        let until = ours.len().min(theirs.len()) - usize::from(is_fault(&ours));
        assert_eq!(ours[..until], theirs[..until], "{seed}");
        if is_fault(&ours) { stopped += 1 } else { went_on += 1 }
    }
    assert!(stopped > 500 && went_on > 500, "{stopped} and {went_on}");
}

#[test]
fn any_bytes_end_the_same_in_pieces() {
    for seed in 1..5000 {
        let mut random = Random(seed);
        let length = random.below(60);
        let mut bytes = random.bytes(length);
        // Some that begin well.
        if let (true, [first, second, ..]) = (seed % 2 == 0, bytes.as_mut_slice()) {
            *first &= 0x8b;
            *second |= 0x80;
        }
        assert_eq!(events(&bytes, || 1), at_once(&bytes), "{bytes:x?}");
    }
}

#[test]
fn what_no_client_may_send() {
    let unmasked = [0x82, 0x01, 0x00];
    assert_eq!(said(&unmasked), ["Protocol"]);
    for reserved in [0x40, 0x20, 0x10] {
        assert_eq!(said(&frame(0x82 | reserved, b"")), ["Protocol"]);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(said(&frame(0x80 | opcode, b"")), ["Protocol"], "{opcode}");
    }
    for control in [0x8, 0x9, 0xa] {
        assert_eq!(said(&frame(control, b"")), ["Protocol"], "a fragment of a control frame");
        assert_eq!(said(&frame(0x80 | control, &[0; 126])), ["Protocol"], "a long one");
    }
    assert_eq!(said(&frame(0x80, b"more")), ["Protocol"], "of nothing");
    assert_eq!(said(&[frame(0x02, b"a"), frame(0x82, b"b")].concat()), ["Protocol"], "within another");
    assert_eq!(said(&[0x82, 0x80 | 126, 0, 125, 0, 0, 0, 0]), ["Protocol"], "not the shortest length");
    assert_eq!(said(&[0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]), ["Protocol"], "nor here");
    assert_eq!(said(&[0x82, 0x80 | 127, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ["Protocol"], "a negative length");
}

#[test]
fn closes() {
    let close = |payload: &[u8]| said(&[frame(0x88, payload), frame(0x82, b"not heard any more")].concat());
    assert_eq!(close(b""), ["Close(None)"]);
    assert_eq!(close(b"\x03\xe8bye"), [r#"Close(Some(Close { code: 1000, reason: "bye" }))"#]);
    assert_eq!(close(b"\x03"), ["Protocol"]);
    assert_eq!(close(b"\x03\xed"), ["Protocol"], "1005 is never sent");
    assert_eq!(close(b"\x03\xe8\xc3"), ["NotUtf8"]);
}

#[test]
fn text_fails_as_soon_as_it_cannot_become_utf_8() {
    let first_bad = |bytes: &[u8], count: usize| {
        // The end never comes: what is sent is the beginning of a long text.
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
    assert_eq!(said(&parted), ["Ping([])", r#"Text("😀")"#]);
    assert_eq!(said(&[frame(0x01, b"\xf0\x9f"), frame(0x80, b"")].concat()), ["NotUtf8"], "half a character");
}

#[test]
fn limits() {
    let fits = vec![7; LIMIT];
    assert_eq!(at_once(&frame(0x82, &fits)).len(), 1);
    let announced = &frame(0x82, &[&fits[..], &[7]].concat())[..14];
    assert_eq!(said(announced), ["TooBig"], "on its head alone");
    let (half, more) = (frame(0x02, &fits[..LIMIT / 2]), frame(0x80, &fits[..LIMIT / 2 + 1]));
    assert_eq!(at_once(&[half.as_slice(), &more[..8]].concat()), ["TooBig"], "in all");
    let empty = frame(0x00, b"").repeat(100_000);
    assert_eq!(at_once(&[frame(0x02, b""), empty, frame(0x80, b"end")].concat()), ["Binary([101, 110, 100])"]);
}

#[test]
fn what_is_kept_grows_with_what_has_come() {
    let mut parser = Parser::new(1 << 20);
    let mut bytes = frame(0x82, &[7; 1 << 20]);
    let announced = parser.next(&mut &mut bytes[..14]).unwrap();
    assert_eq!(announced, None);
    assert_eq!(parser.data.capacity(), 0, "nothing for a promise");
    let mut come = 0;
    for size in [1, 500, 2000, 40_000, 100_000] {
        match parser.place() {
            Some(mut place) => {
                let size = size.min(place.remaining_mut());
                place.put_slice(&vec![7; size]);
                parser.placed(size).unwrap();
                come += size;
            }
            None => {
                assert_eq!(parser.next(&mut vec![7; size].as_mut_slice()).unwrap(), None);
                come += size;
            }
        }
        assert!(parser.data.capacity() <= (4 * come).max(8), "{} for {come}", parser.data.capacity());
    }
}

#[test]
fn nothing_is_kept_between_messages() {
    let mut parser = Parser::new(LIMIT);
    let mut bytes = [frame(0x02, b"one"), frame(0x89, b"ping"), frame(0x80, b"message")].concat();
    for byte in &mut bytes {
        let mut byte = std::slice::from_mut(byte);
        while parser.next(&mut byte).unwrap().is_some() {}
    }
    let Parser { head, data, control, .. } = &parser;
    assert_eq!((head.capacity(), data.capacity(), control.capacity()), (0, 0, 0));
}
