//! Rooms in this process's memory.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Instant,
};

use dashmap::{DashMap, Entry};
use room::{Bounds, Claim, ConnectionId, Create, Input, Millis, Newcomer, Outcome, RequestId, Room, SecondHash};
use subtle::ConstantTimeEq;
use tokio::task::yield_now;
use wire::{ClientFrame, CloseCode, MemberId, Refusal, RoomId, RoomName, Seq};

use super::{
    Ending,
    clock::Clock,
    dirty_list::DirtyList,
    live_room::{Inner, LiveRoom, Next, Reply},
    lock,
    names::Names,
};
use crate::{MemoryBudget, Outbox, ws};

// An outbox copies every frame that may share a page of the replay buffer.
const _: () = assert!(room::PAGED_BYTES <= ws::MAX_COPIED_BYTES);

/// A delivery task takes one of this many parts of the dirty list at a time. The rest of the list waits longer, and gathers
/// more frames for one write. A smaller part would let busy rooms have several turns before a quiet one has its first.
const PARTS: usize = 16;
/// A delivery task yields after writes to this many connections.
const WRITES: usize = 128;

/// The store of rooms. Clones share the rooms.
#[derive(Clone)]
pub struct Store(Arc<Rooms>);

struct Rooms {
    bounds: Bounds,
    max_rooms: usize,
    clock: Clock,
    rooms: DashMap<RoomId, Arc<LiveRoom>>,
    names: Mutex<Names>,
    /// Bytes in the replay buffers of all rooms together.
    replay_bytes: AtomicUsize,
    max_replay_bytes: usize,
    /// Held while rooms are trimmed.
    trimming: Mutex<()>,
    /// Rooms with frames to deliver.
    dirty: DirtyList<Arc<LiveRoom>>,
    /// The memory budget for queued frames, shared with all outboxes.
    memory: Arc<MemoryBudget>,
    /// The times at which rooms want a tick.
    wakes: Mutex<BTreeSet<(Millis, RoomId)>>,
    /// The last id of a connection or a request.
    last_id: AtomicU64,
    is_stopping: AtomicBool,
}

impl Store {
    /// A store without rooms. When all replay buffers together exceed `max_replay_bytes`, each is trimmed to half of
    /// that divided by the number of rooms. Queued frames take their bytes from `memory`; when it is used up, frames
    /// are delivered at once.
    #[must_use]
    pub fn new(bounds: Bounds, max_rooms: usize, max_replay_bytes: usize, memory: Arc<MemoryBudget>) -> Self {
        Self(Arc::new(Rooms {
            bounds,
            max_rooms,
            clock: Clock::new(),
            rooms: DashMap::new(),
            names: Mutex::default(),
            replay_bytes: AtomicUsize::new(0),
            max_replay_bytes,
            trimming: Mutex::default(),
            dirty: DirtyList::default(),
            memory,
            wakes: Mutex::default(),
            last_id: AtomicU64::new(0),
            is_stopping: AtomicBool::new(false),
        }))
    }

    /// Creates a room with its first member.
    ///
    /// # Errors
    /// [`Refusal::RoomNameTaken`], [`Refusal::RoomIdTaken`], [`Refusal::ServerFull`].
    pub fn create(
        &self,
        id: RoomId,
        name: RoomName,
        hash: SecondHash,
        creator: Newcomer,
        now: Instant,
    ) -> Result<MemberId, Refusal> {
        let mut names = lock(&self.0.names);
        if self.0.rooms.len() >= self.0.max_rooms {
            return Err(Refusal::ServerFull);
        }
        let Entry::Vacant(place) = self.0.rooms.entry(id) else { return Err(Refusal::RoomIdTaken) };
        names.claim(&name, id)?;
        let mut effects = Vec::new();
        let create = Create { id, name, hash, bounds: self.0.bounds, creator };
        let (room, member) = Room::create(self.0.clock.at(now), create, &mut effects);
        let room = Arc::new(LiveRoom::new(room, effects, &self.0.memory));
        place.insert(Arc::clone(&room));
        drop(names);
        self.0.change(&room, |inner| inner.queue_effects(None));
        tracing::debug!(rooms = self.0.rooms.len(), "room created");
        Ok(member)
    }

    /// Admits a newcomer.
    ///
    /// # Errors
    /// [`Refusal::WrongCredentials`] if there is no such room or `hash` is not its hash; then, and only then,
    /// [`Refusal::UserNameTaken`] and [`Refusal::RoomFull`].
    pub fn admit(
        &self,
        name: &RoomName,
        hash: SecondHash,
        newcomer: Newcomer,
        now: Instant,
    ) -> Result<(RoomId, MemberId), Refusal> {
        let id = lock(&self.0.names).ids.get(name).copied();
        let Some((id, room)) = id.and_then(|id| Some((id, self.0.room(id)?))) else {
            // A request for an unknown room takes the same steps as one with a wrong password.
            let _ = bool::from(SecondHash::NONE.ct_eq(&hash));
            return Err(Refusal::WrongCredentials);
        };
        let request = RequestId(self.0.next_id());
        match self.0.apply(&room, now, Input::Admit { request, newcomer, hash }).outcome {
            Some(Outcome::Admitted(admitted)) => admitted.map(|member| (id, member)),
            _ => Err(Refusal::Internal),
        }
    }

    /// Connects a member. From now on, `outbox` gets every frame for the member: first the welcome, then the events
    /// that it missed after `seq`, then new ones.
    ///
    /// # Errors
    /// Those of [`Input::Connect`]; [`CloseCode::Stopping`] when the server stops.
    pub fn connect(
        &self,
        id: RoomId,
        claim: Claim,
        attempt: u32,
        seq: Seq,
        outbox: Outbox,
        now: Instant,
    ) -> Result<Seat, CloseCode> {
        let room = self.0.room(id).ok_or(CloseCode::UnknownToken)?;
        let (member, connection) = (claim.member_id, ConnectionId(self.0.next_id()));
        let reply = self.0.change(&room, |inner| {
            // Checked under the room's lock: `stop` closes every connection that passes here before it.
            if self.0.is_stopping.load(Ordering::SeqCst) {
                return Reply { refused: Some(CloseCode::Stopping), ..Reply::default() };
            }
            inner.apply(self.0.clock.at(now), Input::Connect { claim, attempt, seq, connection }, Some(outbox))
        });
        match reply.refused {
            Some(code) => Err(code),
            None => Ok(Seat { store: Arc::clone(&self.0), room, member, connection }),
        }
    }

    /// A member leaves without its connection.
    ///
    /// # Errors
    /// Those of [`Outcome::Left`].
    pub fn leave(&self, id: RoomId, claim: Claim, now: Instant) -> Result<(), CloseCode> {
        let room = self.0.room(id).ok_or(CloseCode::UnknownToken)?;
        match self.0.apply(&room, now, Input::Leave { request: RequestId(self.0.next_id()), claim }).outcome {
            Some(Outcome::Left(left)) => left,
            _ => Err(CloseCode::UnknownToken),
        }
    }

    /// Gives every room a tick that asked for one by now.
    pub fn tick(&self, now: Instant) {
        let at = self.0.clock.at(now);
        loop {
            let id = {
                let mut wakes = lock(&self.0.wakes);
                match wakes.first() {
                    Some((wake, _)) if *wake <= at => wakes.pop_first().map(|(_, id)| id),
                    _ => return,
                }
            };
            if let Some(room) = id.and_then(|id| self.0.room(id)) {
                self.0.apply(&room, now, Input::Tick);
            }
        }
    }

    /// Delivers queued frames to outboxes, without end. Nothing reaches an outbox without it. Several tasks may run it,
    /// and share the work.
    pub async fn deliver(&self) {
        self.0.deliver().await;
    }

    /// Closes every connection with [`CloseCode::Stopping`].
    pub fn stop(&self) {
        self.0.is_stopping.store(true, Ordering::SeqCst);
        for room in self.0.all() {
            self.0.change(&room, |inner| {
                inner.stop();
                Reply::default()
            });
        }
    }

    /// Returns the number of rooms.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.0.rooms.len()
    }
}

impl Rooms {
    fn room(&self, id: RoomId) -> Option<Arc<LiveRoom>> {
        self.rooms.get(&id).map(|room| Arc::clone(&room))
    }

    fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Applies one input to a room and handles the consequences.
    fn apply(&self, room: &Arc<LiveRoom>, now: Instant, input: Input<'_>) -> Reply {
        self.change(room, |inner| inner.apply(self.clock.at(now), input, None))
    }

    /// Changes a room under its lock: counts its replay buffer, notes when it wants a tick, removes it if it is empty,
    /// and has its queue delivered.
    fn change(&self, room: &Arc<LiveRoom>, change: impl FnOnce(&mut Inner) -> Reply) -> Reply {
        let mut inner = room.lock();
        let before = inner.room.replay_bytes();
        let reply = change(&mut inner);
        let is_too_much = self.count_replay(before, inner.room.replay_bytes());
        let id = inner.room.id();
        if let Some(at) = reply.wake {
            lock(&self.wakes).insert((at, id));
        }
        let next = inner.next();
        let empty = inner.room.is_empty().then(|| inner.room.name().clone());
        drop(inner);
        if let Some(name) = empty {
            self.remove(id, &name, room);
        }
        if is_too_much {
            self.trim();
        }
        self.follow_up(room, next);
        reply
    }

    /// Delivers a room's queue or puts it on the dirty list.
    fn follow_up(&self, room: &Arc<LiveRoom>, mut next: Next) {
        if next == Next::Deliver {
            (_, next) = room.try_deliver();
        }
        self.list(room, next);
    }

    /// Puts a room on the dirty list, even if its next step is a delivery, because the caller has just delivered it.
    fn list(&self, room: &Arc<LiveRoom>, mut next: Next) {
        if next == Next::Deliver {
            next = room.lock().list();
        }
        if next == Next::List {
            self.dirty.add(Arc::clone(room));
        }
    }

    async fn deliver(&self) {
        let mut rooms = Vec::new();
        loop {
            self.dirty.take(|all| all.div_ceil(PARTS), &mut rooms).await;
            // Connections that are ready now may add frames to the same writes.
            yield_now().await;
            let mut writes = 0;
            for room in rooms.drain(..) {
                // Other tasks do not wait until many rooms are drained.
                if writes > WRITES {
                    yield_now().await;
                    writes = 0;
                }
                let mut next = room.unlist();
                if next == Next::Deliver {
                    let count;
                    (count, next) = room.try_deliver();
                    writes += count;
                }
                self.list(&room, next);
            }
        }
    }

    /// Counts the change of a room's replay buffer. Returns true when all of them together exceed the limit.
    fn count_replay(&self, before: usize, now: usize) -> bool {
        if now == before {
            return false;
        }
        let change = now.wrapping_sub(before);
        self.replay_bytes.fetch_add(change, Ordering::Relaxed).wrapping_add(change) > self.max_replay_bytes
    }

    /// Trims every room's replay buffer to half of the limit divided by the number of rooms. If only the room that adds
    /// to it were trimmed, rooms that filled their buffers and fell silent would leave nothing to rooms that talk. The
    /// other half has to be filled before this happens again.
    fn trim(&self) {
        let Ok(_alone) = self.trimming.try_lock() else { return };
        let rooms = self.all();
        let bytes = self.max_replay_bytes / 2 / rooms.len().max(1);
        let at = self.clock.at(Instant::now());
        for room in rooms {
            let mut inner = room.lock();
            let before = inner.room.replay_bytes();
            if before > bytes {
                inner.apply(at, Input::Trim { bytes }, None);
                self.count_replay(before, inner.room.replay_bytes());
            }
        }
    }

    fn all(&self) -> Vec<Arc<LiveRoom>> {
        self.rooms.iter().map(|room| Arc::clone(&room)).collect()
    }

    /// Removes this very room. Its name and id may be in use again by the time that its last connection ends.
    fn remove(&self, id: RoomId, name: &RoomName, room: &Arc<LiveRoom>) {
        let mut names = lock(&self.names);
        if self.rooms.remove_if(&id, |_, found| Arc::ptr_eq(found, room)).is_some() {
            names.free(name);
            tracing::debug!(rooms = self.rooms.len(), "room removed");
        }
    }
}

/// A connected member's handle to its room.
pub struct Seat {
    store: Arc<Rooms>,
    room: Arc<LiveRoom>,
    member: MemberId,
    connection: ConnectionId,
}

impl Seat {
    fn frame(&self, frame: &ClientFrame<'_>, now: Instant) -> Option<CloseCode> {
        let input = Input::Frame { member: self.member, connection: self.connection, frame };
        self.store.apply(&self.room, now, input).refused
    }

    /// Hands a frame to the room.
    ///
    /// # Errors
    /// The code to close the connection with: [`CloseCode::UnknownToken`] when the member is gone,
    /// [`CloseCode::Replaced`] when a newer connection took over, [`CloseCode::CounterSkipped`] when a message's counter
    /// is not the next one, [`CloseCode::TooBig`] for a message that is too long, [`CloseCode::Malformed`] for a second
    /// hello.
    pub fn take(&self, frame: &ClientFrame<'_>, now: Instant) -> Result<(), CloseCode> {
        let Some(code) = self.frame(frame, now) else { return Ok(()) };
        if let CloseCode::UnknownToken | CloseCode::Replaced = code {
            // A removed member must get the reason before it gets this refusal.
            self.store.list(&self.room, self.room.deliver());
        }
        Err(code)
    }

    /// Called after all frames of one read. Delivers the room's queue if every member has sent something. If too much is
    /// queued, returns a future to wait for before more is read. It is boxed, because every connection's task would
    /// otherwise reserve memory for it.
    pub fn after_batch(&self) -> Option<Pin<Box<impl Future<Output = ()> + Send + '_>>> {
        if self.room.all_have_sent() {
            self.store.follow_up(&self.room, Next::Deliver);
        }
        self.room.is_over_high_water().then(|| Box::pin(self.room.caught_up()))
    }

    /// Leaves the room at once.
    pub fn leave(&self, now: Instant) {
        self.frame(&ClientFrame::Leave, now);
    }

    /// Ends the connection.
    pub fn disconnect(&self, ending: Ending, now: Instant) {
        let ending = match ending {
            Ending::Lost(last) => room::Ending::Lost(now.saturating_duration_since(last)),
            Ending::Going => room::Ending::Going,
        };
        self.store.apply(
            &self.room,
            now,
            Input::Disconnect { member: self.member, connection: self.connection, ending },
        );
    }
}

impl Drop for Seat {
    /// However a connection's task ends, its member does not stay connected.
    fn drop(&mut self) {
        let now = Instant::now();
        self.disconnect(Ending::Lost(now), now);
    }
}
