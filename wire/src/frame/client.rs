//! The frames that a client sends.

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
const DECLINE: u8 = 0x07;
const STUCK: u8 = 0x08;

/// The first frame on every socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The room.
    pub room_id: RoomId,
    /// The member that connects.
    pub member_id: MemberId,
    /// That member's token.
    pub token: Token,
    /// Counts this member's attempts to connect, from 1. The server refuses an attempt that is not higher than all
    /// before.
    pub attempt: u32,
    /// The last event that the member has received; 0 if it is not in the group.
    pub seq: Seq,
    /// Rebinds the token to this socket's network address, if present.
    pub verifier: Option<Verifier>,
}

/// A frame from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame<'a> {
    /// Authenticates the socket; `0x01`, room 16 ‖ member u32 ‖ token 32 ‖ attempt u32 ‖ seq u64 (‖ verifier 32).
    Hello(Hello),
    /// A sealed message; `0x02`, generation u32 ‖ epoch u64 ‖ counter u64 ‖ sealed (at least one byte).
    Message {
        /// The epoch in which it is sealed. The server accepts it in that epoch only.
        epoch: Epoch,
        /// One more than the counter of the sender's previous message; 0 for a message that the server may drop.
        counter: Counter,
        /// The ciphertext; the server cannot open it.
        sealed: &'a [u8],
    },
    /// Leaves the room at once; `0x03`.
    Leave,
    /// Asks for a [`ServerFrame::Pong`](super::ServerFrame::Pong); `0x04`.
    Ping,
    /// Asks the members of the group to let this member in; `0x05`, generation u32 ‖ sealed (1 to
    /// [`limits::KNOCK_BYTES`] bytes).
    Knock {
        /// The generation for which it is sealed. Members pass over a knock for another generation.
        generation: u32,
        /// A key package, sealed for everyone who knows the password.
        sealed: &'a [u8],
    },
    /// Ends an epoch; `0x06`, generation u32 ‖ epoch u64 ‖ admitted ‖ removed ‖ length u32 ‖ commit ‖ welcome, where
    /// a list of members is count u16 ‖ count × member u32.
    Commit {
        /// The epoch that it ends.
        epoch: Epoch,
        /// The members it lets in.
        admitted: Vec<MemberId>,
        /// The departed members it removes.
        removed: Vec<MemberId>,
        /// The commit, for the members of the group; at least one byte.
        commit: &'a [u8],
        /// The Welcome, for the admitted members; empty if and only if there are none.
        welcome: &'a [u8],
    },
    /// Passes over the knocks of these members; `0x07`, generation u32 ‖ epoch u64 ‖ members.
    Decline {
        /// The epoch of the duty that this answers.
        epoch: Epoch,
        /// The members whose knocks are passed over.
        members: Vec<MemberId>,
    },
    /// The client can no longer follow the group and will knock again; `0x08`, generation u32 ‖ epoch u64.
    Stuck {
        /// The client's last epoch, or the epoch of a Welcome that it could not open.
        epoch: Epoch,
    },
}

impl<'a> ClientFrame<'a> {
    /// Parses a frame.
    ///
    /// # Errors
    /// When `bytes` are not a frame.
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
            DECLINE => Self::Decline { epoch: body.epoch()?, members: body.members()? },
            STUCK => Self::Stuck { epoch: body.epoch()? },
            _ => return Err(FrameError::Malformed),
        };
        body.end()?;
        Ok(frame)
    }

    /// Returns the frame's encoding.
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
            Self::Decline { epoch, members } => {
                Writer::new(DECLINE, 14 + 4 * members.len()).epoch(*epoch).members(members).end()
            }
            Self::Stuck { epoch } => Writer::new(STUCK, 12).epoch(*epoch).end(),
        }
    }
}
