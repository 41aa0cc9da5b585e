//! The seam to where rooms live: a room's log. In memory here; another store keeps the same contract.
//!
//! Coming and going are calls that may wait. A connected member's [`Seat`] does not: its frames are
//! handed over at once, and everything that happens comes back through its [`Outbox`], in order. All calls
//! carry the time.

mod dirty;
mod hosted;
mod lines;
mod memory;
mod names;

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use wire::{ClientFrame, CloseCode, MemberId, Refusal, RoomId, RoomName, Seq};

use crate::{
    Outbox, SecondHash,
    room::{Claim, Ending, Newcomer},
};
pub use memory::MemoryLog;

/// An answer that may take a while.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where rooms live.
pub trait RoomLog: Send + Sync {
    /// Makes a room, and lets its creator in.
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

    /// Lets a newcomer in.
    ///
    /// Errors: [`Refusal::WrongCredentials`] where there is no such room or `hash` is not its; then, and only then,
    /// [`Refusal::UserNameTaken`] and [`Refusal::RoomFull`].
    fn admit(
        &self,
        name: RoomName,
        hash: SecondHash,
        newcomer: Newcomer,
        now: Instant,
    ) -> Later<'_, Result<(RoomId, MemberId), Refusal>>;

    /// Connects a member; from now on, what concerns it goes to `outbox`: first the welcome, then what it missed
    /// after the event `seq`, then what happens.
    ///
    /// Errors: those of [`Room::connect`](crate::room::Room::connect).
    fn follow(
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
    /// Errors: those of [`Room::check`](crate::room::Room::check).
    fn leave(&self, id: RoomId, claim: Claim, now: Instant) -> Later<'_, Result<(), CloseCode>>;

    /// Does what only time brings about, in every room.
    fn expire(&self, now: Instant) -> Later<'_, ()>;

    /// Brings everyone's outbox what is for it, without end. Nothing comes to an outbox without; it may be polled by
    /// several tasks, which share in the work.
    fn deliver(&self) -> Later<'_, ()>;

    /// Closes every connection with [`CloseCode::Stopping`].
    fn stop(&self) -> Later<'_, ()>;

    /// How many rooms there are.
    fn rooms(&self) -> usize;
}

/// A connected member's place.
pub trait Seat: Send + Sync {
    /// Hands a frame over to the room.
    ///
    /// # Errors
    /// Those of [`Room::take`](crate::room::Room::take); [`CloseCode::Replaced`] when a newer connection took over.
    fn take(&self, frame: &ClientFrame<'_>, now: Instant) -> Result<(), CloseCode>;

    /// All that came at once was handed over. Where so much waits to be delivered that no more should be, what to wait for.
    fn handed_over(&self) -> Option<Later<'_, ()>>;

    /// Leaves the room at once.
    fn leave(&self, now: Instant);

    /// The connection is over.
    fn disconnect(&self, ending: Ending, now: Instant);
}

/// The store as everything else holds it.
pub type SharedLog = Arc<dyn RoomLog>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave a room half changed in a way that matters more than losing it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
