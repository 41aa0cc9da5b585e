//! The store of rooms: it gives each room its inputs in order, and delivers what follows to the members.
//!
//! The order of inputs is all that a store adds to [`Room`](room::Room). This one keeps rooms in the process's memory, and
//! applies an input at once, under the room's lock. Every frame for a connected member comes back through its
//! [`Outbox`](crate::Outbox), in order.

mod clock;
mod connections;
mod dirty_list;
mod live_room;
mod memory;
mod names;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

pub use memory::{Seat, Store};

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending {
    /// The connection was lost; the last byte came in at this time.
    Lost(Instant),
    /// The page closes or was suspended.
    Going,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave a room half changed in a way that matters more than losing it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
