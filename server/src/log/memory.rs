//! Rooms in this process's memory, gone with it.

use std::{
    collections::BTreeSet,
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use dashmap::{DashMap, Entry};
use subtle::ConstantTimeEq;
use tokio::task::yield_now;
use wire::{ClientFrame, CloseCode, MemberId, Refusal, RoomId, RoomName, Seq};

use super::{
    Later, RoomLog, Seat,
    dirty::Dirty,
    hosted::{Hosted, Inner, Next},
    lines::Step,
    lock,
    names::Names,
};
use crate::{
    Outbox, SecondHash, Total,
    room::{Bounds, Claim, ConnectionId, Ending, Newcomer, Room},
};

/// Of the rooms that have something to deliver, the share that is taken at once. Those that wait longer have more for one
/// write, but where there are many, each is to come to its turn before all others have had several.
const SHARE: usize = 16;
/// Connections that are written to in one turn, and those of one room more.
const WRITES: usize = 128;

/// Rooms in memory.
#[derive(Clone)]
pub struct MemoryLog(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    max_rooms: usize,
    rooms: DashMap<RoomId, Arc<Hosted>>,
    names: Mutex<Names>,
    /// Bytes of events that all rooms keep together, and at most.
    kept: AtomicUsize,
    max_kept: usize,
    /// Held while rooms forget.
    forgetting: Mutex<()>,
    /// Which have something to say to their connections.
    dirty: Dirty<Arc<Hosted>>,
    /// Bytes that wait, for all connections together.
    queues: Arc<Total>,
    /// When to look after which room.
    due: Mutex<BTreeSet<(Instant, RoomId)>>,
    connections: AtomicU64,
    stopping: AtomicBool,
}

impl MemoryLog {
    /// No rooms yet. Together they will keep so many bytes of events for those who come back, at most: where it is more,
    /// each forgets what goes beyond an even part of half of that. What waits to be delivered takes from what there is
    /// for all queues, and does not wait where that is not enough.
    #[must_use]
    pub fn new(bounds: Bounds, max_rooms: usize, max_kept: usize, queues: Arc<Total>) -> Self {
        Self(Arc::new(Shared {
            bounds,
            max_rooms,
            rooms: DashMap::new(),
            names: Mutex::default(),
            kept: AtomicUsize::new(0),
            max_kept,
            forgetting: Mutex::default(),
            dirty: Dirty::default(),
            queues,
            due: Mutex::default(),
            connections: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        }))
    }
}

impl Shared {
    fn room(&self, id: RoomId) -> Option<Arc<Hosted>> {
        self.rooms.get(&id).map(|hosted| Arc::clone(&hosted))
    }

    /// Runs `change` on the room, and sees to what follows from it; drops the room if it is empty.
    fn with<T>(&self, hosted: &Arc<Hosted>, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = hosted.lock();
        let kept = inner.room.kept();
        let outcome = change(&mut inner);
        let too_much = self.count(kept, inner.room.kept());
        let id = inner.room.id();
        inner.settle(|at| {
            lock(&self.due).insert((at, id));
        });
        let next = inner.next();
        let empty = inner.room.is_empty().then(|| inner.room.name().clone());
        if empty.is_some() {
            self.kept.fetch_sub(inner.room.kept(), Ordering::Relaxed);
            inner.room.forget(0);
        }
        drop(inner);
        if let Some(name) = empty {
            self.drop_room(id, &name, hosted);
        }
        if too_much {
            self.forget();
        }
        self.see_to(hosted, next);
        outcome
    }

    /// Sees to what waits for a room's connections.
    fn see_to(&self, hosted: &Arc<Hosted>, mut next: Next) {
        if next == Next::Deliver {
            (_, next) = hosted.try_deliver();
        }
        self.list(hosted, next);
    }

    /// Puts a room on the list that is to be on it, or to be delivered by someone who has not just done so.
    fn list(&self, hosted: &Arc<Hosted>, mut next: Next) {
        if next == Next::Deliver {
            next = hosted.lock().list();
        }
        if next == Next::List {
            self.dirty.add(Arc::clone(hosted));
        }
    }

    async fn deliver(&self) {
        let mut rooms = Vec::new();
        loop {
            self.dirty.take(|all| all.div_ceil(SHARE), &mut rooms).await;
            // Whoever has its turn now may have more for the same writes.
            yield_now().await;
            let mut writes = 0;
            for hosted in rooms.drain(..) {
                // Nobody waits for all that many rooms have to say.
                if writes > WRITES {
                    yield_now().await;
                    writes = 0;
                }
                let mut next = hosted.unlist();
                if next == Next::Deliver {
                    let count;
                    (count, next) = hosted.try_deliver();
                    writes += count;
                }
                self.list(&hosted, next);
            }
        }
    }

    /// Counts what a room keeps, which was so much before. Whether all of them keep too much.
    fn count(&self, before: usize, now: usize) -> bool {
        if now == before {
            return false;
        }
        let change = now.wrapping_sub(before);
        self.kept.fetch_add(change, Ordering::Relaxed).wrapping_add(change) > self.max_kept
    }

    /// Has every room forget what goes beyond an even part of half of what there is for all. Not only the one that
    /// says something: or rooms that filled it, and fell silent, would leave nothing to those that talk. The other half
    /// has to be filled before it is done again.
    fn forget(&self) {
        let Ok(_alone) = self.forgetting.try_lock() else { return };
        let rooms = self.all();
        let even = self.max_kept / 2 / rooms.len().max(1);
        for hosted in rooms {
            let mut inner = hosted.lock();
            let kept = inner.room.kept();
            inner.room.forget(even);
            self.count(kept, inner.room.kept());
        }
    }

    fn all(&self) -> Vec<Arc<Hosted>> {
        self.rooms.iter().map(|hosted| Arc::clone(&hosted)).collect()
    }

    /// Drops this very room: its name and id may be in use again by the time that its last connection ends.
    fn drop_room(&self, id: RoomId, name: &RoomName, hosted: &Arc<Hosted>) {
        let mut names = lock(&self.names);
        if self.rooms.remove_if(&id, |_, found| Arc::ptr_eq(found, hosted)).is_some() {
            names.free(name);
            tracing::debug!(rooms = self.rooms.len(), "a room is gone");
        }
    }

    fn create(
        &self,
        id: RoomId,
        name: RoomName,
        hash: SecondHash,
        creator: Newcomer,
        now: Instant,
    ) -> Result<MemberId, Refusal> {
        let mut names = lock(&self.names);
        if self.rooms.len() >= self.max_rooms {
            return Err(Refusal::ServerFull);
        }
        let mut room = Room::new(id, name.clone(), hash, self.bounds);
        let mut effects = Vec::new();
        let member = room.admit(creator, now, &mut effects)?;
        let Entry::Vacant(place) = self.rooms.entry(id) else { return Err(Refusal::RoomIdTaken) };
        names.claim(&name, id)?;
        let hosted = Arc::new(Hosted::new(room, effects, &self.queues));
        place.insert(Arc::clone(&hosted));
        drop(names);
        self.with(&hosted, |_| ());
        tracing::debug!(rooms = self.rooms.len(), "a room was made");
        Ok(member)
    }

    fn admit(
        &self,
        name: &RoomName,
        hash: &SecondHash,
        newcomer: Newcomer,
        now: Instant,
    ) -> Result<(RoomId, MemberId), Refusal> {
        let id = lock(&self.names).ids.get(name).copied();
        let Some((id, hosted)) = id.and_then(|id| Some((id, self.room(id)?))) else {
            // An unknown room takes the same steps as a wrong password.
            let _ = bool::from(SecondHash::NONE.ct_eq(hash));
            return Err(Refusal::WrongCredentials);
        };
        self.with(&hosted, |inner| {
            if !inner.room.opens_to(hash) || inner.room.is_empty() {
                return Err(Refusal::WrongCredentials);
            }
            let member = inner.room.admit(newcomer, now, &mut inner.effects)?;
            Ok((id, member))
        })
    }

    fn expire(&self, now: Instant) {
        loop {
            let id = {
                let mut due = lock(&self.due);
                match due.first() {
                    Some((at, _)) if *at <= now => due.pop_first().map(|(_, id)| id),
                    _ => return,
                }
            };
            if let Some(hosted) = id.and_then(|id| self.room(id)) {
                self.with(&hosted, |inner| inner.room.expire(now, &mut inner.effects));
            }
        }
    }
}

impl RoomLog for MemoryLog {
    fn create(
        &self,
        id: RoomId,
        name: RoomName,
        hash: SecondHash,
        creator: Newcomer,
        now: Instant,
    ) -> Later<'_, Result<MemberId, Refusal>> {
        Box::pin(ready(self.0.create(id, name, hash, creator, now)))
    }

    fn admit(
        &self,
        name: RoomName,
        hash: SecondHash,
        newcomer: Newcomer,
        now: Instant,
    ) -> Later<'_, Result<(RoomId, MemberId), Refusal>> {
        Box::pin(ready(self.0.admit(&name, &hash, newcomer, now)))
    }

    fn follow(
        &self,
        id: RoomId,
        claim: Claim,
        attempt: u32,
        seq: Seq,
        outbox: Outbox,
        now: Instant,
    ) -> Later<'_, Result<Box<dyn Seat>, CloseCode>> {
        let connection = ConnectionId(self.0.connections.fetch_add(1, Ordering::Relaxed));
        let member = claim.member_id;
        let followed = match self.0.room(id) {
            None => Err(CloseCode::UnknownToken),
            Some(hosted) => self
                .0
                .with(&hosted, |inner| {
                    // Looked at under the room's lock: whoever passes here is swept by `stop` after it.
                    if self.0.stopping.load(Ordering::SeqCst) {
                        return Err(CloseCode::Stopping);
                    }
                    inner.room.connect(&claim, attempt, seq, connection, now, &mut inner.effects)?;
                    // The welcome is for the new connection.
                    inner.first(Step::Come(member, outbox));
                    Ok(())
                })
                .map(|()| MemorySeat { log: Arc::clone(&self.0), hosted, member, connection }),
        };
        Box::pin(ready(followed.map(|seat| Box::new(seat) as Box<dyn Seat>)))
    }

    fn leave(&self, id: RoomId, claim: Claim, now: Instant) -> Later<'_, Result<(), CloseCode>> {
        let left = self.0.room(id).ok_or(CloseCode::UnknownToken).and_then(|hosted| {
            self.0.with(&hosted, |inner| {
                inner.room.check(&claim)?;
                inner.room.leave(claim.member_id, now, &mut inner.effects);
                Ok(())
            })
        });
        Box::pin(ready(left))
    }

    fn expire(&self, now: Instant) -> Later<'_, ()> {
        self.0.expire(now);
        Box::pin(ready(()))
    }

    fn stop(&self) -> Later<'_, ()> {
        self.0.stopping.store(true, Ordering::SeqCst);
        for hosted in self.0.all() {
            self.0.with(&hosted, |inner| inner.first(Step::Stop));
        }
        Box::pin(ready(()))
    }

    fn deliver(&self) -> Later<'_, ()> {
        Box::pin(self.0.deliver())
    }

    fn rooms(&self) -> usize {
        self.0.rooms.len()
    }
}

struct MemorySeat {
    log: Arc<Shared>,
    hosted: Arc<Hosted>,
    member: MemberId,
    connection: ConnectionId,
}

impl Seat for MemorySeat {
    fn take(&self, frame: &ClientFrame<'_>, now: Instant) -> Result<(), CloseCode> {
        let taken = self.log.with(&self.hosted, |inner| {
            inner.room.holds(self.member, self.connection)?;
            inner.room.take(self.member, frame, now, &mut inner.effects)
        });
        if let Err(CloseCode::UnknownToken | CloseCode::Replaced) = taken {
            // Whoever was put out is to hear why before it hears that it is out.
            self.log.list(&self.hosted, self.hosted.deliver());
        }
        taken
    }

    fn handed_over(&self) -> Option<Later<'_, ()>> {
        if self.hosted.is_round() {
            self.log.see_to(&self.hosted, Next::Deliver);
        }
        self.hosted.is_behind().then(|| -> Later<'_, ()> { Box::pin(self.hosted.caught_up()) })
    }

    fn leave(&self, now: Instant) {
        self.log.with(&self.hosted, |inner| {
            if inner.room.holds(self.member, self.connection).is_ok() {
                inner.room.leave(self.member, now, &mut inner.effects);
            }
        });
    }

    fn disconnect(&self, ending: Ending, now: Instant) {
        self.log.with(&self.hosted, |inner| {
            let Inner { room, effects, .. } = inner;
            // Where a newer connection took over, that one stays.
            if room.disconnect(self.member, self.connection, ending, now, effects) {
                inner.first(Step::Gone(self.member));
            }
        });
    }
}

impl Drop for MemorySeat {
    /// However a connection's task ends, its member does not stay connected.
    fn drop(&mut self) {
        let now = Instant::now();
        self.disconnect(Ending::Lost(now), now);
    }
}
