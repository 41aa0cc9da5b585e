//! Frames: the binary WebSocket messages. `version u8 ‖ kind u8 ‖ body`, integers big-endian.

use crate::{Counter, Epoch, MemberId, RoomId, Seq, Token, VERSION, Verifier, limits};

const HELLO: u8 = 0x01;
const MESSAGE: u8 = 0x02;
const LEAVE: u8 = 0x03;
const PING: u8 = 0x04;
const KNOCK: u8 = 0x05;
const COMMIT: u8 = 0x06;
const PASS: u8 = 0x07;
const STUCK: u8 = 0x08;
const WELCOME: u8 = 0x81;
const RELAYED: u8 = 0x82;
const ACCEPTED: u8 = 0x83;
const COMMITTED: u8 = 0x84;
const LEFT: u8 = 0x85;
const PRESENCE: u8 = 0x86;
const PONG: u8 = 0x87;
const ORDERED: u8 = 0x88;
const DUTY: u8 = 0x89;
const LET_IN: u8 = 0x8a;
const ANEW: u8 = 0x8b;
const UNANSWERED: u8 = 0x8c;

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
    /// The number of the last event that the member knows of; 0 if it is not in the group.
    pub seq: Seq,
    /// The verifier too, which binds the token to the address that this socket comes from.
    pub verifier: Option<Verifier>,
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame<'a> {
    /// Shows the token; `0x01`, room 16 ‖ member u32 ‖ token 32 ‖ seq u64 (‖ verifier 32).
    Hello(Hello),
    /// A sealed message; `0x02`, generation u32 ‖ epoch u64 ‖ counter u64 ‖ sealed (at least one byte).
    Message {
        /// The epoch that it is sealed in: in another one the server does not take it.
        epoch: Epoch,
        /// The sender's count, one more than that of its message before; 0 for what may be dropped.
        counter: Counter,
        /// What the server cannot open.
        sealed: &'a [u8],
    },
    /// Leaves at once; `0x03`.
    Leave,
    /// Asks for a [`ServerFrame::Pong`]; `0x04`.
    Ping,
    /// Asks those in the group to be let in; `0x05`, generation u32 ‖ sealed (1 to [`limits::KNOCK_BYTES`] bytes).
    Knock {
        /// The generation that it is sealed for: one for another is passed over.
        generation: u32,
        /// A key package, for those who know the password.
        sealed: &'a [u8],
    },
    /// Ends an epoch; `0x06`, generation u32 ‖ epoch u64 ‖ admitted ‖ removed ‖ length u32 ‖ commit ‖ welcome, where
    /// a list of members is count u16 ‖ count × member u32.
    Commit {
        /// The epoch that it ends.
        epoch: Epoch,
        /// Whom it lets in.
        admitted: Vec<MemberId>,
        /// Which of those who are gone it removes.
        removed: Vec<MemberId>,
        /// The commit, for those in the group; at least one byte.
        commit: &'a [u8],
        /// The Welcome, for those let in; empty if and only if there are none.
        welcome: &'a [u8],
    },
    /// Does not let these in; `0x07`, generation u32 ‖ epoch u64 ‖ members.
    Pass {
        /// The epoch of the duty that this answers.
        epoch: Epoch,
        /// Whose knocks are passed over.
        members: Vec<MemberId>,
    },
    /// Cannot follow the group any more, and will knock again; `0x08`, generation u32 ‖ epoch u64.
    Stuck {
        /// The last epoch that it was in, or the one that it was let into in vain.
        epoch: Epoch,
    },
}

/// How a member stands to the group, when its connection comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has to knock; `0x00`.
    Outside,
    /// It founds the group of this generation; `0x01`.
    Founder,
    /// It is in; what happened since it was last heard of follows; `0x02`.
    Inside,
}

/// Answers a [`Hello`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The number of the room's last event.
    pub seq: Seq,
    /// The group's epoch.
    pub epoch: Epoch,
    /// How the member stands to the group.
    pub standing: Standing,
    /// The counter of the last message that the server took from this member.
    pub counter: Counter,
}

/// What the server knows of someone in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its number.
    pub member_id: MemberId,
    /// The counter of its last message; 0 if none.
    pub counter: Counter,
    /// Whether its connection is up.
    pub connected: bool,
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
    /// Answers a hello; `0x81`, seq u64 ‖ generation u32 ‖ epoch u64 ‖ standing u8 ‖ counter u64.
    Welcome(Welcome),
    /// A message of another member; `0x82`, seq u64 ‖ sender u32 ‖ counter u64 ‖ sealed.
    Message {
        /// Its place in the room's order.
        seq: Seq,
        /// Who sent it, says the server.
        sender: MemberId,
        /// The sender's count.
        counter: Counter,
        /// What only those in the group can open.
        sealed: &'a [u8],
    },
    /// One's own message has its place in the order; `0x83`, seq u64 ‖ counter u64.
    Accepted {
        /// Its place in the room's order.
        seq: Seq,
        /// Which message.
        counter: Counter,
    },
    /// One's own commit has its place in the order; `0x84`, seq u64 ‖ generation u32 ‖ epoch u64.
    Committed {
        /// Its place in the room's order.
        seq: Seq,
        /// The epoch that it ended.
        epoch: Epoch,
    },
    /// Someone is gone, and is to be removed from the group; `0x85`, seq u64 ‖ member u32 ‖ departure u8 ‖ counter u64.
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
    /// Another member's commit; `0x88`, seq u64 ‖ author u32 ‖ generation u32 ‖ epoch u64 ‖ admitted ‖ removed ‖ commit.
    Commit {
        /// Its place in the room's order.
        seq: Seq,
        /// Who made it, says the server.
        author: MemberId,
        /// The epoch that it ends.
        epoch: Epoch,
        /// Whom it lets in.
        admitted: Vec<MemberId>,
        /// Which of those who are gone it removes.
        removed: Vec<MemberId>,
        /// The commit.
        commit: &'a [u8],
    },
    /// It is this member's turn to let in those who knock and to remove those who are gone; `0x89`,
    /// generation u32 ‖ epoch u64 ‖ commits u32 ‖ count u16 ‖ count × (member u32 ‖ length u32 ‖ sealed).
    Duty {
        /// The epoch that the commit is to end.
        epoch: Epoch,
        /// How many commits of this connection the server has looked at: of those, none is under way any more.
        commits: u32,
        /// Who knocks, at most [`limits::KNOCKS_AT_ONCE`], and how.
        knocks: Vec<(MemberId, &'a [u8])>,
    },
    /// Lets a member into the group; `0x8a`, seq u64 ‖ generation u32 ‖ epoch u64 ‖ count u16 ‖ count × (member u32 ‖
    /// counter u64 ‖ connected u8) ‖ welcome. What follows in the room's order follows this frame.
    LetIn {
        /// The number of the commit that did it.
        seq: Seq,
        /// The epoch that the member comes into.
        epoch: Epoch,
        /// Everyone in the group, oneself included.
        people: Vec<Person>,
        /// The Welcome.
        welcome: &'a [u8],
    },
    /// The group begins anew: `0x8b`, seq u64 ‖ generation u32 ‖ founder u8. Who does not found it knocks.
    Anew {
        /// The place of this beginning in the room's order.
        seq: Seq,
        /// The new generation.
        generation: u32,
        /// Whether this member founds it.
        founder: bool,
    },
    /// Nobody in the group has answered one's knock in time; `0x8c`. It goes on waiting.
    Unanswered,
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
        self.u32().map(MemberId)
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

    fn u32(&mut self) -> Result<u32, FrameError> {
        self.array().map(u32::from_be_bytes)
    }

    fn epoch(&mut self) -> Result<Epoch, FrameError> {
        Ok(Epoch { generation: self.u32()?, number: self.array().map(u64::from_be_bytes)? })
    }

    /// Nobody is listed twice.
    fn members(&mut self) -> Result<Vec<MemberId>, FrameError> {
        let count = usize::from(self.u16()?);
        let mut members = Vec::with_capacity(count.min(limits::MEMBERS));
        for _ in 0..count {
            let member = self.member_id()?;
            if members.contains(&member) || members.len() == limits::MEMBERS {
                return Err(FrameError::Malformed);
            }
            members.push(member);
        }
        Ok(members)
    }

    fn bytes(&mut self) -> Result<&'a [u8], FrameError> {
        let length = usize::try_from(self.u32()?).map_err(|_| FrameError::Malformed)?;
        let (head, tail) = self.0.split_at_checked(length).ok_or(FrameError::Malformed)?;
        self.0 = tail;
        Ok(head)
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

fn put_epoch(bytes: &mut Vec<u8>, epoch: Epoch) {
    bytes.extend(epoch.generation.to_be_bytes());
    bytes.extend(epoch.number.to_be_bytes());
}

/// Writes a count, which is never above [`limits::MEMBERS`].
fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend(u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
}

fn put_members(bytes: &mut Vec<u8>, members: &[MemberId]) {
    put_count(bytes, members.len());
    members.iter().for_each(|member| bytes.extend(member.0.to_be_bytes()));
}

fn put_bytes(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(value);
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
                seq: body.seq()?,
                verifier: if body.0.is_empty() { None } else { Some(body.array::<32>()?.into()) },
            }),
            MESSAGE => Self::Message { epoch: body.epoch()?, counter: body.counter()?, sealed: body.rest()? },
            LEAVE => Self::Leave,
            PING => Self::Ping,
            KNOCK => {
                let (generation, sealed) = (body.u32()?, body.rest()?);
                if sealed.len() > limits::KNOCK_BYTES {
                    return Err(FrameError::Malformed);
                }
                Self::Knock { generation, sealed }
            }
            COMMIT => {
                let (epoch, admitted, removed) = (body.epoch()?, body.members()?, body.members()?);
                let (commit, welcome) = (body.bytes()?, core::mem::take(&mut body.0));
                if commit.is_empty() || welcome.is_empty() != admitted.is_empty() {
                    return Err(FrameError::Malformed);
                }
                Self::Commit { epoch, admitted, removed, commit, welcome }
            }
            PASS => Self::Pass { epoch: body.epoch()?, members: body.members()? },
            STUCK => Self::Stuck { epoch: body.epoch()? },
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
                let mut bytes = start(HELLO, 92);
                bytes.extend(hello.room_id.0);
                bytes.extend(hello.member_id.0.to_be_bytes());
                bytes.extend(hello.token.as_bytes());
                bytes.extend(hello.seq.0.to_be_bytes());
                if let Some(verifier) = &hello.verifier {
                    bytes.extend(verifier.as_bytes());
                }
                bytes
            }
            Self::Message { epoch, counter, sealed } => {
                let mut bytes = start(MESSAGE, 20 + sealed.len());
                put_epoch(&mut bytes, *epoch);
                bytes.extend(counter.0.to_be_bytes());
                bytes.extend(*sealed);
                bytes
            }
            Self::Leave => start(LEAVE, 0),
            Self::Ping => start(PING, 0),
            Self::Knock { generation, sealed } => {
                let mut bytes = start(KNOCK, 4 + sealed.len());
                bytes.extend(generation.to_be_bytes());
                bytes.extend(*sealed);
                bytes
            }
            Self::Commit { epoch, admitted, removed, commit, welcome } => {
                let lists = 4 + 4 * (admitted.len() + removed.len());
                let mut bytes = start(COMMIT, 16 + lists + commit.len() + welcome.len());
                put_epoch(&mut bytes, *epoch);
                put_members(&mut bytes, admitted);
                put_members(&mut bytes, removed);
                put_bytes(&mut bytes, commit);
                bytes.extend(*welcome);
                bytes
            }
            Self::Pass { epoch, members } => {
                let mut bytes = start(PASS, 14 + 4 * members.len());
                put_epoch(&mut bytes, *epoch);
                put_members(&mut bytes, members);
                bytes
            }
            Self::Stuck { epoch } => {
                let mut bytes = start(STUCK, 12);
                put_epoch(&mut bytes, *epoch);
                bytes
            }
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
            WELCOME => Self::Welcome(Welcome {
                seq: body.seq()?,
                epoch: body.epoch()?,
                standing: match body.u8()? {
                    0 => Standing::Outside,
                    1 => Standing::Founder,
                    2 => Standing::Inside,
                    _ => return Err(FrameError::Malformed),
                },
                counter: body.counter()?,
            }),
            RELAYED => Self::Message {
                seq: body.seq()?,
                sender: body.member_id()?,
                counter: body.counter()?,
                sealed: body.rest()?,
            },
            ACCEPTED => Self::Accepted { seq: body.seq()?, counter: body.counter()? },
            COMMITTED => Self::Committed { seq: body.seq()?, epoch: body.epoch()? },
            LEFT => Self::Left {
                seq: body.seq()?,
                member_id: body.member_id()?,
                departure: if body.bool()? { Departure::Lost } else { Departure::Left },
                counter: body.counter()?,
            },
            PRESENCE => Self::Presence { seq: body.seq()?, member_id: body.member_id()?, connected: body.bool()? },
            PONG => Self::Pong,
            ORDERED => Self::Commit {
                seq: body.seq()?,
                author: body.member_id()?,
                epoch: body.epoch()?,
                admitted: body.members()?,
                removed: body.members()?,
                commit: body.rest()?,
            },
            DUTY => {
                let (epoch, commits) = (body.epoch()?, body.u32()?);
                let count = usize::from(body.u16()?);
                let mut knocks = Vec::with_capacity(count.min(limits::KNOCKS_AT_ONCE));
                for _ in 0..count {
                    let (member, sealed) = (body.member_id()?, body.bytes()?);
                    if knocks.len() == limits::KNOCKS_AT_ONCE || knocks.iter().any(|(other, _)| *other == member) {
                        return Err(FrameError::Malformed);
                    }
                    knocks.push((member, sealed));
                }
                Self::Duty { epoch, commits, knocks }
            }
            LET_IN => {
                let (seq, epoch) = (body.seq()?, body.epoch()?);
                let count = usize::from(body.u16()?);
                let mut people = Vec::with_capacity(count.min(limits::MEMBERS));
                for _ in 0..count {
                    people.push(Person {
                        member_id: body.member_id()?,
                        counter: body.counter()?,
                        connected: body.bool()?,
                    });
                }
                Self::LetIn { seq, epoch, people, welcome: body.rest()? }
            }
            ANEW => Self::Anew { seq: body.seq()?, generation: body.u32()?, founder: body.bool()? },
            UNANSWERED => Self::Unanswered,
            _ => return Err(FrameError::Malformed),
        };
        body.end()?;
        Ok(frame)
    }

    /// Writes the frame.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Welcome(Welcome { seq, epoch, standing, counter }) => {
                let mut bytes = start(WELCOME, 29);
                bytes.extend(seq.0.to_be_bytes());
                put_epoch(&mut bytes, *epoch);
                bytes.push(match standing {
                    Standing::Outside => 0,
                    Standing::Founder => 1,
                    Standing::Inside => 2,
                });
                bytes.extend(counter.0.to_be_bytes());
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
            Self::Committed { seq, epoch } => {
                let mut bytes = start(COMMITTED, 20);
                bytes.extend(seq.0.to_be_bytes());
                put_epoch(&mut bytes, *epoch);
                bytes
            }
            Self::Left { seq, member_id, departure, counter } => {
                let mut bytes = about(LEFT, *seq, *member_id, *departure == Departure::Lost);
                bytes.extend(counter.0.to_be_bytes());
                bytes
            }
            Self::Presence { seq, member_id, connected } => about(PRESENCE, *seq, *member_id, *connected),
            Self::Pong => start(PONG, 0),
            Self::Commit { seq, author, epoch, admitted, removed, commit } => {
                let lists = 4 + 4 * (admitted.len() + removed.len());
                let mut bytes = start(ORDERED, 24 + lists + commit.len());
                bytes.extend(seq.0.to_be_bytes());
                bytes.extend(author.0.to_be_bytes());
                put_epoch(&mut bytes, *epoch);
                put_members(&mut bytes, admitted);
                put_members(&mut bytes, removed);
                bytes.extend(*commit);
                bytes
            }
            Self::Duty { epoch, commits, knocks } => {
                let sealed = knocks.iter().map(|(_, sealed)| 8 + sealed.len()).sum::<usize>();
                let mut bytes = start(DUTY, 18 + sealed);
                put_epoch(&mut bytes, *epoch);
                bytes.extend(commits.to_be_bytes());
                put_count(&mut bytes, knocks.len());
                for (member, sealed) in knocks {
                    bytes.extend(member.0.to_be_bytes());
                    put_bytes(&mut bytes, sealed);
                }
                bytes
            }
            Self::LetIn { seq, epoch, people, welcome } => {
                let mut bytes = start(LET_IN, 22 + 13 * people.len() + welcome.len());
                bytes.extend(seq.0.to_be_bytes());
                put_epoch(&mut bytes, *epoch);
                put_count(&mut bytes, people.len());
                for person in people {
                    bytes.extend(person.member_id.0.to_be_bytes());
                    bytes.extend(person.counter.0.to_be_bytes());
                    bytes.push(person.connected.into());
                }
                bytes.extend(*welcome);
                bytes
            }
            Self::Anew { seq, generation, founder } => {
                let mut bytes = start(ANEW, 13);
                bytes.extend(seq.0.to_be_bytes());
                bytes.extend(generation.to_be_bytes());
                bytes.push((*founder).into());
                bytes
            }
            Self::Unanswered => start(UNANSWERED, 0),
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
