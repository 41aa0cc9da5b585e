//! A room that is here, and its connections.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, MutexGuard, TryLockError},
    time::Instant,
};

use tokio::sync::Notify;
use wire::MemberId;

use super::{
    lines::{Lines, Step},
    lock,
};
use crate::{
    Total,
    room::{Effect, Room},
    total::Share,
};

/// What follows from a message.
const USUAL_EFFECTS: usize = 2;
/// When so many bytes wait to be said to a room's connections, more would not save any writes: whoever brought them
/// delivers them, or waits for whoever does so already.
const WAITING_BYTES: usize = 128 * 1024;
/// Fewer than so many do not talk all at once.
const SEVERAL: usize = 2;

/// A room with its connections. The room goes on while they are written to.
pub(super) struct Hosted {
    inner: Mutex<Inner>,
    /// Whoever holds them delivers what waits, and then looks whether there is more.
    lines: Mutex<Lines>,
    /// What waited is being delivered.
    taken: Notify,
}

pub(super) struct Inner {
    pub(super) room: Room,
    /// Where calls of the room leave what follows.
    pub(super) effects: Vec<Effect>,
    waiting: Waiting,
    /// Whether the room is on the list of those that have something to deliver, and whether that was delivered since.
    listed: bool,
    overtaken: bool,
    /// How many connections there were at the last delivery.
    connected: usize,
    queues: Arc<Total>,
}

/// What a room's connections are to be brought.
#[derive(Default)]
struct Waiting {
    steps: Vec<Step>,
    bytes: usize,
    /// Of whom something waits that others are to hear.
    said_by: BTreeSet<MemberId>,
    /// What all of it takes from what there is for all queues.
    share: Option<Share>,
}

/// What is to be done about what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing, for whoever is told so.
    Nothing,
    /// The room is to be put on the list.
    List,
    /// It is to be delivered at once.
    Deliver,
}

impl Hosted {
    /// This room, to which `effects` happened. What waits takes from what there is for all `queues`.
    pub(super) fn new(room: Room, effects: Vec<Effect>, queues: &Arc<Total>) -> Self {
        let queues = Arc::clone(queues);
        let waiting = Waiting::default();
        let inner = Inner { room, effects, waiting, listed: false, overtaken: false, connected: 0, queues };
        Self { inner: Mutex::new(inner), lines: Mutex::default(), taken: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// The room was taken off the list. What is to be done about what waits: where the room was delivered since it was
    /// put there, what came after that has its own turn.
    pub(super) fn unlist(&self) -> Next {
        let mut inner = self.lock();
        inner.listed = false;
        if mem::take(&mut inner.overtaken) { inner.next() } else { Next::Deliver }
    }

    /// Delivers what waits, if nobody does so already who will look for more. To how many connections, and what is to
    /// be done about what came in the meantime.
    pub(super) fn try_deliver(&self) -> (usize, Next) {
        match self.lines.try_lock() {
            Ok(lines) => self.deliver_by(lines),
            Err(TryLockError::Poisoned(lines)) => self.deliver_by(lines.into_inner()),
            Err(TryLockError::WouldBlock) => (0, Next::Nothing),
        }
    }

    /// Delivers what waits, once nobody else does so.
    pub(super) fn deliver(&self) -> Next {
        self.deliver_by(lock(&self.lines)).1
    }

    fn deliver_by(&self, mut lines: MutexGuard<'_, Lines>) -> (usize, Next) {
        let waiting = mem::take(&mut self.lock().waiting);
        self.taken.notify_waiters();
        lines.carry_out(&waiting.steps);
        let count = lines.count();
        // Before the last look: whoever finds them held in the meantime relies on it.
        drop(lines);
        let mut inner = self.lock();
        inner.connected = count;
        inner.overtaken = inner.listed;
        (count, inner.next())
    }

    /// Whether everyone has said something: most likely nothing more comes before that is answered. Those who are to be
    /// written to were just read from, and what that takes is in the processor's cache still.
    pub(super) fn is_round(&self) -> bool {
        let inner = self.lock();
        inner.waiting.said_by.len() >= inner.connected.max(SEVERAL)
    }

    /// Whether more waits than one is to add to.
    pub(super) fn is_behind(&self) -> bool {
        self.lock().waiting.bytes > WAITING_BYTES
    }

    /// Waits until that is not so.
    pub(super) async fn caught_up(&self) {
        loop {
            let taken = self.taken.notified();
            if !self.is_behind() {
                return;
            }
            taken.await;
        }
    }
}

impl Inner {
    /// What is to be done before what follows from the room's next change.
    pub(super) fn first(&mut self, step: Step) {
        self.waiting.add(step);
    }

    /// Has what follows from a change wait for delivery, but for what is only to be done in time.
    pub(super) fn settle(&mut self, mut expire: impl FnMut(Instant)) {
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Expire(at) => expire(at),
                effect => self.waiting.add(Step::Effect(effect)),
            }
        }
        // What is usual is kept for the next time, what came of many at once is not.
        self.effects.shrink_to(USUAL_EFFECTS);
    }

    /// What is to be done about what waits. Whoever is told something does it.
    pub(super) fn next(&mut self) -> Next {
        let Waiting { steps, bytes, share, .. } = &mut self.waiting;
        if steps.is_empty() {
            return Next::Nothing;
        }
        let share = share.get_or_insert_with(|| Total::share(&self.queues));
        if *bytes > WAITING_BYTES || !share.grow(*bytes) {
            return Next::Deliver;
        }
        self.list()
    }

    /// Puts the room on the list, if it is not.
    pub(super) fn list(&mut self) -> Next {
        if mem::replace(&mut self.listed, true) { Next::Nothing } else { Next::List }
    }
}

impl Waiting {
    fn add(&mut self, step: Step) {
        self.bytes += mem::size_of::<Step>() + step.frame().map_or(0, |frame| frame.payload.len());
        if let Step::Effect(Effect::Relay { but, .. }) = &step {
            self.said_by.insert(*but);
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
    use wire::{MemberId, RoomId};

    use super::*;
    use crate::{Budget, Outbox, SecondHash, room::Bounds};

    fn hosted() -> Hosted {
        with_queues(&Total::new(usize::MAX))
    }

    fn with_queues(queues: &Arc<Total>) -> Hosted {
        let bounds = Bounds { members: 9, grace: std::time::Duration::ZERO, replay: 0 };
        Hosted::new(Room::new(RoomId([0; 16]), "Club".parse().unwrap(), SecondHash::NONE, bounds), Vec::new(), queues)
    }

    /// Something happens that takes so many bytes. What is to be done about it?
    fn happens(hosted: &Hosted, bytes: usize) -> Next {
        let mut inner = hosted.lock();
        inner.effects.push(Effect::Send(MemberId(1), Bytes::from(vec![0; bytes])));
        inner.settle(|_| ());
        inner.next()
    }

    #[test]
    fn a_room_is_listed_once() {
        let hosted = hosted();
        assert_eq!(hosted.lock().next(), Next::Nothing);
        assert_eq!(happens(&hosted, 1), Next::List);
        assert_eq!(happens(&hosted, 1), Next::Nothing);
        assert_eq!(hosted.try_deliver(), (0, Next::Nothing));
        assert_eq!(happens(&hosted, 1), Next::Nothing, "it is on the list still");
        assert_eq!(hosted.unlist(), Next::List);
        assert_eq!(hosted.unlist(), Next::Deliver);
        assert_eq!(hosted.try_deliver(), (0, Next::Nothing));
        assert_eq!(happens(&hosted, 1), Next::List);
    }

    #[test]
    fn who_brings_too_much_delivers_it() {
        let hosted = hosted();
        assert_eq!(happens(&hosted, WAITING_BYTES), Next::Deliver);
        assert!(hosted.is_behind());
        assert_eq!(hosted.deliver(), Next::Nothing);
        assert!(!hosted.is_behind());
        let small = (1..).find(|_| happens(&hosted, 1) == Next::Deliver);
        assert!(small.is_some_and(|count| count < WAITING_BYTES / 50), "what is tiny takes something too");
    }

    /// Someone says something; whether everyone has.
    fn says(hosted: &Hosted, who: u32) -> bool {
        let mut inner = hosted.lock();
        let frame = Bytes::from_static(b"Hi");
        let relayed = Effect::Relay { but: MemberId(who), frame, instead: None, budget: Budget::Talk };
        inner.effects.extend([relayed, Effect::Send(MemberId(who), Bytes::new())]);
        inner.settle(|_| ());
        drop(inner);
        hosted.is_round()
    }

    #[test]
    fn a_round_is_when_everyone_has_spoken() {
        let hosted = hosted();
        let does = |step| {
            hosted.lock().first(step);
            hosted.deliver();
        };
        let comes = |who| does(Step::Come(MemberId(who), Outbox::new(9999, 9999, &Total::new(usize::MAX))));
        comes(1);
        assert_eq!([1, 1, 1].map(|who| says(&hosted, who)), [false; 3], "nobody answers the only one");
        comes(2);
        comes(3);
        assert_eq!([1, 2, 1, 2, 3].map(|who| says(&hosted, who)), [false, false, false, false, true]);
        hosted.deliver();
        assert_eq!([3, 3, 2, 1].map(|who| says(&hosted, who)), [false, false, false, true], "the next one");
        does(Step::Gone(MemberId(3)));
        assert_eq!([2, 1].map(|who| says(&hosted, who)), [false, true], "of those who are there");
    }

    #[test]
    fn who_was_delivered_meanwhile_has_another_turn() {
        let hosted = hosted();
        assert_eq!(happens(&hosted, 1), Next::List);
        assert_eq!(hosted.deliver(), Next::Nothing);
        assert_eq!(happens(&hosted, 1), Next::Nothing, "it is on the list still");
        assert_eq!(hosted.unlist(), Next::List);
        assert_eq!(hosted.unlist(), Next::Deliver);
        assert_eq!(hosted.deliver(), Next::Nothing);
        assert_eq!(happens(&hosted, 1), Next::List);
        assert_eq!(hosted.deliver(), Next::Nothing);
        assert_eq!(hosted.unlist(), Next::Nothing, "nothing came since");
        assert_eq!(happens(&hosted, 1), Next::List);
    }

    #[test]
    fn where_all_wait_for_too_much_nothing_waits() {
        let queues = Total::new(32 * 1024);
        let (greedy, modest) = (with_queues(&queues), with_queues(&queues));
        assert_eq!(happens(&modest, 1), Next::List);
        assert_eq!(happens(&greedy, 11 * 1024), Next::List);
        assert_eq!(happens(&greedy, 11 * 1024), Next::Deliver);
        assert_eq!(happens(&modest, 1), Next::Nothing, "it has its place");
        assert_eq!(greedy.deliver(), Next::Nothing);
        assert_eq!(queues.used(), 4 * 1024);
        assert_eq!(modest.deliver(), Next::Nothing);
        assert_eq!(queues.used(), 0);
    }

    #[tokio::test]
    async fn whoever_delivers_looks_for_more() {
        let hosted = hosted();
        let lines = lock(&hosted.lines);
        assert_eq!(happens(&hosted, WAITING_BYTES), Next::Deliver);
        assert_eq!(hosted.try_deliver(), (0, Next::Nothing), "someone delivers, and will look");
        let mut waits = pin!(hosted.caught_up());
        assert!(poll(waits.as_mut()).is_pending());
        // Somebody takes what waits, and more comes.
        let waiting = mem::take(&mut hosted.lock().waiting);
        assert_eq!(waiting.steps.len(), 1);
        assert_eq!(happens(&hosted, 1), Next::List);
        assert_eq!(hosted.unlist(), Next::Deliver);
        assert_eq!(hosted.try_deliver(), (0, Next::Nothing));
        drop(lines);
        assert_eq!(hosted.lock().next(), Next::List, "the last look");
        assert_eq!(hosted.try_deliver(), (0, Next::Nothing));
        assert!(poll(waits).is_ready(), "whoever brought too much may bring more");
    }

    fn poll(future: Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn nobody_waits_where_little_waits() {
        let hosted = hosted();
        assert_eq!(happens(&hosted, 1), Next::List);
        hosted.caught_up().await;
    }

    #[test]
    fn what_is_to_be_done_in_time_does_not_wait() {
        let hosted = hosted();
        let (mut due, now) = (Vec::new(), Instant::now());
        let mut inner = hosted.lock();
        inner.effects.push(Effect::Expire(now));
        inner.settle(|at| due.push(at));
        assert_eq!(due, [now]);
        assert_eq!(inner.next(), Next::Nothing);
    }
}
