use std::{io, ops::ControlFlow};

use cloakroom::ws::{End, Event, Fault, Reader};
use tokio::io::{AsyncWriteExt, duplex};
use tokio_tungstenite::tungstenite::{
    Error, Message, WebSocket,
    error::CapacityError,
    protocol::{Role, WebSocketConfig},
};

const LIMIT: usize = 10_000;

#[derive(Debug, PartialEq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
    Fault(Fault),
}

/// The server's reader returns the same events however the bytes are split, and the same as an independent
/// implementation.
pub fn check(bytes: &[u8]) {
    // The zeros complete the last frame and are not a valid frame, so that both readers stop.
    let end = [0; LIMIT + 16];
    let bytes = [bytes, &end].concat();
    let bytes = [before_longer_length(&bytes), &end].concat();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ours = runtime.block_on(read(&bytes, Way { piece: 1500, before: 0, wipes: false }));
    for way in [
        Way { piece: 7, before: 1, wipes: false },
        Way { piece: 5000, before: 3000, wipes: true },
        Way { piece: 1, before: bytes.len(), wipes: false },
    ] {
        assert_eq!(runtime.block_on(read(&bytes, way)), ours);
    }
    let theirs = others_read(&bytes);
    let [(our_end, ours), (their_end, theirs)] = [&ours, &theirs].map(|seen| seen.split_last().unwrap());
    assert_eq!(ours, theirs);
    match (our_end, their_end) {
        // tungstenite detects some faults later, and may report another fault for the same bytes.
        (Seen::Fault(_), Seen::Fault(_)) => {}
        // tungstenite does not know this code.
        (Seen::Close(Some((1014, _))), Seen::Fault(_)) => {}
        _ => assert_eq!(our_end, their_end),
    }
}

/// Returns the frames before the first whose length does not use the shortest encoding, which tungstenite accepts.
fn before_longer_length(bytes: &[u8]) -> &[u8] {
    let mut at = 0;
    loop {
        let (least, length, head) = match bytes.get(at..) {
            Some(&[_, 0xfe, a, b, ..]) => (126, u64::from(u16::from_be_bytes([a, b])), 8),
            Some(&[_, 0xff, a, b, c, d, e, f, g, h, ..]) => (1 << 16, u64::from_be_bytes([a, b, c, d, e, f, g, h]), 14),
            Some(&[_, short @ 0x80..0xfe, ..]) => (0, u64::from(short & 0x7f), 6),
            _ => return bytes,
        };
        if length < least {
            return &bytes[..at];
        }
        at = at.saturating_add(head).saturating_add(usize::try_from(length).unwrap());
    }
}

/// How the bytes arrive: `before` of them were read with the handshake, the others arrive in pieces.
#[derive(Clone, Copy)]
struct Way {
    piece: usize,
    before: usize,
    wipes: bool,
}

async fn read(bytes: &[u8], way: Way) -> Vec<Seen> {
    let (before, rest) = bytes.split_at(way.before.min(bytes.len()));
    let (mut near, far) = duplex(way.piece);
    let send = async move {
        // Fails once the reader has ended the connection.
        let _ = near.write_all(rest).await;
    };
    let receive = async move {
        let mut seen = Vec::new();
        let mut reader = Reader::new(far, before.to_vec(), LIMIT);
        reader.wipes(way.wipes);
        loop {
            let read = reader.read(|event| {
                seen.push(match event {
                    Event::Text(text) => Seen::Text(text.to_owned()),
                    Event::Binary(bytes) => Seen::Binary(bytes.to_vec()),
                    Event::Ping(bytes) => Seen::Ping(bytes.to_vec()),
                    Event::Pong(bytes) => Seen::Pong(bytes.to_vec()),
                    Event::Close(close) => Seen::Close(close.map(|close| (close.code, close.reason.to_owned()))),
                });
                ControlFlow::Break(())
            });
            match read.await {
                Ok(_) => {}
                Err(End::Fault(fault)) => seen.push(Seen::Fault(fault)),
                Err(End::Gone) => panic!("the zeros did not end the connection"),
            }
            if let Some(Seen::Close(_) | Seen::Fault(_)) = seen.last() {
                return seen;
            }
        }
    };
    tokio::join!(send, receive).1
}

fn others_read(bytes: &[u8]) -> Vec<Seen> {
    let config = WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    let mut socket = WebSocket::from_partially_read(io::empty(), bytes.to_vec(), Role::Server, Some(config));
    let mut seen = Vec::new();
    loop {
        seen.push(match socket.read() {
            Ok(Message::Text(text)) => Seen::Text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Seen::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Seen::Pong(bytes.to_vec()),
            Ok(Message::Close(close)) => {
                Seen::Close(close.map(|close| (close.code.into(), close.reason.as_str().to_owned())))
            }
            Ok(Message::Frame(_)) => unreachable!("only written"),
            Err(Error::Utf8(_)) => Seen::Fault(Fault::NotUtf8),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => Seen::Fault(Fault::TooBig),
            Err(_) => Seen::Fault(Fault::Protocol),
        });
        match seen.last_mut() {
            // For a close that it refuses, tungstenite returns its own answer instead.
            Some(last @ Seen::Close(Some(_))) if *last == refused_close() => *last = Seen::Fault(Fault::Protocol),
            Some(Seen::Close(_) | Seen::Fault(_)) => return seen,
            _ => continue,
        }
        return seen;
    }
}

fn refused_close() -> Seen {
    Seen::Close(Some((1002, "Protocol violation".to_owned())))
}
