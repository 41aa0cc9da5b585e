//! What comes out of a room.

use bytes::Bytes;
use wire::{CloseCode, MemberId, Refusal};

use crate::{ConnectionId, Millis, RequestId};

/// One effect. Effects are carried out in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer this request.
    Answer(RequestId, Outcome),
    /// This connection is the member's from here on. An older one ends with [`CloseCode::Replaced`]. It does not receive
    /// broadcasts before [`Effect::Follow`].
    Open(MemberId, ConnectionId),
    /// Close this connection, which the room does not take or not take any more.
    Refuse(ConnectionId, CloseCode),
    /// The member's connection is gone. Nothing more can be sent to it.
    Gone(MemberId),
    /// Send this frame to the member's connection.
    Send(MemberId, Bytes),
    /// Send this frame to every connection that follows the group, except one member's.
    Broadcast {
        /// The member that does not receive the frame.
        except: MemberId,
        /// The frame.
        frame: Bytes,
        /// The frame for connections whose queue is long, if `frame` may be dropped.
        substitute: Option<Bytes>,
        /// The limit that the frame counts against while it is queued.
        budget: Budget,
    },
    /// The member's connection follows the group from here on: it receives broadcasts.
    Follow(MemberId),
    /// The member's connection no longer follows the group.
    Unfollow(MemberId),
    /// Close the member's connection.
    Close(MemberId, CloseCode),
    /// Apply [`Input::Tick`](crate::Input::Tick) at this time.
    Wake(Millis),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer to [`Input::Admit`](crate::Input::Admit): the newcomer's id. Refused with
    /// [`Refusal::WrongCredentials`] if the verifier's hash is another; then, and only then, with
    /// [`Refusal::UserNameTaken`] or [`Refusal::RoomFull`].
    Admitted(Result<MemberId, Refusal>),
    /// The answer to [`Input::Leave`](crate::Input::Leave). Refused with [`CloseCode::UnknownToken`],
    /// [`CloseCode::TokenRefused`] or [`CloseCode::AddressChanged`].
    Left(Result<(), CloseCode>),
}

/// The limit that a frame counts against while it is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// For what people say, and what a connection needs.
    Talk,
    /// For what keeps a member in its group. It is large and rare, and comes in bursts.
    Group,
}
