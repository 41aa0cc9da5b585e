//! A room and its members' connections.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, MutexGuard, TryLockError},
};

use room::{Effect, Input, Millis, Outcome, Room};
use tokio::sync::Notify;
use wire::{CloseCode, MemberId};

use super::{
    connections::{Connections, Step},
    lock,
};
use crate::{MemoryBudget, Outbox, memory_budget::BudgetShare};

/// The effects of one message, which is the most common input.
const USUAL_EFFECTS: usize = 2;
/// Above this many queued bytes for a room's connections, more bytes would not save any writes. The task that exceeds
/// it delivers, or waits for the task that is delivering.
const HIGH_WATER: usize = 128 * 1024;
/// A room with fewer connections has no conversation in which all members send at once.
const SEVERAL: usize = 2;

/// A room and its members' connections. Writing to connections does not hold the room's lock.
pub(super) struct LiveRoom {
    inner: Mutex<Inner>,
    /// The task that holds this lock delivers the queue, and then checks for more.
    connections: Mutex<Connections>,
    /// Notified when the queue is taken for delivery.
    taken: Notify,
}

pub(super) struct Inner {
    pub(super) room: Room,
    /// The effects of the last input, until they are sorted. Kept to reuse their memory.
    effects: Vec<Effect>,
    queue: StepQueue,
    /// True when the room is on the dirty list.
    is_listed: bool,
    /// True when the room was delivered after it was put on the dirty list.
    is_overtaken: bool,
    /// The number of connections at the last delivery.
    connected: usize,
    memory: Arc<MemoryBudget>,
}

/// The steps that wait for delivery to a room's connections.
#[derive(Default)]
struct StepQueue {
    steps: Vec<Step>,
    bytes: usize,
    /// The authors of the broadcasts among them.
    authors: BTreeSet<MemberId>,
    /// The steps' share of the memory budget.
    share: Option<BudgetShare>,
}

/// A room's answer to one input.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) outcome: Option<Outcome>,
    /// The code to close this input's connection with.
    pub(super) refused: Option<CloseCode>,
    /// The earliest time at which the room wants a tick, if it asked for one.
    pub(super) wake: Option<Millis>,
}

/// The caller's next step for a room's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    /// Put the room on the dirty list.
    List,
    /// Deliver at once.
    Deliver,
}

impl LiveRoom {
    /// Wraps a new room, whose creation had these effects. Its queue takes its bytes from the budget `memory`.
    pub(super) fn new(room: Room, effects: Vec<Effect>, memory: &Arc<MemoryBudget>) -> Self {
        let inner = Inner {
            room,
            effects,
            queue: StepQueue::default(),
            is_listed: false,
            is_overtaken: false,
            connected: 0,
            memory: Arc::clone(memory),
        };
        Self { inner: Mutex::new(inner), connections: Mutex::default(), taken: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Called when the delivery task pops the room from the dirty list. Returns `Deliver`, or `List` if the room was
    /// delivered after it was listed and has new frames since.
    pub(super) fn unlist(&self) -> Next {
        let mut inner = self.lock();
        inner.is_listed = false;
        if mem::take(&mut inner.is_overtaken) { inner.next() } else { Next::Deliver }
    }

    /// Delivers the queue, unless another task is delivering: that one looks for more when it is done. Returns the
    /// number of connections, and what to do about frames that were queued in the meantime.
    pub(super) fn try_deliver(&self) -> (usize, Next) {
        match self.connections.try_lock() {
            Ok(connections) => self.deliver_to(connections),
            Err(TryLockError::Poisoned(connections)) => self.deliver_to(connections.into_inner()),
            Err(TryLockError::WouldBlock) => (0, Next::Nothing),
        }
    }

    /// Delivers the queue, after any other task that is delivering.
    pub(super) fn deliver(&self) -> Next {
        self.deliver_to(lock(&self.connections)).1
    }

    fn deliver_to(&self, mut connections: MutexGuard<'_, Connections>) -> (usize, Next) {
        let queue = mem::take(&mut self.lock().queue);
        self.taken.notify_waiters();
        connections.carry_out(&queue.steps);
        let count = connections.count();
        // Releases the lock before the last check of the queue. A task that finds the lock taken relies on that check.
        drop(connections);
        let mut inner = self.lock();
        inner.connected = count;
        inner.is_overtaken = inner.is_listed;
        (count, inner.next())
    }

    /// True when as many members have caused broadcasts since the last delivery as are connected. Then all of them have
    /// probably spoken: more input is unlikely before these frames are answered, and the sockets to write to are still in
    /// the processor's cache. Deliver now.
    pub(super) fn all_have_sent(&self) -> bool {
        let inner = self.lock();
        inner.queue.authors.len() >= inner.connected.max(SEVERAL)
    }

    /// True when queued bytes exceed [`HIGH_WATER`]: readers must wait for [`LiveRoom::caught_up`].
    pub(super) fn is_over_high_water(&self) -> bool {
        self.lock().queue.bytes > HIGH_WATER
    }

    /// Waits until the queue is below [`HIGH_WATER`].
    pub(super) async fn caught_up(&self) {
        loop {
            let taken = self.taken.notified();
            if !self.is_over_high_water() {
                return;
            }
            taken.await;
        }
    }
}

impl Inner {
    /// Applies one input to the room and queues the effects. `opening` is the outbox of the connection that the input
    /// opens, if it is [`Input::Connect`].
    pub(super) fn apply(&mut self, at: Millis, input: Input<'_>, opening: Option<Outbox>) -> Reply {
        self.room.apply(at, input, &mut self.effects);
        self.queue_effects(opening)
    }

    /// Queues the effects for delivery. Returns those that the store carries out itself.
    pub(super) fn queue_effects(&mut self, mut opening: Option<Outbox>) -> Reply {
        let mut reply = Reply::default();
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Answer(_, outcome) => reply.outcome = Some(outcome),
                Effect::Refuse(_, code) => reply.refused = Some(code),
                Effect::Wake(at) => reply.wake = Some(reply.wake.map_or(at, |wake| wake.min(at))),
                Effect::Open(member, _) => {
                    if let Some(outbox) = opening.take() {
                        self.queue.add(Step::Open(member, outbox));
                    }
                }
                effect => self.queue.add(Step::Effect(effect)),
            }
        }
        // Keeps memory for the usual number of effects only.
        self.effects.shrink_to(USUAL_EFFECTS);
        reply
    }

    /// Queues the end of all connections.
    pub(super) fn stop(&mut self) {
        self.queue.add(Step::Stop);
    }

    /// Returns the next step for the queue. The caller must perform it, because it is not returned again.
    pub(super) fn next(&mut self) -> Next {
        let StepQueue { steps, bytes, share, .. } = &mut self.queue;
        if steps.is_empty() {
            return Next::Nothing;
        }
        let share = share.get_or_insert_with(|| MemoryBudget::share(&self.memory));
        if *bytes > HIGH_WATER || !share.grow(*bytes) {
            return Next::Deliver;
        }
        self.list()
    }

    /// Marks the room as listed. Returns `List` if it was not.
    pub(super) fn list(&mut self) -> Next {
        if mem::replace(&mut self.is_listed, true) { Next::Nothing } else { Next::List }
    }
}

impl StepQueue {
    fn add(&mut self, step: Step) {
        self.bytes += mem::size_of::<Step>() + step.frame().map_or(0, |frame| frame.payload.len());
        if let Step::Effect(Effect::Broadcast { except, .. }) = &step {
            self.authors.insert(*except);
        }
        self.steps.push(step);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };

    use bytes::Bytes;
    use room::{Bounds, Budget, Create, Newcomer, SecondHash, TokenHash};
    use wire::RoomId;

    use super::*;

    fn live_room() -> LiveRoom {
        with_memory(&MemoryBudget::new(usize::MAX))
    }

    fn with_memory(memory: &Arc<MemoryBudget>) -> LiveRoom {
        let address = std::net::IpAddr::from([192, 0, 2, 1]).into();
        let create = Create {
            id: RoomId([0; 16]),
            name: "Club".parse().unwrap(),
            hash: SecondHash::NONE,
            bounds: Bounds { members: 9, grace: std::time::Duration::ZERO, replay: 0 },
            creator: Newcomer { user: "Ana".parse().unwrap(), token: TokenHash::from([0; 32]), address },
        };
        LiveRoom::new(Room::create(Millis(0), create, &mut Vec::new()).0, Vec::new(), memory)
    }

    /// Queues a frame of this many bytes. Returns the next step.
    fn queue(room: &LiveRoom, bytes: usize) -> Next {
        let mut inner = room.lock();
        inner.effects.push(Effect::Send(MemberId(1), Bytes::from(vec![0; bytes])));
        inner.queue_effects(None);
        inner.next()
    }

    #[test]
    fn room_is_listed_once() {
        let room = live_room();
        assert_eq!(room.lock().next(), Next::Nothing);
        assert_eq!(queue(&room, 1), Next::List);
        assert_eq!(queue(&room, 1), Next::Nothing);
        assert_eq!(room.try_deliver(), (0, Next::Nothing));
        assert_eq!(queue(&room, 1), Next::Nothing, "it is still listed");
        assert_eq!(room.unlist(), Next::List);
        assert_eq!(room.unlist(), Next::Deliver);
        assert_eq!(room.try_deliver(), (0, Next::Nothing));
        assert_eq!(queue(&room, 1), Next::List);
    }

    #[test]
    fn high_water_forces_delivery() {
        let room = live_room();
        assert_eq!(queue(&room, HIGH_WATER), Next::Deliver);
        assert!(room.is_over_high_water());
        assert_eq!(room.deliver(), Next::Nothing);
        assert!(!room.is_over_high_water());
        let small = (1..).find(|_| queue(&room, 1) == Next::Deliver);
        assert!(small.is_some_and(|count| count < HIGH_WATER / 50), "even tiny frames cost something");
    }

    /// Lets a member send a frame. Returns whether all have sent.
    fn sends(room: &LiveRoom, member: u32) -> bool {
        let mut inner = room.lock();
        let (except, frame) = (MemberId(member), Bytes::from_static(b"Hi"));
        let broadcast = Effect::Broadcast { except, frame, substitute: None, budget: Budget::Talk };
        inner.effects.extend([broadcast, Effect::Send(except, Bytes::new())]);
        inner.queue_effects(None);
        drop(inner);
        room.all_have_sent()
    }

    #[test]
    fn all_have_sent_counts_connected_members() {
        let room = live_room();
        let carry_out = |step| {
            room.lock().queue.add(step);
            room.deliver();
        };
        let open =
            |member| carry_out(Step::Open(MemberId(member), Outbox::new(9999, 9999, &MemoryBudget::new(usize::MAX))));
        open(1);
        assert_eq!([1, 1, 1].map(|member| sends(&room, member)), [false; 3], "nobody answers a lone member");
        open(2);
        open(3);
        assert_eq!([1, 2, 1, 2, 3].map(|member| sends(&room, member)), [false, false, false, false, true]);
        room.deliver();
        assert_eq!([3, 3, 2, 1].map(|member| sends(&room, member)), [false, false, false, true], "the next round");
        carry_out(Step::Effect(Effect::Gone(MemberId(3))));
        assert_eq!([2, 1].map(|member| sends(&room, member)), [false, true], "only connected members count");
    }

    #[test]
    fn room_delivered_while_listed_is_listed_again() {
        let room = live_room();
        assert_eq!(queue(&room, 1), Next::List);
        assert_eq!(room.deliver(), Next::Nothing);
        assert_eq!(queue(&room, 1), Next::Nothing, "it is still listed");
        assert_eq!(room.unlist(), Next::List);
        assert_eq!(room.unlist(), Next::Deliver);
        assert_eq!(room.deliver(), Next::Nothing);
        assert_eq!(queue(&room, 1), Next::List);
        assert_eq!(room.deliver(), Next::Nothing);
        assert_eq!(room.unlist(), Next::Nothing, "nothing was queued since");
        assert_eq!(queue(&room, 1), Next::List);
    }

    #[test]
    fn global_queue_limit_forces_delivery() {
        let memory = MemoryBudget::new(32 * 1024);
        let (greedy, modest) = (with_memory(&memory), with_memory(&memory));
        assert_eq!(queue(&modest, 1), Next::List);
        assert_eq!(queue(&greedy, 11 * 1024), Next::List);
        assert_eq!(queue(&greedy, 11 * 1024), Next::Deliver);
        assert_eq!(queue(&modest, 1), Next::Nothing, "it is listed already");
        assert_eq!(greedy.deliver(), Next::Nothing);
        assert_eq!(memory.used(), 4 * 1024);
        assert_eq!(modest.deliver(), Next::Nothing);
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test]
    async fn delivering_task_checks_for_more() {
        let room = live_room();
        let connections = lock(&room.connections);
        assert_eq!(queue(&room, HIGH_WATER), Next::Deliver);
        assert_eq!(room.try_deliver(), (0, Next::Nothing), "another task delivers, and will check");
        let mut waits = pin!(room.caught_up());
        assert!(poll(waits.as_mut()).is_pending());
        // That task takes the queue, and more is queued.
        let taken = mem::take(&mut room.lock().queue);
        assert_eq!(taken.steps.len(), 1);
        assert_eq!(queue(&room, 1), Next::List);
        assert_eq!(room.unlist(), Next::Deliver);
        assert_eq!(room.try_deliver(), (0, Next::Nothing));
        drop(connections);
        assert_eq!(room.lock().next(), Next::List, "the last check");
        assert_eq!(room.try_deliver(), (0, Next::Nothing));
        assert!(poll(waits).is_ready(), "the readers continue");
    }

    fn poll(future: Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn readers_do_not_wait_below_high_water() {
        let room = live_room();
        assert_eq!(queue(&room, 1), Next::List);
        room.caught_up().await;
    }

    #[test]
    fn effects_for_the_store_are_not_queued() {
        let room = live_room();
        let mut inner = room.lock();
        let outcome = Outcome::Left(Ok(()));
        let answer = Effect::Answer(room::RequestId(1), outcome.clone());
        let refused = Effect::Refuse(room::ConnectionId(1), CloseCode::TooBig);
        inner.effects.extend([Effect::Wake(Millis(7)), answer, refused, Effect::Wake(Millis(5))]);
        let reply = inner.queue_effects(None);
        assert_eq!((reply.outcome, reply.refused), (Some(outcome), Some(CloseCode::TooBig)));
        assert_eq!(reply.wake, Some(Millis(5)));
        assert_eq!(inner.next(), Next::Nothing);
    }
}
