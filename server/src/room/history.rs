//! What happened last in a room, as those received it who were there: for those whose connection was lost.

use std::collections::VecDeque;

use bytes::Bytes;
use wire::{MemberId, Seq};

/// What an event costs beyond its bytes.
const OVERHEAD: usize = 160;

/// The last events, without a gap, up to the room's last one.
pub(super) struct History {
    events: VecDeque<Event>,
    bytes: usize,
    bound: usize,
}

struct Event {
    /// Who brought it about, and what that member receives in place of the frame, if it does.
    author: MemberId,
    own: Option<Bytes>,
    frame: Bytes,
}

impl Event {
    fn cost(&self) -> usize {
        OVERHEAD + self.frame.len() + self.own.as_ref().map_or(0, Bytes::len)
    }
}

impl History {
    /// Holds so many bytes at most; none at all, if that is 0.
    pub(super) fn new(bound: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, bound }
    }

    pub(super) fn push(&mut self, author: MemberId, own: Option<Bytes>, frame: Bytes) {
        let event = Event { author, own, frame };
        self.bytes += event.cost();
        self.events.push_back(event);
        self.forget(self.bound);
    }

    /// Drops the oldest events, until no more than so many bytes are left.
    pub(super) fn forget(&mut self, beyond: usize) {
        while self.bytes > beyond
            && let Some(oldest) = self.events.pop_front()
        {
            self.bytes -= oldest.cost();
        }
    }

    pub(super) fn clear(&mut self) {
        self.events = VecDeque::new();
        self.bytes = 0;
    }

    /// What this member missed after one event, up to the room's last one; nothing if that is not all here.
    pub(super) fn after(&self, member: MemberId, seq: Seq, last: Seq) -> Option<Vec<Bytes>> {
        let missed = usize::try_from(last.0.checked_sub(seq.0)?).ok()?;
        let known = self.events.len().checked_sub(missed)?;
        let frame = |event: &Event| match &event.own {
            Some(own) if event.author == member => own.clone(),
            _ => event.frame.clone(),
        };
        Some(self.events.iter().skip(known).map(frame).collect())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
