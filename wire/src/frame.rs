//! Frames: the binary WebSocket messages. `version u8 ‖ kind u8 ‖ body`, integers big-endian.

use crate::{Counter, MemberId, RoomId, Seq, Token, UserName, VERSION, Verifier, limits};

const HELLO: u8 = 0x01;
const MESSAGE: u8 = 0x02;
const LEAVE: u8 = 0x03;
const PING: u8 = 0x04;
const WELCOME: u8 = 0x81;
const RELAYED: u8 = 0x82;
const ACCEPTED: u8 = 0x83;
const ENTERED: u8 = 0x84;
const LEFT: u8 = 0x85;
const PRESENCE: u8 = 0x86;
const PONG: u8 = 0x87;

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first byte is not [`VERSION`].
    #[error("a frame of unknown version {0}")]
    Version(u8),
    /// Anything else.
    #[error("not a frame")]
    Malformed,
}

/// The first frame on every socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Which room.
    pub room_id: RoomId,
    /// Which member of it.
    pub member_id: MemberId,
    /// That member's token.
    pub token: Token,
    /// The verifier too, which binds the token to the address that this socket comes from.
    pub verifier: Option<Verifier>,
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame<'a> {
    /// Shows the token; `0x01`, room 16 ‖ member u32 ‖ token 32 (‖ verifier 32).
    Hello(Hello),
    /// A sealed message; `0x02`, counter u64 ‖ sealed (at least one byte).
    Message {
        /// The sender's count, one more than that of its message before.
        counter: Counter,
        /// What the server cannot open.
        sealed: &'a [u8],
    },
    /// Leaves at once; `0x03`.
    Leave,
    /// Asks for a [`ServerFrame::Pong`]; `0x04`.
    Ping,
}

/// A member, as a [`Welcome`] tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its number.
    pub member_id: MemberId,
    /// Its name.
    pub name: UserName,
    /// The counter of its last message that the server relayed; 0 if none.
    pub counter: Counter,
    /// Whether its connection is up.
    pub connected: bool,
}

/// Answers a [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The number of the room's last event: the next frame carries the one after it.
    pub seq: Seq,
    /// Everyone in the room, oneself included.
    pub people: Vec<Person>,
}

/// Why a member is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It left; `0x00`.
    Left,
    /// Its connection was lost and did not come back in time; `0x01`.
    Lost,
}

/// What the server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame<'a> {
    /// Who is there; `0x81`, seq u64 ‖ count u16 ‖ count × (member u32 ‖ counter u64 ‖ connected u8 ‖ length u16 ‖ name).
    Welcome(Welcome),
    /// A message of another member; `0x82`, seq u64 ‖ sender u32 ‖ counter u64 ‖ sealed.
    Message {
        /// Its place in the room's order.
        seq: Seq,
        /// Who sent it, says the server.
        sender: MemberId,
        /// The sender's count.
        counter: Counter,
        /// What only those in the room can open.
        sealed: &'a [u8],
    },
    /// One's own message has its place in the order; `0x83`, seq u64 ‖ counter u64.
    Accepted {
        /// Its place in the room's order.
        seq: Seq,
        /// Which message.
        counter: Counter,
    },
    /// Someone came in; `0x84`, seq u64 ‖ member u32 ‖ length u16 ‖ name.
    Entered {
        /// Its place in the room's order.
        seq: Seq,
        /// Who.
        member_id: MemberId,
        /// By which name.
        name: UserName,
    },
    /// Someone is gone; `0x85`, seq u64 ‖ member u32 ‖ departure u8 ‖ counter u64.
    Left {
        /// Its place in the room's order.
        seq: Seq,
        /// Who.
        member_id: MemberId,
        /// Why.
        departure: Departure,
        /// The counter of its last message that the server relayed; 0 if none.
        counter: Counter,
    },
    /// A member's connection was lost or is back; `0x86`, seq u64 ‖ member u32 ‖ connected u8.
    Presence {
        /// Its place in the room's order.
        seq: Seq,
        /// Whose.
        member_id: MemberId,
        /// Whether it is up.
        connected: bool,
    },
    /// Answers [`ClientFrame::Ping`]; `0x87`.
    Pong,
}

/// Takes big-endian fields off the front of a frame.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(FrameError::Malformed)?;
        self.0 = tail;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8, FrameError> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, FrameError> {
        self.array().map(u16::from_be_bytes)
    }

    fn member_id(&mut self) -> Result<MemberId, FrameError> {
        self.array().map(|bytes| MemberId(u32::from_be_bytes(bytes)))
    }

    fn counter(&mut self) -> Result<Counter, FrameError> {
        self.array().map(|bytes| Counter(u64::from_be_bytes(bytes)))
    }

    fn seq(&mut self) -> Result<Seq, FrameError> {
        self.array().map(|bytes| Seq(u64::from_be_bytes(bytes)))
    }

    fn bool(&mut self) -> Result<bool, FrameError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FrameError::Malformed),
        }
    }

    fn name(&mut self) -> Result<UserName, FrameError> {
        let length = self.u16()?.into();
        let (head, tail) = self.0.split_at_checked(length).ok_or(FrameError::Malformed)?;
        self.0 = tail;
        let text = core::str::from_utf8(head).map_err(|_| FrameError::Malformed)?;
        let name: UserName = text.parse().map_err(|_| FrameError::Malformed)?;
        // Only the canonical form travels.
        if name.as_str() == text { Ok(name) } else { Err(FrameError::Malformed) }
    }

    fn rest(&mut self) -> Result<&'a [u8], FrameError> {
        let rest = core::mem::take(&mut self.0);
        if rest.is_empty() { Err(FrameError::Malformed) } else { Ok(rest) }
    }

    /// Takes version and kind.
    fn open(bytes: &'a [u8]) -> Result<(u8, Self), FrameError> {
        let mut reader = Self(bytes);
        match reader.u8()? {
            VERSION => Ok((reader.u8()?, reader)),
            other => Err(FrameError::Version(other)),
        }
    }

    fn end(self) -> Result<(), FrameError> {
        if self.0.is_empty() { Ok(()) } else { Err(FrameError::Malformed) }
    }
}

fn start(kind: u8, capacity: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + capacity);
    bytes.extend([VERSION, kind]);
    bytes
}

fn put_name(bytes: &mut Vec<u8>, name: &UserName) {
    let name = name.as_str().as_bytes();
    // NAME_CHARS characters are 256 bytes at most.
    let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(name);
}

impl<'a> ClientFrame<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// When `bytes` are not one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (kind, mut body) = Reader::open(bytes)?;
        let frame = match kind {
            HELLO => Self::Hello(Hello {
                room_id: RoomId(body.array()?),
                member_id: body.member_id()?,
                token: body.array::<32>()?.into(),
                verifier: if body.0.is_empty() { None } else { Some(body.array::<32>()?.into()) },
            }),
            MESSAGE => Self::Message { counter: body.counter()?, sealed: body.rest()? },
            LEAVE => Self::Leave,
            PING => Self::Ping,
            _ => return Err(FrameError::Malformed),
        };
        body.end()?;
        Ok(frame)
    }

    /// Writes the frame.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Hello(hello) => {
                let mut bytes = start(HELLO, 84);
                bytes.extend(hello.room_id.0);
                bytes.extend(hello.member_id.0.to_be_bytes());
                bytes.extend(hello.token.as_bytes());
                if let Some(verifier) = &hello.verifier {
                    bytes.extend(verifier.as_bytes());
                }
                bytes
            }
            Self::Message { counter, sealed } => {
                let mut bytes = start(MESSAGE, 8 + sealed.len());
                bytes.extend(counter.0.to_be_bytes());
                bytes.extend(*sealed);
                bytes
            }
            Self::Leave => start(LEAVE, 0),
            Self::Ping => start(PING, 0),
        }
    }
}

impl<'a> ServerFrame<'a> {
    /// Reads a frame.
    ///
    /// # Errors
    /// When `bytes` are not one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (kind, mut body) = Reader::open(bytes)?;
        let frame = match kind {
            WELCOME => {
                let seq = body.seq()?;
                let count = usize::from(body.u16()?);
                let mut people = Vec::with_capacity(count.min(limits::MEMBERS));
                for _ in 0..count {
                    people.push(Person {
                        member_id: body.member_id()?,
                        counter: body.counter()?,
                        connected: body.bool()?,
                        name: body.name()?,
                    });
                }
                Self::Welcome(Welcome { seq, people })
            }
            RELAYED => Self::Message {
                seq: body.seq()?,
                sender: body.member_id()?,
                counter: body.counter()?,
                sealed: body.rest()?,
            },
            ACCEPTED => Self::Accepted { seq: body.seq()?, counter: body.counter()? },
            ENTERED => Self::Entered { seq: body.seq()?, member_id: body.member_id()?, name: body.name()? },
            LEFT => Self::Left {
                seq: body.seq()?,
                member_id: body.member_id()?,
                departure: if body.bool()? { Departure::Lost } else { Departure::Left },
                counter: body.counter()?,
            },
            PRESENCE => Self::Presence { seq: body.seq()?, member_id: body.member_id()?, connected: body.bool()? },
            PONG => Self::Pong,
            _ => return Err(FrameError::Malformed),
        };
        body.end()?;
        Ok(frame)
    }

    /// Writes the frame.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Welcome(Welcome { seq, people }) => {
                let mut bytes = start(WELCOME, 10 + people.len() * 32);
                bytes.extend(seq.0.to_be_bytes());
                bytes.extend(u16::try_from(people.len()).unwrap_or(u16::MAX).to_be_bytes());
                for person in people.iter().take(u16::MAX.into()) {
                    bytes.extend(person.member_id.0.to_be_bytes());
                    bytes.extend(person.counter.0.to_be_bytes());
                    bytes.push(person.connected.into());
                    put_name(&mut bytes, &person.name);
                }
                bytes
            }
            Self::Message { seq, sender, counter, sealed } => {
                let mut bytes = start(RELAYED, 20 + sealed.len());
                bytes.extend(seq.0.to_be_bytes());
                bytes.extend(sender.0.to_be_bytes());
                bytes.extend(counter.0.to_be_bytes());
                bytes.extend(*sealed);
                bytes
            }
            Self::Accepted { seq, counter } => {
                let mut bytes = start(ACCEPTED, 16);
                bytes.extend(seq.0.to_be_bytes());
                bytes.extend(counter.0.to_be_bytes());
                bytes
            }
            Self::Entered { seq, member_id, name } => {
                let mut bytes = start(ENTERED, 14 + name.as_str().len());
                bytes.extend(seq.0.to_be_bytes());
                bytes.extend(member_id.0.to_be_bytes());
                put_name(&mut bytes, name);
                bytes
            }
            Self::Left { seq, member_id, departure, counter } => {
                let mut bytes = about(LEFT, *seq, *member_id, *departure == Departure::Lost);
                bytes.extend(counter.0.to_be_bytes());
                bytes
            }
            Self::Presence { seq, member_id, connected } => about(PRESENCE, *seq, *member_id, *connected),
            Self::Pong => start(PONG, 0),
        }
    }
}

fn about(kind: u8, seq: Seq, member_id: MemberId, flag: bool) -> Vec<u8> {
    let mut bytes = start(kind, 13);
    bytes.extend(seq.0.to_be_bytes());
    bytes.extend(member_id.0.to_be_bytes());
    bytes.push(flag.into());
    bytes
}

#[cfg(test)]
mod tests;
