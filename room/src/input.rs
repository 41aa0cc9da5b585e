//! What goes into a room.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wire::{ClientFrame, MemberId, RoomId, RoomName, Seq, UserName};

use crate::{Address, SecondHash, TokenHash};

/// One input. All ids, hashes and random values are drawn before, so that every replica of a room computes the same.
#[derive(Clone)]
pub enum Input<'a> {
    /// A newcomer asks for a place. Answered by [`Outcome::Admitted`](crate::Outcome::Admitted).
    Admit {
        /// The request to answer.
        request: RequestId,
        /// The newcomer.
        newcomer: Newcomer,
        /// The second hash of the verifier shown.
        hash: SecondHash,
    },
    /// A member's new connection says hello. Answered by [`Effect::Open`](crate::Effect::Open) or
    /// [`Effect::Refuse`](crate::Effect::Refuse).
    Connect {
        /// The proof of membership in the hello.
        claim: Claim,
        /// The number of this attempt among the member's attempts to connect.
        attempt: u32,
        /// The last event that the member has, 0 if none.
        seq: Seq,
        /// The new connection.
        connection: ConnectionId,
    },
    /// A frame came in on a member's connection. A frame that ends the connection is answered by
    /// [`Effect::Refuse`](crate::Effect::Refuse).
    Frame {
        /// The connection's member.
        member: MemberId,
        /// The connection.
        connection: ConnectionId,
        /// The frame.
        frame: &'a ClientFrame<'a>,
    },
    /// A member's connection ended.
    Disconnect {
        /// The connection's member.
        member: MemberId,
        /// The connection.
        connection: ConnectionId,
        /// How it ended.
        ending: Ending,
    },
    /// A member leaves without its connection. Answered by [`Outcome::Left`](crate::Outcome::Left).
    Leave {
        /// The request to answer.
        request: RequestId,
        /// The proof of membership.
        claim: Claim,
    },
    /// The time asked for by [`Effect::Wake`](crate::Effect::Wake) has come.
    Tick,
    /// The replay buffer is to be trimmed to this many bytes once, because all rooms together keep too much.
    Trim {
        /// The bytes to keep.
        bytes: usize,
    },
}

/// How a room begins.
#[derive(Clone)]
pub struct Create {
    /// The room's id, drawn by the creator's client.
    pub id: RoomId,
    /// The room's name.
    pub name: RoomName,
    /// The second hash of the room's verifier.
    pub hash: SecondHash,
    /// The room's limits.
    pub bounds: Bounds,
    /// The first member.
    pub creator: Newcomer,
}

/// A room's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Members at one time, at most [`limits::MEMBERS`](wire::limits::MEMBERS).
    pub members: usize,
    /// The grace period: how long a member without a connection keeps its place.
    pub grace: Duration,
    /// Bytes of the replay buffer.
    pub replay: usize,
}

/// One connection of one member. It tells the end of an old connection from the end of a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

/// One request that is answered by [`Effect::Answer`](crate::Effect::Answer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub u64);

/// A person who asks for a place.
#[derive(Clone)]
pub struct Newcomer {
    /// The name that the others will see.
    pub user: UserName,
    /// The hash of the token that the newcomer is given.
    pub token: TokenHash,
    /// The address that the request comes from.
    pub address: Address,
}

/// A proof of membership, to be checked.
#[derive(Clone)]
pub struct Claim {
    /// The member.
    pub member_id: MemberId,
    /// The hash of the token shown.
    pub token: TokenHash,
    /// The address that the claim comes from.
    pub address: Address,
    /// The second hash of the verifier, if one was shown. It binds the token to `address` anew.
    pub hash: Option<SecondHash>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// The connection was lost, after this much silence.
    Lost(Duration),
    /// The page goes away, or was put to sleep.
    Going,
}
