//! Frame heads (RFC 6455, section 5.2).

use super::{Fault, mask::Mask};

/// The type of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// The next fragment of a message.
    Continuation,
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// Closes the connection.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    fn number(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    fn from_number(number: u8) -> Result<Self, Fault> {
        let all = [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong];
        all.into_iter().find(|opcode| opcode.number() == number).ok_or(Fault::Protocol)
    }

    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Maximum bytes in the payload of a control frame.
pub(super) const CONTROL_BYTES: usize = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH: u8 = 0x7f;
/// These values announce that the length follows in two bytes, or in eight.
const IN_TWO: u8 = 126;
const IN_EIGHT: u8 = 127;

/// The head of a frame from a client.
pub(super) struct Head {
    pub opcode: Opcode,
    /// True for the last frame of a message.
    pub fin: bool,
    pub mask: Mask,
    pub length: u64,
}

impl Head {
    /// Parses a head from the front of `bytes`. Returns it with its length, or `None` if it is incomplete.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let fin = first & FIN != 0;
        let opcode = Opcode::from_number(first & OPCODE)?;
        let short = second & LENGTH;
        if first & RESERVED != 0 || second & MASKED == 0 {
            return Err(Fault::Protocol);
        }
        if opcode.is_control() && (!fin || usize::from(short) > CONTROL_BYTES) {
            return Err(Fault::Protocol);
        }
        let (length, least, rest) = match short {
            IN_TWO => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), u64::from(IN_TWO), rest),
                None => return Ok(None),
            },
            IN_EIGHT => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), u64::from(u16::MAX) + 1, rest),
                None => return Ok(None),
            },
            short => (u64::from(short), 0, rest),
        };
        // The length must use the shortest encoding and leave the top bit clear.
        if length < least || length > i64::MAX.unsigned_abs() {
            return Err(Fault::Protocol);
        }
        let Some((key, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let used = bytes.len() - rest.len();
        Ok(Some((Self { opcode, fin, mask: Mask::new(*key), length }, used)))
    }
}

/// Returns the unmasked head of a whole message with this payload length, and the head's own length.
pub(super) fn encode(opcode: Opcode, length: usize) -> ([u8; 10], usize) {
    let first = FIN | opcode.number();
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) if length < IN_TWO => ([first, length, 0, 0, 0, 0, 0, 0, 0, 0], 2),
        (_, Ok(length)) => {
            let [a, b] = length.to_be_bytes();
            ([first, IN_TWO, a, b, 0, 0, 0, 0, 0, 0], 4)
        }
        _ => {
            let [a, b, c, d, e, f, g, h] = u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes();
            ([first, IN_EIGHT, a, b, c, d, e, f, g, h], 10)
        }
    }
}
