//! The seam to where rooms live: a room's log. In memory here; another store keeps the same contract.
//!
//! Coming and going are calls that may wait. A connected member's [`Seat`] does not: what it appends
//! is handed over at once, and everything that happens comes back through its [`Outbox`], in order.

mod memory;

use std::{future::Future, pin::Pin, sync::Arc, time::Instant};

use wire::{CloseCode, Counter, MemberId, Refusal, RoomId, RoomName};

use crate::{
    Outbox, SecondHash,
    room::{Claim, Newcomer},
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
    ) -> Later<'_, Result<(RoomId, MemberId), Refusal>>;

    /// Connects a member; from now on, what happens goes to `outbox`, first the welcome.
    ///
    /// Errors: those of [`Room::check`](crate::room::Room::check).
    fn follow(&self, id: RoomId, claim: Claim, outbox: Outbox) -> Later<'_, Result<Box<dyn Seat>, CloseCode>>;

    /// A member leaves without its connection.
    ///
    /// Errors: those of [`Room::check`](crate::room::Room::check).
    fn leave(&self, id: RoomId, claim: Claim) -> Later<'_, Result<(), CloseCode>>;

    /// Removes members whose time of grace is over.
    fn expire(&self, now: Instant) -> Later<'_, ()>;

    /// Closes every connection with [`CloseCode::Stopping`].
    fn stop(&self) -> Later<'_, ()>;

    /// How many rooms there are.
    fn rooms(&self) -> usize;
}

/// A connected member's place.
pub trait Seat: Send + Sync {
    /// Gives a message its place in the room's order.
    ///
    /// # Errors
    /// Those of [`Room::append`](crate::room::Room::append).
    fn append(&self, counter: Counter, sealed: &[u8]) -> Result<(), CloseCode>;

    /// Leaves the room at once.
    fn leave(&self);

    /// The connection is lost; the last byte was heard then.
    fn disconnect(&self, last_heard: Instant);
}

/// The store as everything else holds it.
pub type SharedLog = Arc<dyn RoomLog>;
