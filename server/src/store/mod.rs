//! The store of rooms. Rooms live in this process's memory; another store would keep the same contract
//! (`tests/store_contract.rs`).
//!
//! What a store adds to [`Room`](room::Room) is the order of inputs. Calls for requests and hellos may wait. Frames of
//! a connected member do not: its [`Seat`] takes them at once, and everything that the member receives comes back
//! through its [`Outbox`], in order.

mod clock;
mod connections;
mod dirty_list;
mod live_room;
mod memory;
mod names;

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use room::{Claim, Newcomer, SecondHash};
use wire::{ClientFrame, CloseCode, MemberId, Refusal, RoomId, RoomName, Seq};

use crate::Outbox;
pub use memory::MemoryStore;

/// An answer that may take a while.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store of rooms.
pub trait RoomStore: Send + Sync {
    /// Creates a room with its first member.
    ///
    /// Errors: [`Refusal::RoomNameTaken`], [`Refusal::RoomIdTaken`], [`Refusal::ServerFull`].
    fn create(
        &self,
        id: RoomId,
        name: RoomName,
        hash: SecondHash,
        creator: Newcomer,
        now: Instant,
    ) -> Later<'_, Result<MemberId, Refusal>>;

    /// Admits a newcomer.
    ///
    /// Errors: [`Refusal::WrongCredentials`] if there is no such room or `hash` is not its hash; then, and only then,
    /// [`Refusal::UserNameTaken`] and [`Refusal::RoomFull`].
    fn admit(
        &self,
        name: RoomName,
        hash: SecondHash,
        newcomer: Newcomer,
        now: Instant,
    ) -> Later<'_, Result<(RoomId, MemberId), Refusal>>;

    /// Connects a member. From now on, `outbox` gets every frame for the member: first the welcome, then the events
    /// that it missed after `seq`, then new ones.
    ///
    /// Errors: those of [`Input::Connect`](room::Input::Connect); [`CloseCode::Stopping`] when the server stops.
    fn connect(
        &self,
        id: RoomId,
        claim: Claim,
        attempt: u32,
        seq: Seq,
        outbox: Outbox,
        now: Instant,
    ) -> Later<'_, Result<Box<dyn Seat>, CloseCode>>;

    /// A member leaves without its connection.
    ///
    /// Errors: those of [`Outcome::Left`](room::Outcome::Left).
    fn leave(&self, id: RoomId, claim: Claim, now: Instant) -> Later<'_, Result<(), CloseCode>>;

    /// Gives every room a tick that asked for one by now.
    fn tick(&self, now: Instant) -> Later<'_, ()>;

    /// Delivers queued frames to outboxes, without end. Nothing reaches an outbox without it. Several tasks may run it,
    /// and share the work.
    fn deliver(&self) -> Later<'_, ()>;

    /// Closes every connection with [`CloseCode::Stopping`].
    fn stop(&self) -> Later<'_, ()>;

    /// Returns the number of rooms.
    fn rooms(&self) -> usize;
}

/// A connected member.
pub trait Seat: Send + Sync {
    /// Hands a frame to the room.
    ///
    /// # Errors
    /// The code to close the connection with: [`CloseCode::UnknownToken`] when the member is gone, [`CloseCode::Replaced`]
    /// when a newer connection took over, [`CloseCode::CounterSkipped`] when a message's counter is not the next one,
    /// [`CloseCode::TooBig`] for a message that is too long, [`CloseCode::Malformed`] for a second hello.
    fn take(&self, frame: &ClientFrame<'_>, now: Instant) -> Result<(), CloseCode>;

    /// Called after all frames of one read. Delivers the room's queue if every member has sent something. If too much is
    /// queued, returns a future to wait for before more is read.
    fn after_batch(&self) -> Option<Later<'_, ()>>;

    /// Leaves the room at once.
    fn leave(&self, now: Instant);

    /// Ends the connection.
    fn disconnect(&self, ending: Ending, now: Instant);
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// The connection was lost; the last byte came in at this time.
    Lost(Instant),
    /// The page closes or was suspended.
    Going,
}

/// A store, as everything else holds it.
pub type SharedStore = Arc<dyn RoomStore>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave a room half changed in a way that matters more than losing it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
