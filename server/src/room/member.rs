//! Someone in the room, and how they stand to its group.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use bytes::Bytes;
use wire::{Counter, Epoch, MemberId, Seq, Skeleton, limits};

use super::{ConnectionId, Newcomer};
use crate::{Address, TokenHash, throttle::Bucket};

/// What a hello takes.
const HELLO: Duration = Duration::from_secs(1);

pub(super) struct Member {
    pub skeleton: Skeleton,
    pub token: TokenHash,
    pub address: Address,
    /// Of its last message.
    pub counter: Counter,
    /// Which of its attempts the last hello was; 0 before the first.
    pub attempt: u32,
    /// How many more hellos it may say, a second each.
    pub hellos: Bucket,
    pub presence: Presence,
    /// Since when its first hello is expected.
    pub expected: Option<Instant>,
    pub standing: Standing,
    /// Whether the group has a leaf of it: it may, though the member itself is outside again.
    pub leaf: bool,
    /// Its stream starts after this event.
    pub since: Seq,
    /// What it was last asked to do.
    pub asked: Option<Asked>,
    /// How many commits of this connection were looked at.
    pub commits: u32,
    /// When it last had the duty, counted in turns.
    pub turn: u64,
    /// How often it let the duty lapse since it was heard of.
    pub lapses: u32,
    /// At how many commits it was stuck, or others were at its own.
    pub strikes: u32,
    /// The epoch that the last of its commits led to at which someone was stuck.
    pub blamed: Option<Epoch>,
    /// When it last committed without work.
    pub refreshed: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Connected(ConnectionId),
    /// Gone at this time.
    Away(Instant),
}

pub(super) enum Standing {
    Outside(Waiting),
    /// Someone let it in, and it has not yet shown that it is.
    LetIn {
        until: Instant,
        by: MemberId,
        /// The epoch that it was let into.
        epoch: Epoch,
    },
    Inside,
}

/// One who is outside.
#[derive(Default)]
pub(super) struct Waiting {
    pub knock: Option<Knock>,
    /// When it knocked first.
    pub since: Option<Instant>,
    /// Whether it was told that nobody answers.
    pub told: bool,
}

pub(super) struct Knock {
    /// Which knock in the room: a later one of the same member is another.
    pub number: u64,
    pub sealed: Bytes,
    /// Who has looked at it and will not let it in.
    pub passed: BTreeSet<MemberId>,
}

/// What a member was asked to do in an epoch.
pub(super) struct Asked {
    pub epoch: Epoch,
    /// How many of its commits were looked at by then.
    pub commits: u32,
    /// Whose knocks it was given, and which; but for those that it has passed over.
    pub named: BTreeMap<MemberId, u64>,
}

impl Member {
    pub(super) fn new(newcomer: Newcomer, skeleton: Skeleton, until: Instant, now: Instant) -> Self {
        Self {
            skeleton,
            token: newcomer.token,
            address: newcomer.address,
            counter: Counter(0),
            attempt: 0,
            hellos: Bucket::full(Duration::from_secs(limits::HELLOS.into()), now),
            presence: Presence::Away(until),
            expected: Some(now),
            standing: Standing::Outside(Waiting::default()),
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

    /// Whether it receives what happens, for all that the server knows.
    pub(super) fn is_in(&self) -> bool {
        !matches!(self.standing, Standing::Outside(_))
    }

    /// Whether it has shown that it is in.
    pub(super) fn is_inside(&self) -> bool {
        matches!(self.standing, Standing::Inside)
    }

    pub(super) fn knock(&self) -> Option<&Knock> {
        match &self.standing {
            Standing::Outside(waiting) => waiting.knock.as_ref(),
            _ => None,
        }
    }

    /// It says hello; whether it still may.
    pub(super) fn greets(&mut self, now: Instant) -> bool {
        let may = self.hellos.saved(now) >= HELLO;
        if may {
            self.hellos.take(HELLO, now);
        }
        may
    }

    /// It did something that only one who follows the group can.
    pub(super) fn heard(&mut self) {
        self.lapses = 0;
        if self.is_in() {
            self.standing = Standing::Inside;
        }
    }
}
