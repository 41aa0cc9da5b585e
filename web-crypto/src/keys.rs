//! The key schedule: from the stretched password to everything that depends on it.

use core::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use wire::{RoomId, RoomName, Verifier};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Stretched;

/// room_secret = HKDF-Extract(salt = link secret or empty, ikm = stretched), RFC 5869 section 2.2
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct RoomSecret([u8; 32]);

impl RoomSecret {
    /// Extracts; the stretched key is wiped.
    #[must_use]
    pub fn extract(link_secret: &[u8], stretched: Stretched) -> Self {
        let (mut prk, _) = Hkdf::<Sha256>::extract(Some(link_secret), stretched.as_bytes());
        let mut secret = Self([0; 32]);
        secret.0.copy_from_slice(&prk);
        prk.as_mut_slice().zeroize();
        secret
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

    /// HKDF-Expand (RFC 5869 section 2.3) with info = label ‖ 0x00 ‖ u16 length of context ‖ context
    fn expand(&self, label: &str, context: &[u8]) -> Zeroizing<[u8; 32]> {
        // A context is a room id or a canonical name: 256 bytes at most.
        let length = u16::try_from(context.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut okm = Zeroizing::new([0; 32]);
        if let Ok(hkdf) = Hkdf::<Sha256>::from_prk(&self.0) {
            // 32 bytes of key and 32 of output: neither call has a reason to fail.
            let _ = hkdf.expand_multi_info(&[label.as_bytes(), &[0], &length, context], okm.as_mut_slice());
        }
        okm
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
