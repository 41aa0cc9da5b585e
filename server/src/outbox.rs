//! What waits to be written to one socket: bounded in bytes, so that a slow reader costs a known
//! amount and nobody else's time.
//!
//! What keeps a member in its group has a budget of its own: it is large and rare, comes in bursts, and is not to
//! cut off one who keeps up with what is said; nor is what one asked for after a loss.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;
use wire::CloseCode;

/// Both ends of a queue of frames.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

struct Shared {
    talk: usize,
    group: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Bytes>,
    /// What these frames cost, and what those cost that are being written.
    waiting: Cost,
    writing: Cost,
    closed: Option<CloseCode>,
}

/// What a frame counts against while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// What people say, and what a connection needs.
    Talk,
    /// What keeps a member in its group.
    Group,
}

#[derive(Clone, Copy, Default)]
struct Cost {
    talk: usize,
    group: usize,
}

/// What a frame costs beyond its bytes: its place in the queue and in the allocator.
const OVERHEAD: usize = 64;

/// What is to be written next: frames, and then the end, if it has come.
#[derive(Debug)]
pub struct Batch {
    /// In order.
    pub frames: VecDeque<Bytes>,
    /// Nothing comes after these frames.
    pub closed: Option<CloseCode>,
}

impl Outbox {
    /// A queue that holds so many bytes of each budget, what is being written among them, and one frame more.
    #[must_use]
    pub fn new(talk: usize, group: usize) -> Self {
        Self(Arc::new(Shared { talk, group, state: Mutex::default(), changed: Notify::new() }))
    }

    /// Adds a frame. One too many ends the queue with [`CloseCode::TooSlow`], and what waited is dropped.
    pub fn push(&self, frame: Bytes, budget: Budget) {
        let mut state = self.lock();
        if state.closed.is_some() {
            return;
        }
        let State { waiting, writing, .. } = &mut *state;
        let (waiting, writing, limit) = match budget {
            Budget::Talk => (&mut waiting.talk, writing.talk, self.0.talk),
            Budget::Group => (&mut waiting.group, writing.group, self.0.group),
        };
        if *waiting + writing >= limit {
            *state = State { closed: Some(CloseCode::TooSlow), ..State::default() };
        } else {
            *waiting += frame.len() + OVERHEAD;
            state.frames.push_back(frame);
        }
        drop(state);
        self.0.changed.notify_one();
    }

    /// Ends the queue; what waits is still written. The first end counts.
    pub fn close(&self, code: CloseCode) {
        self.lock().closed.get_or_insert(code);
        self.0.changed.notify_one();
    }

    /// Waits for something to write. For one reader, which has by now written what it was given before.
    pub async fn next(&self) -> Batch {
        self.lock().writing = Cost::default();
        loop {
            let changed = self.0.changed.notified();
            {
                let mut state = self.lock();
                if !state.frames.is_empty() || state.closed.is_some() {
                    state.writing = mem::take(&mut state.waiting);
                    return Batch { frames: mem::take(&mut state.frames), closed: state.closed };
                }
            }
            changed.await;
        }
    }

    /// Waits for the end, while a write is under way.
    pub async fn closed(&self) -> CloseCode {
        loop {
            let changed = self.0.changed.notified();
            if let Some(code) = self.lock().closed {
                return code;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_in_order_and_all_at_once() {
        let outbox = Outbox::new(1000, 1000);
        outbox.push("a".into(), Budget::Talk);
        outbox.push("b".into(), Budget::Talk);
        let batch = outbox.next().await;
        assert_eq!(batch.frames, ["a", "b"]);
        assert_eq!(batch.closed, None);
        outbox.push("c".into(), Budget::Talk);
        outbox.close(CloseCode::Stopping);
        outbox.close(CloseCode::Replaced);
        let batch = outbox.next().await;
        assert_eq!((batch.frames.len(), batch.closed), (1, Some(CloseCode::Stopping)));
    }

    #[tokio::test]
    async fn one_too_many_ends_it_and_frees_what_waited() {
        let outbox = Outbox::new(10, 1000);
        outbox.push(Bytes::from_static(&[0; 1000]), Budget::Talk);
        outbox.push("one too many".into(), Budget::Talk);
        outbox.push("and another".into(), Budget::Talk);
        let batch = outbox.next().await;
        assert_eq!((batch.frames.len(), batch.closed), (0, Some(CloseCode::TooSlow)));
        assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    }

    #[tokio::test]
    async fn what_is_being_written_and_what_is_tiny_count_too() {
        let outbox = Outbox::new(1000, 1000);
        outbox.push(Bytes::from_static(&[0; 900]), Budget::Talk);
        outbox.next().await;
        outbox.push("fits".into(), Budget::Talk);
        outbox.push("one too many".into(), Budget::Talk);
        assert_eq!(outbox.closed().await, CloseCode::TooSlow);
        let outbox = Outbox::new(1000, 1000);
        (0..17).for_each(|_| outbox.push(Bytes::new(), Budget::Talk));
        assert_eq!(outbox.closed().await, CloseCode::TooSlow, "nothing costs nothing");
    }

    #[tokio::test]
    async fn neither_budget_takes_from_the_other() {
        let outbox = Outbox::new(100, 1000);
        outbox.push(Bytes::from_static(&[0; 900]), Budget::Group);
        outbox.push("fits".into(), Budget::Talk);
        outbox.push("fits".into(), Budget::Group);
        assert_eq!(outbox.next().await.frames.len(), 3);
        outbox.push("too many while that is being written".into(), Budget::Group);
        assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes() {
        let outbox = Outbox::new(10, 1000);
        let reader = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.next().await.frames.len() }
        });
        tokio::task::yield_now().await;
        outbox.push("a".into(), Budget::Talk);
        assert_eq!(reader.await.unwrap(), 1);
    }
}
