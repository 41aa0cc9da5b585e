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
pub mod stretch;
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
