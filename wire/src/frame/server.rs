//! What the server sends.

use super::{
    FrameError,
    fields::{Reader, Writer},
};
use crate::{Counter, Epoch, MemberId, Seq, limits};

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

/// Answers a [`Hello`](super::Hello).
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

/// What the server knows of someone in the group, or outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its number.
    pub member_id: MemberId,
    /// The counter of its last message; 0 if none.
    pub counter: Counter,
    /// Whether its connection is up.
    pub connected: bool,
    /// Whether it has a leaf in the group's tree, for all that the server knows.
    pub in_group: bool,
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
    /// Answers [`ClientFrame::Ping`](super::ClientFrame::Ping); `0x87`.
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
    /// counter u64 ‖ connected u8 ‖ in the group u8) ‖ welcome. What follows in the room's order follows this frame.
    LetIn {
        /// The number of the commit that did it.
        seq: Seq,
        /// The epoch that the member comes into.
        epoch: Epoch,
        /// Everyone in the group, oneself included; and who is outside and has said something already.
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
                    let person = Person {
                        member_id: body.member_id()?,
                        counter: body.counter()?,
                        connected: body.bool()?,
                        in_group: body.bool()?,
                    };
                    let is_known = people.iter().any(|other: &Person| other.member_id == person.member_id);
                    if is_known || people.len() == limits::MEMBERS {
                        return Err(FrameError::Malformed);
                    }
                    people.push(person);
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
                let standing = match standing {
                    Standing::Outside => 0,
                    Standing::Founder => 1,
                    Standing::Inside => 2,
                };
                Writer::new(WELCOME, 29).seq(*seq).epoch(*epoch).u8(standing).counter(*counter).end()
            }
            Self::Message { seq, sender, counter, sealed } => {
                let frame = Writer::new(RELAYED, 20 + sealed.len()).seq(*seq).member(*sender);
                frame.counter(*counter).bytes(sealed).end()
            }
            Self::Accepted { seq, counter } => Writer::new(ACCEPTED, 16).seq(*seq).counter(*counter).end(),
            Self::Committed { seq, epoch } => Writer::new(COMMITTED, 20).seq(*seq).epoch(*epoch).end(),
            Self::Left { seq, member_id, departure, counter } => {
                let frame = Writer::new(LEFT, 21).seq(*seq).member(*member_id);
                frame.bool(*departure == Departure::Lost).counter(*counter).end()
            }
            Self::Presence { seq, member_id, connected } => {
                Writer::new(PRESENCE, 13).seq(*seq).member(*member_id).bool(*connected).end()
            }
            Self::Pong => Writer::new(PONG, 0).end(),
            Self::Commit { seq, author, epoch, admitted, removed, commit } => {
                let lists = 4 + 4 * (admitted.len() + removed.len());
                let frame = Writer::new(ORDERED, 24 + lists + commit.len()).seq(*seq).member(*author);
                frame.epoch(*epoch).members(admitted).members(removed).bytes(commit).end()
            }
            Self::Duty { epoch, commits, knocks } => {
                let sealed = knocks.iter().map(|(_, sealed)| 8 + sealed.len()).sum::<usize>();
                let mut frame = Writer::new(DUTY, 18 + sealed).epoch(*epoch).u32(*commits).count(knocks.len());
                for (member, sealed) in knocks {
                    frame = frame.member(*member).counted(sealed);
                }
                frame.end()
            }
            Self::LetIn { seq, epoch, people, welcome } => {
                let length = 22 + 14 * people.len() + welcome.len();
                let mut frame = Writer::new(LET_IN, length).seq(*seq).epoch(*epoch).count(people.len());
                for person in people {
                    frame = frame.member(person.member_id).counter(person.counter);
                    frame = frame.bool(person.connected).bool(person.in_group);
                }
                frame.bytes(welcome).end()
            }
            Self::Anew { seq, generation, founder } => {
                Writer::new(ANEW, 13).seq(*seq).u32(*generation).bool(*founder).end()
            }
            Self::Unanswered => Writer::new(UNANSWERED, 0).end(),
        }
    }
}
