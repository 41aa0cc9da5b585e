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
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
    Fault(Fault),
}

/// The server's reader says the same however the bytes come in, and the same as an independent implementation.
pub fn check(bytes: &[u8]) {
    // The zeros end the last frame, and are no frame themselves: both readers come to an end, however early they look.
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
    let [(our_end, ours), (their_end, theirs)] = [&ours, &theirs].map(|said| said.split_last().unwrap());
    assert_eq!(ours, theirs);
    match (our_end, their_end) {
        // tungstenite finds some faults later, and may find another fault in the same bytes.
        (Said::Fault(_), Said::Fault(_)) => {}
        // tungstenite does not know this code.
        (Said::Close(Some((1014, _))), Said::Fault(_)) => {}
        _ => assert_eq!(our_end, their_end),
    }
}

/// The frames before one whose length is not written in the shortest way: tungstenite takes that one.
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

/// How bytes come in: so many were here before, and the others come in pieces.
#[derive(Clone, Copy)]
struct Way {
    piece: usize,
    before: usize,
    wipes: bool,
}

async fn read(bytes: &[u8], way: Way) -> Vec<Said> {
    let (before, rest) = bytes.split_at(way.before.min(bytes.len()));
    let (mut near, far) = duplex(way.piece);
    let send = async move {
        // Fails once the reader has ended the connection.
        let _ = near.write_all(rest).await;
    };
    let receive = async move {
        let mut said = Vec::new();
        let mut reader = Reader::new(far, before.to_vec(), LIMIT);
        reader.wipes(way.wipes);
        loop {
            let read = reader.read(|event| {
                said.push(match event {
                    Event::Text(text) => Said::Text(text.to_owned()),
                    Event::Binary(bytes) => Said::Binary(bytes.to_vec()),
                    Event::Ping(bytes) => Said::Ping(bytes.to_vec()),
                    Event::Pong(bytes) => Said::Pong(bytes.to_vec()),
                    Event::Close(close) => Said::Close(close.map(|close| (close.code, close.reason.to_owned()))),
                });
                ControlFlow::Break(())
            });
            match read.await {
                Ok(_) => {}
                Err(End::Fault(fault)) => said.push(Said::Fault(fault)),
                Err(End::Gone) => panic!("the zeros did not end it"),
            }
            if let Some(Said::Close(_) | Said::Fault(_)) = said.last() {
                return said;
            }
        }
    };
    tokio::join!(send, receive).1
}

fn others_read(bytes: &[u8]) -> Vec<Said> {
    let config = WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
    let mut socket = WebSocket::from_partially_read(io::empty(), bytes.to_vec(), Role::Server, Some(config));
    let mut said = Vec::new();
    loop {
        said.push(match socket.read() {
            Ok(Message::Text(text)) => Said::Text(text.as_str().to_owned()),
            Ok(Message::Binary(bytes)) => Said::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Said::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Said::Pong(bytes.to_vec()),
            Ok(Message::Close(close)) => {
                Said::Close(close.map(|close| (close.code.into(), close.reason.as_str().to_owned())))
            }
            Ok(Message::Frame(_)) => unreachable!("only written"),
            Err(Error::Utf8(_)) => Said::Fault(Fault::NotUtf8),
            Err(Error::Capacity(CapacityError::MessageTooLong { .. })) => Said::Fault(Fault::TooBig),
            Err(_) => Said::Fault(Fault::Protocol),
        });
        match said.last_mut() {
            // In place of a close that it refuses, tungstenite returns its answer to it.
            Some(last @ Said::Close(Some(_))) if *last == refused_close() => *last = Said::Fault(Fault::Protocol),
            Some(Said::Close(_) | Said::Fault(_)) => return said,
            _ => continue,
        }
        return said;
    }
}

fn refused_close() -> Said {
    Said::Close(Some((1002, "Protocol violation".to_owned())))
}
