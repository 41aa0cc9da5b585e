//! The key schedule: from the stretched password to everything that depends on it.

use core::fmt;

use wire::{RoomId, RoomName, Verifier};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Stretched;

/// room_secret = HKDF-Extract(salt = link secret or empty, ikm = stretched), RFC 5869 section 2.2
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RoomSecret([u8; 32]);

impl RoomSecret {
    /// Extracts; the stretched key is wiped.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "it is wiped")]
    pub fn extract(link_secret: &[u8], stretched: Stretched) -> Self {
        Self(*stretch::extract(link_secret, &stretched))
    }

    /// verifier = HKDF-Expand(room_secret, "cloakroom/1 verifier", canonical room name)
    #[must_use]
    pub fn verifier(&self, room: &RoomName) -> Verifier {
        Verifier::from(*self.expand("cloakroom/1 verifier", room.as_str().as_bytes()))
    }

    /// room_psk = HKDF-Expand(room_secret, "cloakroom/1 psk", room id)
    #[must_use]
    pub fn room_psk(&self, room_id: RoomId) -> Key {
        Key(*self.expand("cloakroom/1 psk", &room_id.0))
    }

    /// door_key = HKDF-Expand(room_secret, "cloakroom/1 door", room id)
    #[must_use]
    pub fn door_key(&self, room_id: RoomId) -> Key {
        Key(*self.expand("cloakroom/1 door", &room_id.0))
    }

    fn expand(&self, label: &str, context: &[u8]) -> Zeroizing<[u8; 32]> {
        stretch::expand(&self.0, label, context)
    }
}

impl fmt::Debug for RoomSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RoomSecret(…)")
    }
}

/// A symmetric key of 256 bits.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// The bytes themselves.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Key {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_of_a_secret_is_its_type_alone() {
        let stretched = Stretched::from([0x5a; 32]);
        assert_eq!(format!("{stretched:?}"), "Stretched(…)");
        assert_eq!(format!("{:?}", RoomSecret::extract(b"", stretched)), "RoomSecret(…)");
        assert_eq!(format!("{:?}", Key::from([0x5a; 32])), "Key(…)");
    }
}
