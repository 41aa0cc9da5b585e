//! Cloakroom's client core: from the room's password to keys, and from keys to messages.
//!
//! No IO, no clock, no entropy of its own: a driver hands in what happened and carries out what
//! comes back (see [`session`]). The same code runs natively and, through the thin `face`, as wasm modules
//! in the browser: `derive` (Argon2id) and `session` (all else) in workers from the start, and three small
//! helps of the page, each loaded when it is asked for: `words`, `strength`, `qr`.

#[cfg(feature = "session")]
pub mod content;
pub mod face;
#[cfg(feature = "session")]
pub mod group;
#[cfg(feature = "session")]
pub mod keys;
#[cfg(feature = "session")]
pub mod padding;
#[cfg(feature = "words")]
pub mod passphrase;
#[cfg(feature = "session")]
pub mod picture;
#[cfg(feature = "qr")]
pub mod qr;
#[cfg(feature = "session")]
pub mod session;
#[cfg(feature = "strength")]
pub mod strength;
#[cfg(feature = "derive")]
pub mod stretch;
#[cfg(feature = "words")]
pub mod words;

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// stretched = Argon2id(password, argon salt); PROTOCOL, "From password to keys".
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Stretched([u8; 32]);

impl Stretched {
    /// The bytes themselves.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Stretched {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Stretched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stretched(…)")
    }
}
