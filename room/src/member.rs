//! A member, and its state in the group.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wire::{Counter, Epoch, MemberId, Seq, Skeleton, limits};

use super::{Address, ConnectionId, Millis, Newcomer, TokenBucket, TokenHash};

/// What one hello takes from the bucket.
const HELLO: Duration = Duration::from_secs(1);

#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct Member {
    pub skeleton: Skeleton,
    pub token: TokenHash,
    pub address: Address,
    /// The counter of its last message.
    pub counter: Counter,
    /// The number of the last attempt that said hello, 0 before the first.
    pub attempt: u32,
    /// The hellos that it may still say: one token a second.
    pub hellos: TokenBucket,
    pub presence: Presence,
    /// When it was admitted, until its first hello.
    pub expected: Option<Millis>,
    pub state: GroupState,
    /// Whether the group's tree has a leaf for it. It may, though the member is outside again.
    pub leaf: bool,
    /// Its stream of events starts after this one.
    pub since: Seq,
    /// The last request of the duty.
    pub asked: Option<Asked>,
    /// How many commits of this connection were looked at.
    pub commits: u32,
    /// The number of its last turn at the duty.
    pub turn: u64,
    /// How often it let the duty lapse since it last proved membership.
    pub lapses: u32,
    /// How many commits it was stuck at, or other members were stuck at and it made.
    pub strikes: u32,
    /// The epoch that its last commit at which someone was stuck led to.
    pub blamed: Option<Epoch>,
    /// When it last committed to refresh its keys.
    pub refreshed: Option<Millis>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Presence {
    Connected(ConnectionId),
    /// The place ends at this time.
    Away(Millis),
}

/// A member's state in the group.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) enum GroupState {
    /// It is not in the group, or was and cannot follow it.
    Outside(Candidate),
    /// A commit let it in, and it has not yet proved that it could join.
    LetIn {
        /// By when it has to.
        until: Millis,
        /// The author of the commit.
        by: MemberId,
        /// The epoch that it was let into.
        epoch: Epoch,
    },
    Inside,
}

/// A member outside the group.
#[derive(Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Candidate {
    pub knock: Option<Knock>,
    /// When it first knocked.
    pub since: Option<Millis>,
    /// Whether it was told that nobody answers.
    pub told: bool,
}

#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct Knock {
    /// The number of the knock in this room. A later knock of the same member has another.
    pub number: u64,
    pub sealed: Bytes,
    /// The members that looked at it and will not let it in.
    pub declined: BTreeSet<MemberId>,
}

/// A request of the duty, in one epoch.
#[derive(PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub epoch: Epoch,
    /// How many of the member's commits were looked at by then.
    pub commits: u32,
    /// The knocks handed to the member, by their senders, without those that it declined.
    pub named: BTreeMap<MemberId, u64>,
}

impl Member {
    pub(super) fn new(newcomer: Newcomer, until: Millis, now: Millis) -> Self {
        let size = HELLO * limits::HELLOS;
        Self {
            skeleton: newcomer.user.skeleton(),
            token: newcomer.token,
            address: newcomer.address,
            counter: Counter(0),
            attempt: 0,
            hellos: TokenBucket::full(size, now.since(Millis(0))),
            presence: Presence::Away(until),
            expected: Some(now),
            state: GroupState::Outside(Candidate::default()),
            leaf: false,
            since: Seq(0),
            asked: None,
            commits: 0,
            turn: 0,
            lapses: 0,
            strikes: 0,
            blamed: None,
            refreshed: None,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.presence, Presence::Connected(_))
    }

    /// True when it receives the group's events, as far as the server knows.
    pub(super) fn is_in_group(&self) -> bool {
        !matches!(self.state, GroupState::Outside(_))
    }

    /// True when it has proved that it is in the group.
    pub(super) fn is_inside(&self) -> bool {
        matches!(self.state, GroupState::Inside)
    }

    pub(super) fn knock(&self) -> Option<&Knock> {
        match &self.state {
            GroupState::Outside(candidate) => candidate.knock.as_ref(),
            _ => None,
        }
    }

    /// Takes one hello from the bucket. Returns false when the bucket is empty.
    pub(super) fn take_hello_token(&mut self, now: Millis) -> bool {
        self.hellos.try_take(HELLO, now.since(Millis(0)))
    }

    /// Called when it did what only a member that follows the group can do.
    pub(super) fn proves_membership(&mut self) {
        self.lapses = 0;
        if self.is_in_group() {
            self.state = GroupState::Inside;
        }
    }
}
