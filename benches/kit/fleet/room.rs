//! What the clients of one room know together.

use std::{collections::BTreeSet, ops::Range};

use wire::{Epoch, MemberId, RoomId, Seq};

use super::client::{Client, State};

pub(super) struct Room {
    /// Which room it is at the moment.
    pub(super) id: RoomId,
    /// Its clients.
    pub(super) members: Range<usize>,
    /// The group's epoch, and who is gone and still in it, after the last event that anyone knows of.
    pub(super) seq: Seq,
    pub(super) epoch: Epoch,
    pub(super) gone: BTreeSet<MemberId>,
}

impl Room {
    pub(super) fn new(id: RoomId, members: Range<usize>) -> Self {
        Self { id, members, seq: Seq(0), epoch: Epoch::default(), gone: BTreeSet::new() }
    }

    /// Whether an event is the first that anyone hears of; one of an earlier room in this one's place is not.
    pub(super) fn learns(&mut self, id: RoomId, seq: Seq) -> bool {
        let new = id == self.id && seq > self.seq;
        if new {
            self.seq = seq;
        }
        new
    }

    /// Whether everyone who listens knows of everything, and everything that was said was accepted.
    pub(super) fn is_settled(&self, clients: &[Client]) -> bool {
        clients[self.members.clone()]
            .iter()
            .filter(|client| client.state == State::Inside && !client.deaf)
            .all(|client| client.seq == self.seq && client.sent == client.accepted)
    }
}
