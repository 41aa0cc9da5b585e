//! A client of the door that reuses one connection, because the benchmarks create ten thousands of rooms.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::{Value, json};
use wire::{
    MemberId, RoomId, Token,
    door::{Admission, CREATE, JOIN},
};

/// Maximum bytes of an answer.
const ANSWER_BYTES: usize = 8192;

trait Line: Read + Write {}

impl<S: Read + Write> Line for S {}

/// A client that creates and joins rooms.
pub struct Door {
    stream: Box<dyn Line>,
    address: SocketAddr,
}

impl Door {
    /// Connects.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: Box::new(stream), address }
    }

    /// Connects with TLS.
    #[must_use]
    pub fn open_tls(address: SocketAddr, trust: Arc<ClientConfig>) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let connection = ClientConnection::new(trust, address.ip().into()).unwrap();
        Self { stream: Box::new(StreamOwned::new(connection, stream)), address }
    }

    /// Creates a room and joins it with this many members. Any verifier will do, because the server only compares it.
    pub fn make_room(&mut self, name: &str, people: usize) -> Vec<Admission> {
        let id = RoomId(random());
        let verifier = wire::Verifier::from(random::<32>());
        let create = json!({ "room": name, "user": "user 1", "room_id": id, "verifier": verifier });
        let mut places = vec![self.ask(CREATE, &create)];
        for number in 2..=people {
            let join = json!({ "room": name, "user": format!("user {number}"), "verifier": verifier });
            places.push(self.ask(JOIN, &join));
        }
        places
    }

    /// Sends a request that must succeed.
    pub fn ask(&mut self, path: &str, body: &Value) -> Admission {
        self.try_to(path, body).unwrap_or_else(|answer| panic!("{path}: {answer}"))
    }

    /// Sends a request. Returns the door's answer if it is refused.
    pub fn try_to(&mut self, path: &str, body: &Value) -> Result<Admission, String> {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        loop {
            let mut part = [0; ANSWER_BYTES];
            let length = self.stream.read(&mut part).unwrap();
            assert!(length > 0, "the door hung up on {path}");
            answer.extend(&part[..length]);
            if let Some(body) = body_of(&answer) {
                return serde_json::from_slice(body).map_err(|_| String::from_utf8_lossy(body).into_owned());
            }
        }
    }
}

/// Returns the body once it is complete.
fn body_of(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).unwrap().to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse::<usize>().unwrap();
    answer.get(end..end + length)
}

/// Returns made-up admissions for a server without a door, which checks only the room.
#[must_use]
pub fn make_up(people: usize) -> Vec<Admission> {
    let room_id = RoomId(random());
    let place = |number: usize| Admission {
        room_id,
        member_id: MemberId(u32::try_from(number).unwrap()),
        token: Token::from(random::<32>()),
    };
    (1..=people).map(place).collect()
}

/// Random bytes.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
