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
use tokio::{sync::Notify, task::yield_now};
use wire::CloseCode;

use crate::total::{Share, Total};

/// Both ends of a queue of frames.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

struct Shared {
    talk: usize,
    group: usize,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    batch: Batch,
    /// What these frames cost, and what those cost that are being written.
    waiting: Cost,
    writing: Cost,
    /// What both take from what there is for all members together.
    share: Share,
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

impl Cost {
    fn sum(self) -> usize {
        self.talk + self.group
    }
}

/// What a frame costs beyond its bytes: its place in the queue and in the allocator.
const OVERHEAD: usize = 64;

/// Frames that there is place for at first: where one waits, others come.
const FRAMES: usize = 16;

/// What is to be written next: what the connection itself needs, then frames, and then the end, if it has come.
#[derive(Debug, Default)]
pub struct Batch {
    /// The peer is to be asked whether it is there.
    pub ping: bool,
    /// The answer to the peer's last ping: those before it need none (RFC 6455, section 5.5.3).
    pub pong: Option<Bytes>,
    /// In order.
    pub frames: VecDeque<Bytes>,
    /// What these frames cost.
    pub bytes: usize,
    /// Nothing comes after these frames.
    pub closed: Option<CloseCode>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        !self.ping && self.pong.is_none() && self.frames.is_empty() && self.closed.is_none()
    }
}

impl Outbox {
    /// A queue that holds so many bytes of each budget, what is being written among them, and one frame more; and no
    /// more than its share of what there is for all.
    #[must_use]
    pub fn new(talk: usize, group: usize, total: &Arc<Total>) -> Self {
        let (waiting, writing) = Default::default();
        let state = State { batch: Batch::default(), waiting, writing, share: Total::share(total) };
        Self(Arc::new(Shared { talk, group, state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Adds a frame. One too many ends the queue with [`CloseCode::TooSlow`], and what waited is dropped.
    pub fn push(&self, frame: Bytes, budget: Budget) {
        self.change(|state| self.0.add(state, frame, budget));
    }

    /// Adds a frame of talk that may be dropped, or where much waits already, `instead`.
    pub fn push_or(&self, frame: Bytes, instead: Bytes) {
        self.change(|state| {
            let is_behind = state.waiting.talk + state.writing.talk > self.0.talk / 2;
            self.0.add(state, if is_behind { instead } else { frame }, Budget::Talk);
        });
    }

    /// Asks whether the peer is there.
    pub fn ping(&self) {
        self.change(|state| state.batch.ping = true);
    }

    /// Answers the peer's ping, and none before it that was not answered yet.
    pub fn pong(&self, payload: &[u8]) {
        self.change(|state| state.batch.pong = Some(Bytes::copy_from_slice(payload)));
    }

    /// Ends the queue; what waits is still written. The first end counts.
    pub fn close(&self, code: CloseCode) {
        self.lock().batch.closed.get_or_insert(code);
        self.0.changed.notify_one();
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.batch.closed.is_some() {
            return;
        }
        // Whoever reads was woken by what waits already, or looks before it sleeps.
        let wakes = state.batch.is_empty();
        change(&mut state);
        let wakes = wakes || state.batch.closed.is_some();
        drop(state);
        if wakes {
            self.0.changed.notify_one();
        }
    }

    /// Waits for something to write, and leaves it in `batch`. For one reader, which has by now written what it was
    /// given before.
    pub async fn next(&self, batch: &mut Batch) {
        {
            let mut state = self.lock();
            state.writing = Cost::default();
            let cost = state.waiting.sum();
            state.share.shrink(cost);
        }
        loop {
            let changed = self.0.changed.notified();
            if self.is_idle() {
                *batch = Batch::default();
                changed.await;
                continue;
            }
            // Whoever has its turn now may have more for the same write, and so may those who hear from the network next:
            // a second turn costs less than the writes that it saves.
            yield_now().await;
            yield_now().await;
            let mut state = self.lock();
            state.writing = mem::take(&mut state.waiting);
            let closed = state.batch.closed;
            batch.frames.clear();
            mem::swap(&mut state.batch, batch);
            state.batch = Batch { frames: mem::take(&mut state.batch.frames), closed, ..Batch::default() };
            batch.bytes = state.writing.sum();
            return;
        }
    }

    /// Waits for the end, while a write is under way.
    pub async fn closed(&self) -> CloseCode {
        loop {
            let changed = self.0.changed.notified();
            if let Some(code) = self.lock().batch.closed {
                return code;
            }
            changed.await;
        }
    }

    /// Whether there is nothing to write; then nothing is kept either.
    fn is_idle(&self) -> bool {
        let mut state = self.lock();
        let is_idle = state.batch.is_empty();
        if is_idle {
            state.batch.frames = VecDeque::new();
        }
        is_idle
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn add(&self, state: &mut State, frame: Bytes, budget: Budget) {
        let State { waiting, writing, .. } = state;
        let (waiting, writing, limit) = match budget {
            Budget::Talk => (&mut waiting.talk, writing.talk, self.talk),
            Budget::Group => (&mut waiting.group, writing.group, self.group),
        };
        let fits = *waiting + writing < limit;
        *waiting += frame.len() + OVERHEAD;
        let cost = state.waiting.sum() + state.writing.sum();
        if fits && state.share.grow(cost) {
            if state.batch.frames.capacity() == 0 {
                state.batch.frames.reserve(FRAMES);
            }
            state.batch.frames.push_back(frame);
        } else {
            state.batch = Batch { closed: Some(CloseCode::TooSlow), ..Batch::default() };
            state.waiting = Cost::default();
            let writing = state.writing.sum();
            state.share.shrink(writing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(talk: usize, group: usize) -> Outbox {
        Outbox::new(talk, group, &Total::new(usize::MAX))
    }

    async fn next(outbox: &Outbox) -> Batch {
        let mut batch = Batch::default();
        outbox.next(&mut batch).await;
        batch
    }

    #[tokio::test]
    async fn frames_come_in_order_and_all_at_once() {
        let outbox = of(1000, 1000);
        outbox.push("a".into(), Budget::Talk);
        outbox.push("b".into(), Budget::Talk);
        let batch = next(&outbox).await;
        assert_eq!(batch.frames, ["a", "b"]);
        assert_eq!(batch.closed, None);
        outbox.push("c".into(), Budget::Talk);
        outbox.close(CloseCode::Stopping);
        outbox.close(CloseCode::Replaced);
        let batch = next(&outbox).await;
        assert_eq!((batch.frames.len(), batch.closed), (1, Some(CloseCode::Stopping)));
    }

    #[tokio::test]
    async fn one_too_many_ends_it_and_frees_what_waited() {
        let outbox = of(10, 1000);
        outbox.push(Bytes::from_static(&[0; 1000]), Budget::Talk);
        outbox.push("one too many".into(), Budget::Talk);
        outbox.push("and another".into(), Budget::Talk);
        let batch = next(&outbox).await;
        assert_eq!((batch.frames.len(), batch.closed), (0, Some(CloseCode::TooSlow)));
        assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    }

    #[tokio::test]
    async fn what_is_being_written_and_what_is_tiny_count_too() {
        let outbox = of(1000, 1000);
        outbox.push(Bytes::from_static(&[0; 900]), Budget::Talk);
        next(&outbox).await;
        outbox.push("fits".into(), Budget::Talk);
        outbox.push("one too many".into(), Budget::Talk);
        assert_eq!(outbox.closed().await, CloseCode::TooSlow);
        let outbox = of(1000, 1000);
        (0..17).for_each(|_| outbox.push(Bytes::new(), Budget::Talk));
        assert_eq!(outbox.closed().await, CloseCode::TooSlow, "nothing costs nothing");
    }

    #[tokio::test]
    async fn neither_budget_takes_from_the_other() {
        let outbox = of(100, 1000);
        outbox.push(Bytes::from_static(&[0; 900]), Budget::Group);
        outbox.push("fits".into(), Budget::Talk);
        outbox.push("fits".into(), Budget::Group);
        assert_eq!(next(&outbox).await.frames.len(), 3);
        outbox.push("too many while that is being written".into(), Budget::Group);
        assert_eq!(outbox.closed().await, CloseCode::TooSlow);
    }

    #[tokio::test]
    async fn only_the_last_ping_is_answered() {
        let outbox = of(100, 100);
        (0..100).for_each(|number| outbox.pong(&[number]));
        outbox.ping();
        let batch = next(&outbox).await;
        assert_eq!((batch.pong.as_deref(), batch.ping, batch.frames.len()), (Some(&[99][..]), true, 0));
    }

    #[tokio::test]
    async fn what_may_be_dropped_is_dropped_first() {
        let outbox = of(1000, 1000);
        outbox.push_or("may be dropped".into(), "short".into());
        outbox.push(Bytes::from_static(&[0; 400]), Budget::Talk);
        outbox.push_or("may be dropped".into(), "short".into());
        let batch = next(&outbox).await;
        assert_eq!((batch.frames[0].as_ref(), batch.frames[2].as_ref()), (&b"may be dropped"[..], &b"short"[..]));
    }

    #[tokio::test]
    async fn who_would_take_too_much_of_what_is_for_all_is_cut_off() {
        let total = Total::new(64 * 1024);
        let (greedy, modest) = (Outbox::new(99_999, 0, &total), Outbox::new(99_999, 0, &total));
        for _ in 0..30 {
            greedy.push(Bytes::from_static(&[0; 1000]), Budget::Talk);
            modest.push(Bytes::from_static(&[0; 100]), Budget::Talk);
        }
        assert_eq!(next(&modest).await.frames.len(), 30);
        for _ in 0..30 {
            greedy.push(Bytes::from_static(&[0; 1000]), Budget::Talk);
            modest.push(Bytes::from_static(&[0; 100]), Budget::Talk);
        }
        assert_eq!(greedy.closed().await, CloseCode::TooSlow);
        let batch = next(&modest).await;
        assert_eq!((batch.frames.len(), batch.closed), (30, None));
        drop((greedy, modest));
        assert_eq!(total.used(), 0, "what was taken is given back");
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes() {
        let outbox = of(10, 1000);
        let reader = tokio::spawn({
            let outbox = outbox.clone();
            async move { next(&outbox).await.frames.len() }
        });
        tokio::task::yield_now().await;
        outbox.push("a".into(), Budget::Talk);
        assert_eq!(reader.await.unwrap(), 1);
    }
}
