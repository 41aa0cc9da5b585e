//! Rooms in this process's memory, gone with it.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::ready,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use dashmap::{DashMap, Entry};
use subtle::ConstantTimeEq;
use wire::{CloseCode, Counter, MemberId, Refusal, RoomId, RoomName};

use super::{Later, RoomLog, Seat};
use crate::{
    Outbox, SecondHash,
    room::{Bounds, Claim, ConnectionId, Effect, Newcomer, Room},
};

/// Rooms in memory.
#[derive(Clone)]
pub struct MemoryLog(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    max_rooms: usize,
    rooms: DashMap<RoomId, Arc<Hosted>>,
    names: Mutex<Names>,
    /// When to look after which room.
    due: Mutex<BTreeSet<(Instant, RoomId)>>,
    connections: AtomicU64,
    stopping: AtomicBool,
}

/// Which names are in use. Locked while a room is made or dropped, never while frames go through.
#[derive(Default)]
struct Names {
    ids: HashMap<RoomName, RoomId>,
    folded: HashSet<String>,
    shaped: HashSet<String>,
}

/// A room and the connections to it.
struct Hosted(Mutex<Inner>);

struct Inner {
    room: Room,
    outboxes: HashMap<MemberId, Outbox>,
    effects: Vec<Effect>,
}

impl MemoryLog {
    /// No rooms yet.
    #[must_use]
    pub fn new(bounds: Bounds, max_rooms: usize) -> Self {
        Self(Arc::new(Shared {
            bounds,
            max_rooms,
            rooms: DashMap::new(),
            names: Mutex::default(),
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

impl Names {
    fn claim(&mut self, name: &RoomName, id: RoomId) -> Result<(), Refusal> {
        let skeleton = name.skeleton();
        if self.folded.contains(&skeleton.folded) || self.shaped.contains(&skeleton.shaped) {
            return Err(Refusal::RoomNameTaken);
        }
        self.folded.insert(skeleton.folded);
        self.shaped.insert(skeleton.shaped);
        self.ids.insert(name.clone(), id);
        Ok(())
    }

    fn free(&mut self, name: &RoomName) {
        let skeleton = name.skeleton();
        self.folded.remove(&skeleton.folded);
        self.shaped.remove(&skeleton.shaped);
        self.ids.remove(name);
    }
}

impl Shared {
    fn room(&self, id: RoomId) -> Option<Arc<Hosted>> {
        self.rooms.get(&id).map(|hosted| Arc::clone(&hosted))
    }

    /// Runs `change` on the room, then does what follows from it; drops the room if it is empty.
    fn with<T>(&self, hosted: &Arc<Hosted>, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = lock(&hosted.0);
        let outcome = change(&mut inner);
        let id = inner.room.id();
        let mut effects = mem::take(&mut inner.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send(to, frame) => {
                    if let Some(outbox) = inner.outboxes.get(&to) {
                        outbox.push(frame);
                    }
                }
                Effect::SendOthers(but, frame) => {
                    for (_, outbox) in inner.outboxes.iter().filter(|(to, _)| **to != but) {
                        outbox.push(frame.clone());
                    }
                }
                Effect::Close(who, code) => {
                    if let Some(outbox) = inner.outboxes.remove(&who) {
                        outbox.close(code);
                    }
                }
                Effect::Expire(at) => {
                    lock(&self.due).insert((at, id));
                }
            }
        }
        inner.effects = effects;
        if inner.room.is_empty() {
            let name = inner.room.name().clone();
            drop(inner);
            self.drop_room(id, &name, hosted);
        }
        outcome
    }

    /// Drops this very room: its name and id may be in use again by the time that its last connection ends.
    fn drop_room(&self, id: RoomId, name: &RoomName, hosted: &Arc<Hosted>) {
        let mut names = lock(&self.names);
        if self.rooms.remove_if(&id, |_, found| Arc::ptr_eq(found, hosted)).is_some() {
            names.free(name);
            tracing::debug!(rooms = self.rooms.len(), "a room is gone");
        }
    }

    fn create(&self, id: RoomId, name: RoomName, hash: SecondHash, creator: Newcomer) -> Result<MemberId, Refusal> {
        let mut names = lock(&self.names);
        if self.rooms.len() >= self.max_rooms {
            return Err(Refusal::ServerFull);
        }
        let mut room = Room::new(id, name.clone(), hash, self.bounds);
        let mut effects = Vec::new();
        let member = room.admit(creator, Instant::now(), &mut effects)?;
        let Entry::Vacant(place) = self.rooms.entry(id) else { return Err(Refusal::RoomIdTaken) };
        names.claim(&name, id)?;
        let hosted = Arc::new(Hosted(Mutex::new(Inner { room, outboxes: HashMap::new(), effects })));
        place.insert(Arc::clone(&hosted));
        drop(names);
        self.with(&hosted, |_| ());
        tracing::debug!(rooms = self.rooms.len(), "a room was made");
        Ok(member)
    }

    fn admit(&self, name: &RoomName, hash: &SecondHash, newcomer: Newcomer) -> Result<(RoomId, MemberId), Refusal> {
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
            let member = inner.room.admit(newcomer, Instant::now(), &mut inner.effects)?;
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
    ) -> Later<'_, Result<MemberId, Refusal>> {
        Box::pin(ready(self.0.create(id, name, hash, creator)))
    }

    fn admit(
        &self,
        name: RoomName,
        hash: SecondHash,
        newcomer: Newcomer,
    ) -> Later<'_, Result<(RoomId, MemberId), Refusal>> {
        Box::pin(ready(self.0.admit(&name, &hash, newcomer)))
    }

    fn follow(&self, id: RoomId, claim: Claim, outbox: Outbox) -> Later<'_, Result<Box<dyn Seat>, CloseCode>> {
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
                    inner.room.connect(&claim, connection, &mut inner.effects)?;
                    // Before the effects are carried out: the welcome is for the new connection.
                    if let Some(old) = inner.outboxes.insert(member, outbox) {
                        old.close(CloseCode::Replaced);
                    }
                    Ok(())
                })
                .map(|()| MemorySeat { log: Arc::clone(&self.0), hosted, member, connection }),
        };
        Box::pin(ready(followed.map(|seat| Box::new(seat) as Box<dyn Seat>)))
    }

    fn leave(&self, id: RoomId, claim: Claim) -> Later<'_, Result<(), CloseCode>> {
        let left = self.0.room(id).ok_or(CloseCode::UnknownToken).and_then(|hosted| {
            self.0.with(&hosted, |inner| {
                inner.room.check(&claim)?;
                inner.room.leave(claim.member_id, &mut inner.effects);
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
            for outbox in lock(&hosted.0).outboxes.values() {
                outbox.close(CloseCode::Stopping);
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
    fn append(&self, counter: Counter, sealed: &[u8]) -> Result<(), CloseCode> {
        self.log.with(&self.hosted, |inner| {
            inner.room.holds(self.member, self.connection)?;
            inner.room.append(self.member, counter, sealed, &mut inner.effects)
        })
    }

    fn leave(&self) {
        self.log.with(&self.hosted, |inner| {
            if inner.room.holds(self.member, self.connection).is_ok() {
                inner.room.leave(self.member, &mut inner.effects);
            }
        });
    }

    fn disconnect(&self, last_heard: Instant) {
        self.log.with(&self.hosted, |inner| {
            let before = inner.effects.len();
            inner.room.disconnect(self.member, self.connection, last_heard, &mut inner.effects);
            // Nothing follows where a newer connection took over: its outbox stays.
            if inner.effects.len() > before {
                inner.outboxes.remove(&self.member);
            }
        });
    }
}

impl Drop for MemorySeat {
    /// However a connection's task ends, its member does not stay connected.
    fn drop(&mut self) {
        self.disconnect(Instant::now());
    }
}
