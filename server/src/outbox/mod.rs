//! What waits to be written to one socket: bounded in bytes, so that a slow reader costs a known
//! amount and nobody else's time.
//!
//! What keeps a member in its group has a budget of its own: it is large and rare, comes in bursts, and is not to
//! cut off one who keeps up with what is said; nor is what one asked for after a loss.

use std::{
    io::{self, IoSlice},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use room::Budget;
use tokio::{sync::Notify, task::yield_now};
use wire::CloseCode;

use crate::{
    half::SharedHalf,
    total::{Share, Total},
    ws::{Opcode, Outgoing},
};

/// Both ends of a queue of frames.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

struct Shared {
    talk: usize,
    group: usize,
    state: Mutex<State>,
    /// For the connection's own task.
    changed: Notify,
}

struct State {
    batch: Batch,
    turn: Turn,
    /// A short way to the socket, for as long as it takes what it is given.
    half: Option<SharedHalf>,
    /// What these frames cost, and what those cost that are being written.
    waiting: Cost,
    writing: Cost,
    /// Bytes of a message that comes in, and is not here in whole.
    receiving: usize,
    /// What all of that takes from what there is for all members together.
    share: Share,
}

/// Who writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Whoever has something to say, at once: nothing waits.
    Anyone,
    /// The connection's own task: something waits, or this is the end.
    Own,
    /// That task, now.
    Writing,
}

/// What is said.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'f> {
    pub(crate) payload: &'f Bytes,
    /// What is said in its place where much waits already, if the frame may be dropped.
    pub(crate) instead: Option<&'f Bytes>,
    /// What it counts against where it waits.
    pub(crate) budget: Budget,
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

/// What a frame costs beyond its bytes, so that tiny ones do not cost nothing.
const OVERHEAD: usize = 64;

/// What is to be written next, in this order.
#[derive(Default)]
struct Batch {
    /// What is left of frames that were begun.
    rest: Option<Box<Outgoing>>,
    /// The answer to the peer's last ping: those before it need none (RFC 6455, section 5.5.3).
    pong: Option<Box<[u8]>>,
    /// The peer is to be asked whether it is there.
    ping: bool,
    frames: Outgoing,
    /// Nothing comes after these frames.
    closed: Option<CloseCode>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.rest.is_none() && !self.ping && self.pong.is_none() && self.frames.is_empty() && self.closed.is_none()
    }

    fn into_bytes(self) -> Outgoing {
        let Self { rest, pong, ping, mut frames, closed: _ } = self;
        if rest.is_none() && !ping && pong.is_none() {
            return frames;
        }
        let mut bytes = rest.map_or_else(Outgoing::default, |rest| *rest);
        if let Some(payload) = pong {
            bytes.push(Opcode::Pong, &payload.into_vec().into());
        }
        if ping {
            bytes.push(Opcode::Ping, &Bytes::new());
        }
        bytes.append(&mut frames);
        bytes
    }
}

impl Outbox {
    /// A queue that holds so many bytes of each budget, what is being written among them, and one frame more; and no
    /// more than its share of what there is for all. The connection's own task writes all of it.
    #[must_use]
    pub fn new(talk: usize, group: usize, total: &Arc<Total>) -> Self {
        Self::of(talk, group, total, None)
    }

    /// The same, but what the socket takes at once need not wait for that task.
    pub(crate) fn with_half(talk: usize, group: usize, total: &Arc<Total>, half: SharedHalf) -> Self {
        Self::of(talk, group, total, Some(half))
    }

    fn of(talk: usize, group: usize, total: &Arc<Total>, half: Option<SharedHalf>) -> Self {
        let (waiting, writing) = Default::default();
        let turn = if half.is_some() { Turn::Anyone } else { Turn::Own };
        let share = Total::share(total);
        let state = State { batch: Batch::default(), turn, half, waiting, writing, receiving: 0, share };
        Self(Arc::new(Shared { talk, group, state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Writes these frames, of which `parts` are the bytes, as far as nothing waits before them and the socket takes
    /// them at once; adds what is left. One too many ends the queue with [`CloseCode::TooSlow`], and what waited is
    /// dropped.
    pub(crate) fn say<'f>(&self, parts: &[IoSlice<'_>], frames: impl Iterator<Item = Frame<'f>>) {
        self.say_by(parts, frames, SharedHalf::try_write);
    }

    fn say_by<'f>(
        &self,
        parts: &[IoSlice<'_>],
        frames: impl Iterator<Item = Frame<'f>>,
        write: impl FnOnce(&SharedHalf, &[IoSlice<'_>]) -> io::Result<usize>,
    ) {
        self.change(|state| {
            let all = parts.iter().map(|part| part.len()).sum();
            let written = match &state.half {
                // Where it fails, the own task will learn so too.
                Some(half) if state.turn == Turn::Anyone => write(half, parts).unwrap_or(0),
                _ => 0,
            };
            if written < all {
                self.0.add_left(state, frames, written);
            }
        });
    }

    /// Asks whether the peer is there.
    pub fn ping(&self) {
        self.change(|state| state.batch.ping = true);
    }

    /// Answers the peer's ping, and none before it that was not answered yet.
    pub fn pong(&self, payload: &[u8]) {
        self.change(|state| state.batch.pong = Some(payload.into()));
    }

    /// So many bytes are kept of a message that comes in, and is not here in whole. What there is for all members
    /// together is for these too, and who takes too much of it is cut off.
    pub fn receiving(&self, bytes: usize) {
        self.change(|state| {
            state.receiving = bytes;
            let cost = state.cost();
            state.share.shrink(cost);
            if !state.share.grow(cost) {
                state.cut_off();
            }
        });
    }

    /// Ends the queue; what waits is still written. The first end counts: which that was.
    pub fn close(&self, code: CloseCode) -> CloseCode {
        let first = *self.lock().batch.closed.get_or_insert(code);
        self.0.changed.notify_one();
        first
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.batch.closed.is_some() {
            return;
        }
        let was_empty = state.batch.is_empty();
        change(&mut state);
        if state.turn == Turn::Anyone && !state.batch.is_empty() {
            state.turn = Turn::Own;
        }
        // The own task was woken for what waits already, or looks before it sleeps.
        let wakes = state.batch.closed.is_some() || (state.turn == Turn::Own && was_empty);
        drop(state);
        if wakes {
            self.0.changed.notify_one();
        }
    }

    /// Waits until the connection's own task is to write something: these bytes, and then the end, if it has come. For
    /// that task, which has by now written what it was given before.
    pub async fn next(&self) -> (Outgoing, Option<CloseCode>) {
        {
            let mut state = self.lock();
            if state.turn == Turn::Writing {
                state.turn = Turn::Own;
                state.wrote();
            }
        }
        loop {
            let changed = self.0.changed.notified();
            if !self.is_own() {
                changed.await;
                continue;
            }
            // Whoever has its turn now may have more for the same write.
            yield_now().await;
            let mut state = self.lock();
            state.turn = Turn::Writing;
            return (state.take(), state.batch.closed);
        }
    }

    /// Whether the connection's own task is to write something.
    fn is_own(&self) -> bool {
        let mut state = self.lock();
        match state.turn {
            Turn::Own if state.batch.is_empty() => {
                if state.half.is_some() {
                    state.turn = Turn::Anyone;
                }
                false
            }
            Turn::Own => true,
            Turn::Anyone if state.batch.closed.is_some() => {
                state.turn = Turn::Own;
                true
            }
            _ => false,
        }
    }

    /// Ends the queue for the connection's own task, which is about to write the end by itself, and drops what was not
    /// begun, and the socket. What is left of a frame is to be written before the end.
    pub fn end(&self) -> Option<Box<Outgoing>> {
        self.close(CloseCode::Left);
        let mut state = self.lock();
        state.turn = Turn::Own;
        // Whoever still has the outbox does not keep the socket open.
        state.half = None;
        state.batch.rest.take()
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is to be written now. The end stays: nothing comes after it.
    fn take(&mut self) -> Outgoing {
        // What was not written in the last turn is still being written.
        self.writing.talk += self.waiting.talk;
        self.writing.group += self.waiting.group;
        self.waiting = Cost::default();
        let closed = self.batch.closed;
        mem::replace(&mut self.batch, Batch { closed, ..Batch::default() }).into_bytes()
    }

    /// What was taken is written.
    fn wrote(&mut self) {
        self.writing = Cost::default();
        let cost = self.cost();
        self.share.shrink(cost);
    }

    fn cost(&self) -> usize {
        self.waiting.sum() + self.writing.sum() + self.receiving
    }

    /// Drops what waits, but not what is left of a frame: the end comes after it.
    fn cut_off(&mut self) {
        let rest = self.batch.rest.take();
        self.batch = Batch { rest, closed: Some(CloseCode::TooSlow), ..Batch::default() };
        self.waiting = Cost::default();
        let cost = self.cost();
        self.share.shrink(cost);
    }
}

impl Shared {
    fn add(&self, state: &mut State, frame: Frame<'_>) {
        let Frame { payload, instead, budget } = frame;
        let is_behind = state.waiting.talk + state.writing.talk > self.talk / 2;
        let payload = instead.filter(|_| is_behind).unwrap_or(payload);
        if self.count(state, payload.len(), budget) {
            state.batch.frames.push(Opcode::Binary, payload);
        } else {
            state.cut_off();
        }
    }

    /// Adds what is left of these frames when so many bytes of them are written.
    fn add_left<'f>(&self, state: &mut State, frames: impl Iterator<Item = Frame<'f>>, mut written: usize) {
        for frame in frames {
            if state.batch.closed.is_some() {
                return;
            }
            if written == 0 {
                self.add(state, frame);
                continue;
            }
            let mut whole = Outgoing::default();
            whole.push(Opcode::Binary, frame.payload);
            written = whole.written(written);
            if !whole.is_empty() {
                // What was begun is to be ended, whatever it costs.
                state.batch.rest = Some(Box::new(whole));
                if !self.count(state, frame.payload.len(), frame.budget) {
                    state.cut_off();
                }
            }
        }
    }

    /// Counts a frame of so many bytes as one that waits, if it may.
    fn count(&self, state: &mut State, bytes: usize, budget: Budget) -> bool {
        let State { waiting, writing, .. } = state;
        let (waiting, writing, limit) = match budget {
            Budget::Talk => (&mut waiting.talk, writing.talk, self.talk),
            Budget::Group => (&mut waiting.group, writing.group, self.group),
        };
        let fits = *waiting + writing < limit;
        *waiting += bytes + OVERHEAD;
        let cost = state.cost();
        fits && state.share.grow(cost)
    }
}

#[cfg(test)]
mod tests;
