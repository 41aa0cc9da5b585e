//! What waits to be written to one socket: bounded in bytes, so that a slow reader costs a known
//! amount and nobody else's time.

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
    limit: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Bytes>,
    /// What these frames cost, and what those cost that are being written.
    waiting: usize,
    writing: usize,
    closed: Option<CloseCode>,
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
    /// A queue that holds `limit` bytes, what is being written among them, and one frame more.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Shared { limit, state: Mutex::default(), changed: Notify::new() }))
    }

    /// Adds a frame. One too many ends the queue with [`CloseCode::TooSlow`], and what waited is dropped.
    pub fn push(&self, frame: Bytes) {
        let mut state = self.lock();
        if state.closed.is_some() {
            return;
        }
        if state.waiting + state.writing >= self.0.limit {
            *state = State { closed: Some(CloseCode::TooSlow), ..State::default() };
        } else {
            state.waiting += frame.len() + OVERHEAD;
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
        self.lock().writing = 0;
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
        let outbox = Outbox::new(1000);
        outbox.push("a".into());
        outbox.push("b".into());
        let batch = outbox.next().await;
        assert_eq!(batch.frames, ["a", "b"]);
        assert_eq!(batch.closed, None);
        outbox.push("c".into());
        outbox.close(CloseCode::Stopping);
        outbox.close(CloseCode::Replaced);
        let batch = outbox.next().await;
        assert_eq!((batch.frames.len(), batch.closed), (1, Some(CloseCode::Stopping)));
    }

    #[tokio::test]
    async fn one_too_many_ends_it_and_frees_what_waited() {
        let outbox = Outbox::new(10);
        outbox.push(Bytes::from_static(&[0; 1000]));
        outbox.push("one too many".into());
        outbox.push("and another".into());
        let batch = outbox.next().await;
        assert_eq!((batch.frames.len(), batch.closed), (0, Some(CloseCode::TooSlow)));
        assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    }

    #[tokio::test]
    async fn what_is_being_written_and_what_is_tiny_count_too() {
        let outbox = Outbox::new(1000);
        outbox.push(Bytes::from_static(&[0; 900]));
        outbox.next().await;
        outbox.push("fits".into());
        outbox.push("one too many".into());
        assert_eq!(outbox.closed().await, CloseCode::TooSlow);
        let outbox = Outbox::new(1000);
        (0..17).for_each(|_| outbox.push(Bytes::new()));
        assert_eq!(outbox.closed().await, CloseCode::TooSlow, "nothing costs nothing");
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes() {
        let outbox = Outbox::new(10);
        let reader = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.next().await.frames.len() }
        });
        tokio::task::yield_now().await;
        outbox.push("a".into());
        assert_eq!(reader.await.unwrap(), 1);
    }
}
