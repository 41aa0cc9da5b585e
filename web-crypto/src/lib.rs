//! Cloakroom's client core: from the room's password to keys, and from keys to messages.
//!
//! No IO, no clock, no entropy of its own: a driver hands in what happened and carries out what
//! comes back (see [`session`]). The same code runs natively and, through `web-crypto-face`, in the browser.

pub mod content;
pub mod group;
pub mod keys;
pub mod padding;
pub mod passphrase;
pub mod picture;
pub mod qr;
pub mod session;
pub mod strength;
pub mod words;

pub use stretch::{self, Stretched};
