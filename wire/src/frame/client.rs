//! What a client sends.

use super::{
    FrameError,
    fields::{Reader, Writer},
};
use crate::{Counter, Epoch, MemberId, RoomId, Seq, Token, Verifier, limits};

const HELLO: u8 = 0x01;
const MESSAGE: u8 = 0x02;
const LEAVE: u8 = 0x03;
const PING: u8 = 0x04;
const KNOCK: u8 = 0x05;
const COMMIT: u8 = 0x06;
const PASS: u8 = 0x07;
const STUCK: u8 = 0x08;

/// The first frame on every socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Which room.
    pub room_id: RoomId,
    /// Which member of it.
    pub member_id: MemberId,
    /// That member's token.
    pub token: Token,
    /// Which of that member's attempts to connect this is, from 1: one that is not higher than all before is refused.
    pub attempt: u32,
    /// The number of the last event that the member knows of; 0 if it is not in the group.
    pub seq: Seq,
    /// The verifier too, which binds the token to the address that this socket comes from.
    pub verifier: Option<Verifier>,
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame<'a> {
    /// Shows the token; `0x01`, room 16 ‖ member u32 ‖ token 32 ‖ attempt u32 ‖ seq u64 (‖ verifier 32).
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
    /// Asks for a [`ServerFrame::Pong`](super::ServerFrame::Pong); `0x04`.
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
                token: body.array_ref()?.into(),
                attempt: body.u32()?,
                seq: body.seq()?,
                verifier: if body.is_empty() { None } else { Some(body.array_ref()?.into()) },
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
                let (commit, welcome) = (body.bytes()?, body.left());
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
            Self::Hello(Hello { room_id, member_id, token, attempt, seq, verifier }) => {
                let frame = Writer::new(HELLO, 96)
                    .bytes(&room_id.0)
                    .member(*member_id)
                    .bytes(token.as_bytes())
                    .u32(*attempt)
                    .seq(*seq)
                    .bytes(verifier.as_ref().map_or(&[][..], |verifier| verifier.as_bytes()));
                frame.end()
            }
            Self::Message { epoch, counter, sealed } => {
                Writer::new(MESSAGE, 20 + sealed.len()).epoch(*epoch).counter(*counter).bytes(sealed).end()
            }
            Self::Leave => Writer::new(LEAVE, 0).end(),
            Self::Ping => Writer::new(PING, 0).end(),
            Self::Knock { generation, sealed } => {
                Writer::new(KNOCK, 4 + sealed.len()).u32(*generation).bytes(sealed).end()
            }
            Self::Commit { epoch, admitted, removed, commit, welcome } => {
                let lists = 4 + 4 * (admitted.len() + removed.len());
                Writer::new(COMMIT, 16 + lists + commit.len() + welcome.len())
                    .epoch(*epoch)
                    .members(admitted)
                    .members(removed)
                    .counted(commit)
                    .bytes(welcome)
                    .end()
            }
            Self::Pass { epoch, members } => {
                Writer::new(PASS, 14 + 4 * members.len()).epoch(*epoch).members(members).end()
            }
            Self::Stuck { epoch } => Writer::new(STUCK, 12).epoch(*epoch).end(),
        }
    }
}
