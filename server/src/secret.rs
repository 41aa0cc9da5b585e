//! The server's keys and what it makes of others' secrets.

use std::io;

use hmac::{Hmac, KeyInit, Mac};
use room::SecondHash;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use wire::{RoomName, Salt, Verifier};
use zeroize::Zeroizing;

/// Two keys: one for the salts, which may outlive the process so that a password keeps giving the same verifier, and one for
/// the second hashes, which never does.
pub struct ServerSecret {
    salts: Hmac<Sha256>,
    hashes: Hmac<Sha256>,
}

impl ServerSecret {
    /// With this key for the salts.
    ///
    /// # Errors
    /// When the system has no entropy.
    pub fn with_salt_key(salt_key: &[u8]) -> io::Result<Self> {
        let key = |bytes: &[u8]| Hmac::new_from_slice(bytes).map_err(io::Error::other);
        Ok(Self { salts: key(salt_key)?, hashes: key(random()?.as_slice())? })
    }

    /// With keys that last as long as the process.
    ///
    /// # Errors
    /// When the system has no entropy.
    pub fn random() -> io::Result<Self> {
        Self::with_salt_key(random()?.as_slice())
    }

    /// server salt = HMAC-SHA-256(salt key, "salt" ‖ canonical room name)
    #[must_use]
    pub fn salt(&self, room: &RoomName) -> Salt {
        Salt::from(mac(&self.salts, &[b"salt", room.as_str().as_bytes()]))
    }

    /// second hash = HMAC-SHA-256(hash key, "verifier" ‖ verifier): the verifier comes out of Argon2id, so a fast keyed
    /// hash is right.
    #[must_use]
    pub fn second_hash(&self, verifier: &Verifier) -> SecondHash {
        SecondHash::from(mac(&self.hashes, &[b"verifier", verifier.as_bytes()]))
    }

    /// What the gate makes of a value, under the key that stays: HMAC-SHA-256(salt key, label ‖ 0x00 ‖ each part with its
    /// length before it, u32). No label begins as that of a room's salt.
    pub(crate) fn lasting(&self, label: &str, parts: &[&[u8]]) -> LastingHash {
        let mut key = self.salts.clone();
        key.update(label.as_bytes());
        key.update(&[0]);
        for part in parts {
            key.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            key.update(part);
        }
        LastingHash(key.finalize().into_bytes().into())
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

/// What is kept in a file of a value that someone shows at the gate.
#[derive(Clone)]
pub(crate) struct LastingHash([u8; 32]);

impl ConstantTimeEq for LastingHash {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl LastingHash {
    /// The bytes themselves.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for LastingHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_depend_on_name_and_key_and_outlive_a_process() {
        let secret = ServerSecret::with_salt_key(&[1; 32]).unwrap();
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        assert!(secret.salt(&one) == ServerSecret::with_salt_key(&[1; 32]).unwrap().salt(&one));
        assert!(secret.salt(&one) != secret.salt(&two));
        assert!(ServerSecret::random().unwrap().salt(&one) != secret.salt(&one));
    }

    #[test]
    fn second_hashes_do_not_outlive_a_process() {
        let verifier = Verifier::from([7; 32]);
        let hash = |secret: &ServerSecret| secret.second_hash(&verifier);
        let secrets = [(); 2].map(|()| ServerSecret::with_salt_key(&[1; 32]).unwrap());
        assert!(bool::from(hash(&secrets[0]).ct_eq(&hash(&secrets[0]))));
        assert!(!bool::from(hash(&secrets[0]).ct_eq(&hash(&secrets[1]))));
    }
}
