//! The parts of WebSocket (RFC 6455) that a cheap client needs.

/// The mask of every client frame. It is constant, so that a repeated frame is masked only once.
pub const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The type of a frame.
pub mod opcode {
    /// A binary message.
    pub const BINARY: u8 = 2;
    /// A close.
    pub const CLOSE: u8 = 8;
    /// A ping.
    pub const PING: u8 = 9;
    /// A pong.
    pub const PONG: u8 = 10;
}

/// Returns the request of the opening handshake.
#[must_use]
pub fn upgrade(host: &str) -> Vec<u8> {
    let path = wire::door::SOCKET;
    format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// Returns the length of an HTTP head once it is complete.
#[must_use]
pub fn head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Adds a client's frame.
pub fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_head(out, opcode, payload.len(), 0x80);
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Adds the head of a frame. `masked` is its mask bit.
pub fn put_head(out: &mut Vec<u8>, opcode: u8, length: usize, masked: u8) {
    out.push(0x80 | opcode);
    match length {
        0..=125 => out.push(masked | length as u8),
        126..=0xffff => {
            out.push(masked | 126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
}

/// A frame's type, and the range of its payload.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The type.
    pub opcode: u8,
    /// The start of the payload.
    pub start: usize,
    /// The end of the payload.
    pub end: usize,
}

/// Returns the first frame in these bytes once it is complete. Nothing here sends fragmented messages.
#[must_use]
pub fn first(bytes: &[u8]) -> Option<Frame> {
    let [one, two, ..] = *bytes else { return None };
    assert!(one & 0xf0 == 0x80, "not an unfragmented message: {one:#x}");
    let (length, at) = match two & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize, 10),
        short => (usize::from(short), 2),
    };
    let start = at + if two & 0x80 == 0 { 0 } else { MASK.len() };
    let end = start + length;
    (end <= bytes.len()).then_some(Frame { opcode: one & 0x0f, start, end })
}

/// Iterates over complete payloads. The rest of the bytes belongs to an incomplete frame.
pub struct Frames<'a> {
    bytes: &'a [u8],
    /// Bytes consumed.
    pub taken: usize,
}

impl<'a> Frames<'a> {
    /// The bytes received.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, taken: 0 }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.bytes[self.taken..];
        let frame = first(rest)?;
        self.taken += frame.end;
        Some((frame.opcode, &rest[frame.start..frame.end]))
    }
}
