//! The state that the clients of one room share.

use std::{collections::BTreeSet, ops::Range};

use wire::{Epoch, MemberId, RoomId, Seq};

use super::client::{Client, State};

pub(super) struct Room {
    /// The id of the current room.
    pub(super) id: RoomId,
    /// Its clients.
    pub(super) members: Range<usize>,
    /// The group's epoch and its departed members, after the last known event.
    pub(super) seq: Seq,
    pub(super) epoch: Epoch,
    pub(super) gone: BTreeSet<MemberId>,
}

impl Room {
    pub(super) fn new(id: RoomId, members: Range<usize>) -> Self {
        Self { id, members, seq: Seq(0), epoch: Epoch::default(), gone: BTreeSet::new() }
    }

    /// True when no client has received this event before. False for an event of the room's predecessor.
    pub(super) fn learns(&mut self, id: RoomId, seq: Seq) -> bool {
        let new = id == self.id && seq > self.seq;
        if new {
            self.seq = seq;
        }
        new
    }

    /// True when every reading client has all events, and all messages are accepted.
    pub(super) fn is_settled(&self, clients: &[Client]) -> bool {
        clients[self.members.clone()]
            .iter()
            .filter(|client| client.state == State::Inside && !client.deaf)
            .all(|client| client.seq == self.seq && client.sent == client.accepted)
    }
}
