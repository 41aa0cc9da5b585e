//! The server's keys, and its hashes of other people's secrets.

use std::io;

use hmac::{Hmac, KeyInit, Mac};
use room::SecondHash;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use wire::{RoomName, Salt, Verifier};
use zeroize::Zeroizing;

/// Two keys. The salt key may outlive the process, so that a password keeps giving the same verifier. The key of the
/// second hashes never does.
pub struct ServerSecret {
    salts: Hmac<Sha256>,
    hashes: Hmac<Sha256>,
}

impl ServerSecret {
    /// Uses this salt key.
    ///
    /// # Errors
    /// When the operating system provides no entropy.
    pub fn with_salt_key(salt_key: &[u8]) -> io::Result<Self> {
        let key = |bytes: &[u8]| Hmac::new_from_slice(bytes).map_err(io::Error::other);
        Ok(Self { salts: key(salt_key)?, hashes: key(random()?.as_slice())? })
    }

    /// Uses random keys, which last as long as the process.
    ///
    /// # Errors
    /// When the operating system provides no entropy.
    pub fn random() -> io::Result<Self> {
        Self::with_salt_key(random()?.as_slice())
    }

    /// server salt = HMAC-SHA-256(salt key, "salt" ‖ canonical room name)
    #[must_use]
    pub fn salt(&self, room: &RoomName) -> Salt {
        Salt::from(mac(&self.salts, &[b"salt", room.as_str().as_bytes()]))
    }

    /// second hash = HMAC-SHA-256(hash key, "verifier" ‖ verifier). A fast hash suffices, because the verifier comes
    /// from Argon2id.
    #[must_use]
    pub fn second_hash(&self, verifier: &Verifier) -> SecondHash {
        SecondHash::from(mac(&self.hashes, &[b"verifier", verifier.as_bytes()]))
    }

    /// gate hash = HMAC-SHA-256(salt key, label ‖ 0x00 ‖ length u32 ‖ part ‖ …), for the gates. It survives a
    /// restart. No label begins with "salt", which is the label of room salts.
    pub(crate) fn gate_hash(&self, label: &str, parts: &[&[u8]]) -> GateHash {
        let mut key = self.salts.clone();
        key.update(label.as_bytes());
        key.update(&[0]);
        for part in parts {
            key.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            key.update(part);
        }
        GateHash(key.finalize().into_bytes().into())
    }
}

fn random() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(io::Error::other)?;
    Ok(bytes)
}

fn mac(key: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = key.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// A keyed hash for the gates: of a stored secret value, or of a pass.
#[derive(Clone)]
pub(crate) struct GateHash([u8; 32]);

impl ConstantTimeEq for GateHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl GateHash {
    /// Returns the bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for GateHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_depend_on_name_and_key() {
        let secret = ServerSecret::with_salt_key(&[1; 32]).unwrap();
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        assert!(secret.salt(&one) == ServerSecret::with_salt_key(&[1; 32]).unwrap().salt(&one));
        assert!(secret.salt(&one) != secret.salt(&two));
        assert!(ServerSecret::random().unwrap().salt(&one) != secret.salt(&one));
    }

    #[test]
    fn second_hashes_differ_between_processes() {
        let verifier = Verifier::from([7; 32]);
        let hash = |secret: &ServerSecret| secret.second_hash(&verifier);
        let secrets = [(); 2].map(|()| ServerSecret::with_salt_key(&[1; 32]).unwrap());
        assert!(bool::from(hash(&secrets[0]).ct_eq(&hash(&secrets[0]))));
        assert!(!bool::from(hash(&secrets[0]).ct_eq(&hash(&secrets[1]))));
    }
}
