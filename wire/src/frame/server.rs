//! The frames that the server sends.

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

/// A member's relation to the group when it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is not in the group and must knock; `0x00`.
    Outside,
    /// It founds the group of this generation; `0x01`.
    Founder,
    /// It is in the group; the events that it missed follow; `0x02`.
    Inside,
}

/// Answers a [`Hello`](super::Hello).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The number of the room's last event.
    pub seq: Seq,
    /// The group's epoch.
    pub epoch: Epoch,
    /// The member's relation to the group.
    pub standing: Standing,
    /// The counter of the last message that the server accepted from this member.
    pub counter: Counter,
}

/// The server's view of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its id.
    pub member_id: MemberId,
    /// The counter of its last message; 0 if none.
    pub counter: Counter,
    /// True when it is connected.
    pub connected: bool,
    /// True when it has a leaf in the group's tree, as far as the server knows.
    pub in_group: bool,
}

/// Why a member is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It left; `0x00`.
    Left,
    /// It lost its connection and did not return within the grace period; `0x01`.
    Lost,
}

/// A frame from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame<'a> {
    /// Answers a hello; `0x81`, seq u64 ‖ generation u32 ‖ epoch u64 ‖ standing u8 ‖ counter u64.
    Welcome(Welcome),
    /// A message of another member; `0x82`, seq u64 ‖ sender u32 ‖ counter u64 ‖ sealed.
    Message {
        /// Its sequence number in the room.
        seq: Seq,
        /// The sender, according to the server.
        sender: MemberId,
        /// The sender's message counter.
        counter: Counter,
        /// The ciphertext, which only members of the group can open.
        sealed: &'a [u8],
    },
    /// The server accepted the recipient's own message; `0x83`, seq u64 ‖ counter u64.
    Accepted {
        /// Its sequence number in the room.
        seq: Seq,
        /// The message's counter.
        counter: Counter,
    },
    /// The server accepted the recipient's own commit; `0x84`, seq u64 ‖ generation u32 ‖ epoch u64.
    Committed {
        /// Its sequence number in the room.
        seq: Seq,
        /// The epoch that it ended.
        epoch: Epoch,
    },
    /// A member is gone; the group should remove it; `0x85`, seq u64 ‖ member u32 ‖ departure u8 ‖ counter u64.
    Left {
        /// Its sequence number in the room.
        seq: Seq,
        /// The departed member.
        member_id: MemberId,
        /// The reason.
        departure: Departure,
        /// The counter of its last message that the server relayed; 0 if none.
        counter: Counter,
    },
    /// A member lost its connection or reconnected; `0x86`, seq u64 ‖ member u32 ‖ connected u8.
    Presence {
        /// Its sequence number in the room.
        seq: Seq,
        /// The member.
        member_id: MemberId,
        /// True when it is connected.
        connected: bool,
    },
    /// Answers [`ClientFrame::Ping`](super::ClientFrame::Ping); `0x87`.
    Pong,
    /// Another member's commit; `0x88`, seq u64 ‖ author u32 ‖ generation u32 ‖ epoch u64 ‖ admitted ‖ removed ‖
    /// commit.
    Commit {
        /// Its sequence number in the room.
        seq: Seq,
        /// The author, according to the server.
        author: MemberId,
        /// The epoch that it ends.
        epoch: Epoch,
        /// The members it lets in.
        admitted: Vec<MemberId>,
        /// The departed members it removes.
        removed: Vec<MemberId>,
        /// The commit.
        commit: &'a [u8],
    },
    /// The recipient has the duty to let in members that knock and to remove departed members; `0x89`,
    /// generation u32 ‖ epoch u64 ‖ commits u32 ‖ count u16 ‖ count × (member u32 ‖ length u32 ‖ sealed).
    Duty {
        /// The epoch that the commit should end.
        epoch: Epoch,
        /// How many commits of this connection the server has processed. None of these is still in flight.
        commits: u32,
        /// The waiting members and their sealed knocks, at most [`limits::KNOCKS_PER_COMMIT`].
        knocks: Vec<(MemberId, &'a [u8])>,
    },
    /// Lets the recipient into the group; `0x8a`, seq u64 ‖ generation u32 ‖ epoch u64 ‖ count u16 ‖ count × (member
    /// u32 ‖ counter u64 ‖ connected u8 ‖ in the group u8) ‖ welcome. The events after the commit follow this frame.
    LetIn {
        /// The sequence number of the commit that admits the recipient.
        seq: Seq,
        /// The epoch that the recipient enters.
        epoch: Epoch,
        /// Every member of the group, the recipient included, and every member outside it that has sent a message.
        people: Vec<Person>,
        /// The Welcome.
        welcome: &'a [u8],
    },
    /// The group is founded anew, as a new generation: `0x8b`, seq u64 ‖ generation u32 ‖ founder u8. Every member but
    /// the founder knocks.
    Anew {
        /// The sequence number of this event in the room.
        seq: Seq,
        /// The new generation.
        generation: u32,
        /// True when the recipient is the founder.
        founder: bool,
    },
    /// No member has answered the recipient's knock in time; `0x8c`. The knock stays queued.
    Unanswered,
}

impl<'a> ServerFrame<'a> {
    /// Parses a frame.
    ///
    /// # Errors
    /// When `bytes` are not a frame.
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
                let mut knocks = Vec::with_capacity(count.min(limits::KNOCKS_PER_COMMIT));
                for _ in 0..count {
                    let (member, sealed) = (body.member_id()?, body.bytes()?);
                    if knocks.len() == limits::KNOCKS_PER_COMMIT || knocks.iter().any(|(other, _)| *other == member) {
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
                    let is_duplicate = people.iter().any(|other: &Person| other.member_id == person.member_id);
                    if is_duplicate || people.len() == limits::MEMBERS {
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

    /// Returns the frame's encoding.
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
