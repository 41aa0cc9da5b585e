//! The outbox: frames queued for one socket, bounded in bytes, so that a slow reader costs bounded memory and delays
//! nobody else.
//!
//! Frames that keep a member in its group have a budget of their own. They are large and rare and come in bursts, which
//! must not disconnect a member that keeps up with messages. The same holds for frames replayed after a reconnect.

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
    memory_budget::{BudgetShare, MemoryBudget},
    stream::WriteHalf,
    ws::{Opcode, Outgoing},
};

/// A handle to a queue of frames. Clones share one queue.
#[derive(Clone)]
pub struct Outbox(Arc<FrameQueue>);

struct FrameQueue {
    talk_limit: usize,
    group_limit: usize,
    state: Mutex<State>,
    /// Wakes the connection's own task.
    changed: Notify,
}

struct State {
    batch: Batch,
    turn: Turn,
    /// Writes directly to the socket while nothing is queued.
    half: Option<WriteHalf>,
    /// The cost of the queued frames, and of the frames being written.
    waiting: Cost,
    writing: Cost,
    /// Buffered bytes of an incoming message that is still incomplete.
    receiving: usize,
    /// The part of the shared memory budget that all of this takes.
    share: BudgetShare,
}

/// The task that may write to the socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Any task, directly: nothing is queued.
    Anyone,
    /// Only the connection's own task: something is queued, or the queue has been closed.
    Own,
    /// The connection's own task is writing now.
    Writing,
}

/// A frame to send.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'f> {
    pub(crate) payload: &'f Bytes,
    /// A replacement to send when the queue is long, if the frame may be dropped.
    pub(crate) substitute: Option<&'f Bytes>,
    /// The budget that it counts against while queued.
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

/// Cost of a frame in addition to its bytes, so that tiny frames are not free.
const OVERHEAD: usize = 64;

/// The bytes to write next, in this order.
#[derive(Default)]
struct Batch {
    /// The rest of frames that are partly written.
    rest: Option<Box<Outgoing>>,
    /// The answer to the peer's latest ping; earlier pings need no answer (RFC 6455, section 5.5.3).
    pong: Option<Box<[u8]>>,
    /// True when a ping should be sent.
    ping: bool,
    frames: Outgoing,
    /// The close code, once the queue is closed. No frame is added after that.
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
    /// Creates a queue with these limits in bytes, which also count frames being written. Each budget may be exceeded
    /// by one frame. The queue also takes its share of the memory budget `budget`. Only the connection's own task
    /// writes.
    #[must_use]
    pub fn new(talk: usize, group: usize, budget: &Arc<MemoryBudget>) -> Self {
        Self::with_limits(talk, group, budget, None)
    }

    /// Creates a queue like [`Outbox::new`], but frames go directly to the socket while it accepts them.
    pub(crate) fn with_half(talk: usize, group: usize, budget: &Arc<MemoryBudget>, half: WriteHalf) -> Self {
        Self::with_limits(talk, group, budget, Some(half))
    }

    fn with_limits(talk_limit: usize, group_limit: usize, budget: &Arc<MemoryBudget>, half: Option<WriteHalf>) -> Self {
        let (waiting, writing) = Default::default();
        let turn = if half.is_some() { Turn::Anyone } else { Turn::Own };
        let share = MemoryBudget::share(budget);
        let state = State { batch: Batch::default(), turn, half, waiting, writing, receiving: 0, share };
        Self(Arc::new(FrameQueue { talk_limit, group_limit, state: Mutex::new(state), changed: Notify::new() }))
    }

    /// Sends these frames; `parts` are their bytes. Writes directly as much as the socket accepts, if nothing is
    /// queued, and queues the rest. A frame that exceeds a limit closes the queue with [`CloseCode::TooSlow`] and drops
    /// the queued frames.
    pub(crate) fn send<'f>(&self, parts: &[IoSlice<'_>], frames: impl Iterator<Item = Frame<'f>>) {
        self.send_with(parts, frames, WriteHalf::try_write);
    }

    fn send_with<'f>(
        &self,
        parts: &[IoSlice<'_>],
        frames: impl Iterator<Item = Frame<'f>>,
        write: impl FnOnce(&WriteHalf, &[IoSlice<'_>]) -> io::Result<usize>,
    ) {
        self.change(|state| {
            let all = parts.iter().map(|part| part.len()).sum();
            let written = match &state.half {
                // The connection's own task will see any error too.
                Some(half) if state.turn == Turn::Anyone => write(half, parts).unwrap_or(0),
                _ => 0,
            };
            if written < all {
                self.0.add_rest(state, frames, written);
            }
        });
    }

    /// Queues a ping.
    pub fn ping(&self) {
        self.change(|state| state.batch.ping = true);
    }

    /// Queues a pong, which replaces a queued one.
    pub fn pong(&self, payload: &[u8]) {
        self.change(|state| state.batch.pong = Some(payload.into()));
    }

    /// Sets the buffered bytes of an incomplete incoming message, which count against the shared memory budget. Closes
    /// the queue when its share is exceeded.
    pub fn set_incoming_bytes(&self, bytes: usize) {
        self.change(|state| {
            state.receiving = bytes;
            let cost = state.cost();
            state.share.shrink(cost);
            if !state.share.grow(cost) {
                state.cut_off();
            }
        });
    }

    /// Closes the queue; queued frames are still written. Only the first call counts. Returns its code.
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
        // If something was queued before, the connection's own task is awake or will look before it sleeps.
        let wakes = state.batch.closed.is_some() || (state.turn == Turn::Own && was_empty);
        drop(state);
        if wakes {
            self.0.changed.notify_one();
        }
    }

    /// Waits until the connection's own task has something to write. Returns the bytes, and the close code if the queue
    /// is closed. Only that task calls this, after it has written the previous bytes.
    pub async fn next_batch(&self) -> (Outgoing, Option<CloseCode>) {
        {
            let mut state = self.lock();
            if state.turn == Turn::Writing {
                state.turn = Turn::Own;
                state.wrote();
            }
        }
        loop {
            let changed = self.0.changed.notified();
            if !self.has_work() {
                changed.await;
                continue;
            }
            // Tasks that are ready now may add frames to the same write.
            yield_now().await;
            let mut state = self.lock();
            state.turn = Turn::Writing;
            return (state.take(), state.batch.closed);
        }
    }

    /// True when the connection's own task has something to write. Reopens the direct path when nothing is queued.
    fn has_work(&self) -> bool {
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

    /// Closes the queue for the connection's own task, which then writes the close frame itself. Drops queued frames
    /// and the socket. Returns the rest of a partly written frame, which must be written before the close frame.
    pub fn end(&self) -> Option<Box<Outgoing>> {
        self.close(CloseCode::Left);
        let mut state = self.lock();
        state.turn = Turn::Own;
        // Other handles to this outbox must not keep the socket open.
        state.half = None;
        state.batch.rest.take()
    }

    /// Waits until the queue is closed. For use during a write.
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
    /// Takes the queued bytes. Keeps the close code, so that nothing is added after it.
    fn take(&mut self) -> Outgoing {
        // Adds, because bytes from the previous call may not be written yet.
        self.writing.talk += self.waiting.talk;
        self.writing.group += self.waiting.group;
        self.waiting = Cost::default();
        let closed = self.batch.closed;
        mem::replace(&mut self.batch, Batch { closed, ..Batch::default() }).into_bytes()
    }

    /// Called when all taken bytes are written.
    fn wrote(&mut self) {
        self.writing = Cost::default();
        let cost = self.cost();
        self.share.shrink(cost);
    }

    fn cost(&self) -> usize {
        self.waiting.sum() + self.writing.sum() + self.receiving
    }

    /// Closes the queue as too slow and drops queued frames, except the rest of a partly written frame.
    fn cut_off(&mut self) {
        let rest = self.batch.rest.take();
        self.batch = Batch { rest, closed: Some(CloseCode::TooSlow), ..Batch::default() };
        self.waiting = Cost::default();
        let cost = self.cost();
        self.share.shrink(cost);
    }
}

impl FrameQueue {
    fn add(&self, state: &mut State, frame: Frame<'_>) {
        let Frame { payload, substitute, budget } = frame;
        let is_over_half = state.waiting.talk + state.writing.talk > self.talk_limit / 2;
        let payload = substitute.filter(|_| is_over_half).unwrap_or(payload);
        if self.count(state, payload.len(), budget) {
            state.batch.frames.push(Opcode::Binary, payload);
        } else {
            state.cut_off();
        }
    }

    /// Queues the rest of these frames after their first `written` bytes.
    fn add_rest<'f>(&self, state: &mut State, frames: impl Iterator<Item = Frame<'f>>, mut written: usize) {
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
                // A partly written frame must be completed, even above the limit.
                state.batch.rest = Some(Box::new(whole));
                if !self.count(state, frame.payload.len(), frame.budget) {
                    state.cut_off();
                }
            }
        }
    }

    /// Adds a frame's cost. Returns false when that exceeds a limit.
    fn count(&self, state: &mut State, bytes: usize, budget: Budget) -> bool {
        let State { waiting, writing, .. } = state;
        let (waiting, writing, limit) = match budget {
            Budget::Talk => (&mut waiting.talk, writing.talk, self.talk_limit),
            Budget::Group => (&mut waiting.group, writing.group, self.group_limit),
        };
        let fits = *waiting + writing < limit;
        *waiting += bytes + OVERHEAD;
        let cost = state.cost();
        fits && state.share.grow(cost)
    }
}

#[cfg(test)]
mod tests;
