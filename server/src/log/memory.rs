//! Rooms in this process's memory, gone with it.

use std::{
    collections::{BTreeSet, HashMap},
    future::ready,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use dashmap::{DashMap, Entry};
use subtle::ConstantTimeEq;
use wire::{ClientFrame, CloseCode, MemberId, Refusal, RoomId, RoomName, Seq};

use super::{Later, RoomLog, Seat, names::Names};
use crate::{
    Budget, Outbox, SecondHash,
    room::{Bounds, Claim, ConnectionId, Effect, Ending, Newcomer, Room},
};

/// What follows from a message.
const USUAL_EFFECTS: usize = 2;

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
    /// When to look after which room.
    due: Mutex<BTreeSet<(Instant, RoomId)>>,
    connections: AtomicU64,
    stopping: AtomicBool,
}

/// A room and the connections to it.
struct Hosted(Mutex<Inner>);

struct Inner {
    room: Room,
    lines: HashMap<MemberId, Line>,
    effects: Vec<Effect>,
}

/// A member's connection.
struct Line {
    outbox: Outbox,
    /// Whether it receives what happens in the group.
    follows: bool,
}

impl MemoryLog {
    /// No rooms yet. Together they will keep so many bytes of events for those who come back, at most.
    #[must_use]
    pub fn new(bounds: Bounds, max_rooms: usize, max_kept: usize) -> Self {
        Self(Arc::new(Shared {
            bounds,
            max_rooms,
            rooms: DashMap::new(),
            names: Mutex::default(),
            kept: AtomicUsize::new(0),
            max_kept,
            due: Mutex::default(),
            connections: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave a room half changed in a way that matters more than losing it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn follow(&mut self, who: MemberId, follows: bool) {
        if let Some(line) = self.lines.get_mut(&who) {
            line.follows = follows;
        }
    }
}

impl Shared {
    fn room(&self, id: RoomId) -> Option<Arc<Hosted>> {
        self.rooms.get(&id).map(|hosted| Arc::clone(&hosted))
    }

    /// Runs `change` on the room, then does what follows from it; drops the room if it is empty.
    fn with<T>(&self, hosted: &Arc<Hosted>, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = lock(&hosted.0);
        let kept = inner.room.kept();
        let outcome = change(&mut inner);
        self.count(kept, &mut inner.room);
        let id = inner.room.id();
        let mut effects = mem::take(&mut inner.effects);
        for effect in effects.drain(..) {
            match effect {
                // What is for one member alone is rare, or was asked for.
                Effect::Send(to, frame) => {
                    if let Some(line) = inner.lines.get(&to) {
                        line.outbox.push(&frame, Budget::Group);
                    }
                }
                Effect::Relay { but, frame, instead, budget } => {
                    for (_, line) in inner.lines.iter().filter(|(to, line)| line.follows && **to != but) {
                        match &instead {
                            Some(instead) => line.outbox.push_or(&frame, instead),
                            None => line.outbox.push(&frame, budget),
                        }
                    }
                }
                Effect::Follow(who) => inner.follow(who, true),
                Effect::Unfollow(who) => inner.follow(who, false),
                Effect::Close(who, code) => {
                    if let Some(line) = inner.lines.remove(&who) {
                        line.outbox.close(code);
                    }
                }
                Effect::Expire(at) => {
                    lock(&self.due).insert((at, id));
                }
            }
        }
        // What is usual is kept for the next time, what came of many at once is not.
        effects.shrink_to(USUAL_EFFECTS);
        inner.effects = effects;
        if inner.room.is_empty() {
            let name = inner.room.name().clone();
            self.kept.fetch_sub(inner.room.kept(), Ordering::Relaxed);
            inner.room.forget(0);
            drop(inner);
            self.drop_room(id, &name, hosted);
        }
        outcome
    }

    /// Counts what a room keeps, which was so much before. Where all rooms keep too much, this one forgets.
    fn count(&self, before: usize, room: &mut Room) {
        let now = room.kept();
        if now == before {
            return;
        }
        let others = self.kept.fetch_add(now.wrapping_sub(before), Ordering::Relaxed).wrapping_sub(before);
        if now > before {
            room.forget(self.max_kept.saturating_sub(others));
            self.kept.fetch_sub(now - room.kept(), Ordering::Relaxed);
        }
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
        let hosted = Arc::new(Hosted(Mutex::new(Inner { room, lines: HashMap::new(), effects })));
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
                    // Before the effects are carried out: the welcome is for the new connection.
                    if let Some(old) = inner.lines.insert(member, Line { outbox, follows: false }) {
                        old.outbox.close(CloseCode::Replaced);
                    }
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
        for hosted in &self.0.rooms {
            for line in lock(&hosted.0).lines.values() {
                line.outbox.close(CloseCode::Stopping);
            }
        }
        Box::pin(ready(()))
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
        self.log.with(&self.hosted, |inner| {
            inner.room.holds(self.member, self.connection)?;
            inner.room.take(self.member, frame, now, &mut inner.effects)
        })
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
            let Inner { room, lines, effects } = inner;
            // Where a newer connection took over, its line stays.
            if room.disconnect(self.member, self.connection, ending, now, effects) {
                lines.remove(&self.member);
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
