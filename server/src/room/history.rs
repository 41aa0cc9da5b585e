//! What happened last in a room, as those received it who were there: for those whose connection was lost.

use std::collections::VecDeque;

use bytes::Bytes;
use wire::{Counter, Epoch, MemberId, Seq, ServerFrame};

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
    own: Option<Own>,
    frame: Bytes,
}

/// What who brought an event about receives.
#[derive(Clone, Copy)]
pub(super) enum Own {
    /// Its message was taken.
    Accepted(Counter),
    /// Its commit ended this epoch.
    Committed(Epoch),
}

impl Own {
    /// As the event of this number.
    pub(super) fn frame(self, seq: Seq) -> Bytes {
        let frame = match self {
            Self::Accepted(counter) => ServerFrame::Accepted { seq, counter },
            Self::Committed(epoch) => ServerFrame::Committed { seq, epoch },
        };
        frame.to_bytes().into()
    }
}

impl Event {
    fn cost(&self) -> usize {
        OVERHEAD + self.frame.len()
    }
}

impl History {
    /// Holds so many bytes at most; none at all, if that is 0.
    pub(super) fn new(bound: usize) -> Self {
        Self { events: VecDeque::new(), bytes: 0, bound }
    }

    pub(super) fn push(&mut self, author: MemberId, own: Option<Own>, frame: Bytes) {
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
        let frame = |(number, event): (u64, &Event)| match event.own {
            Some(own) if event.author == member => own.frame(Seq(number)),
            _ => event.frame.clone(),
        };
        Some((seq.0 + 1..).zip(self.events.iter().skip(known)).map(frame).collect())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
