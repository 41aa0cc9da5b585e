//! What waits to be written to one socket: bounded in bytes, so that a slow reader costs a known
//! amount and nobody else's time.
//!
//! What keeps a member in its group has a budget of its own: it is large and rare, comes in bursts, and is not to
//! cut off one who keeps up with what is said; nor is what one asked for after a loss.

mod dirty;

use std::{
    io::{self, IoSlice},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use bytes::Bytes;
use tokio::{sync::Notify, task::yield_now};
use wire::CloseCode;

use crate::{
    half::SharedHalf,
    total::{Share, Total},
    ws::{Opcode, Outgoing},
};
pub(crate) use dirty::Dirty;

/// Both ends of a queue of frames.
#[derive(Clone)]
pub struct Outbox(Arc<Shared>);

struct Shared {
    talk: usize,
    group: usize,
    way: Option<Way>,
    state: Mutex<State>,
    /// For the connection's own task.
    changed: Notify,
}

/// A short way to the socket, for as long as it takes what it is given.
struct Way {
    half: SharedHalf,
    dirty: Arc<Dirty<Outbox>>,
}

struct State {
    batch: Batch,
    turn: Turn,
    /// What these frames cost, and what those cost that are being written.
    waiting: Cost,
    writing: Cost,
    /// Bytes of the last ones: the next are most likely as many.
    usual: usize,
    /// Bytes of a message that comes in, and is not here in whole.
    receiving: usize,
    /// What all of that takes from what there is for all members together.
    share: Share,
}

/// Who writes what there is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nothing is to be written.
    Nobody,
    /// Whoever works off the list of those who are dirty: this one is on it.
    Listed,
    /// One who does that, now.
    Flushing,
    /// The connection's own task: the socket takes nothing more for the moment, or this is the end.
    Own,
    /// That task, now.
    Writing,
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

/// What a frame costs beyond its bytes, so that tiny ones do not cost nothing.
const OVERHEAD: usize = 64;

/// More is not made place for at once, whatever was written last: of what there is for all, any frame takes as much.
const USUAL_BYTES: usize = 4 * 1024;

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

    /// The same, with a short way to the socket, for whoever works off the list of those who are dirty.
    pub(crate) fn with_half(
        talk: usize,
        group: usize,
        total: &Arc<Total>,
        half: SharedHalf,
        dirty: Arc<Dirty<Self>>,
    ) -> Self {
        Self::of(talk, group, total, Some(Way { half, dirty }))
    }

    fn of(talk: usize, group: usize, total: &Arc<Total>, way: Option<Way>) -> Self {
        let (waiting, writing) = Default::default();
        let turn = if way.is_some() { Turn::Nobody } else { Turn::Own };
        let state = State {
            batch: Batch::default(),
            turn,
            waiting,
            writing,
            usual: 0,
            receiving: 0,
            share: Total::share(total),
        };
        Self(Arc::new(Shared { talk, group, way, state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Adds a frame. One too many ends the queue with [`CloseCode::TooSlow`], and what waited is dropped.
    pub fn push(&self, frame: &Bytes, budget: Budget) {
        self.change(|state| self.0.add(state, frame, budget));
    }

    /// Adds a frame of talk that may be dropped, or where much waits already, `instead`.
    pub fn push_or(&self, frame: &Bytes, instead: &Bytes) {
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
        let is_closed = state.batch.closed.is_some();
        // Whoever writes was woken by what waits already, or looks before it sleeps.
        let lists = state.turn == Turn::Nobody && !is_closed && !state.batch.is_empty();
        let wakes = is_closed || (state.turn == Turn::Own && was_empty);
        if lists {
            state.turn = Turn::Listed;
        }
        drop(state);
        if lists {
            self.list();
        } else if wakes {
            self.0.changed.notify_one();
        }
    }

    fn list(&self) {
        if let Some(way) = &self.0.way {
            way.dirty.add(self.clone());
        }
    }

    /// Writes what there is, as far as the socket takes it at once; the connection's own task does the rest.
    pub(crate) fn flush(&self) {
        if let Some(way) = &self.0.way {
            self.flush_by(|parts| way.half.try_write(parts));
        }
    }

    fn flush_by(&self, mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) {
        let mut bytes = {
            let mut state = self.lock();
            if state.turn != Turn::Listed {
                return;
            }
            state.turn = Turn::Flushing;
            state.take()
        };
        let written = bytes.poll_write(|parts| match write(parts) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            written => Poll::Ready(written),
        });
        let mut state = self.lock();
        if let Poll::Ready(Ok(())) = written {
            state.wrote();
        } else {
            // Where it failed, the own task will learn so too.
            state.batch.rest = Some(Box::new(bytes));
        }
        state.turn = match &state.batch {
            Batch { rest: Some(_), .. } | Batch { closed: Some(_), .. } => Turn::Own,
            batch if batch.is_empty() => Turn::Nobody,
            _ => Turn::Listed,
        };
        let turn = state.turn;
        drop(state);
        match turn {
            Turn::Own => self.0.changed.notify_one(),
            Turn::Listed => self.list(),
            _ => {}
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
                if self.0.way.is_some() {
                    state.turn = Turn::Nobody;
                }
                false
            }
            Turn::Own => true,
            Turn::Nobody | Turn::Listed if state.batch.closed.is_some() => {
                state.turn = Turn::Own;
                true
            }
            _ => false,
        }
    }

    /// Ends the queue for the connection's own task, which is about to write the end by itself: waits until nobody else
    /// writes, and drops what was not begun. What is left of a frame is to be written before the end.
    pub async fn end(&self) -> Option<Box<Outgoing>> {
        // Whoever writes hands over to the own task where the end has come.
        self.close(CloseCode::Left);
        loop {
            let changed = self.0.changed.notified();
            {
                let mut state = self.lock();
                if state.turn != Turn::Flushing {
                    state.turn = Turn::Own;
                    return state.batch.rest.take();
                }
            }
            changed.await;
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is to be written now. The end stays: nothing comes after it.
    fn take(&mut self) -> Outgoing {
        self.usual = self.batch.frames.gathered().min(USUAL_BYTES);
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
    fn add(&self, state: &mut State, frame: &Bytes, budget: Budget) {
        let State { waiting, writing, .. } = state;
        let (waiting, writing, limit) = match budget {
            Budget::Talk => (&mut waiting.talk, writing.talk, self.talk),
            Budget::Group => (&mut waiting.group, writing.group, self.group),
        };
        let fits = *waiting + writing < limit;
        *waiting += frame.len() + OVERHEAD;
        let cost = state.cost();
        if fits && state.share.grow(cost) {
            if state.batch.frames.is_empty() {
                state.batch.frames.reserve(state.usual);
            }
            state.batch.frames.push(Opcode::Binary, frame);
        } else {
            state.cut_off();
        }
    }
}

#[cfg(test)]
mod tests;
