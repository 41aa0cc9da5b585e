//! The server's secret and what it makes of others' secrets.

use std::{fs, io, path::Path};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use wire::{RoomName, Salt, Token, Verifier};
use zeroize::Zeroizing;

/// Bytes that a secret in a file has at least.
const SECRET_BYTES_MIN: usize = 32;

/// Keys the salts and the second hashes.
pub struct ServerSecret(Hmac<Sha256>);

impl ServerSecret {
    /// From at least 32 bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, io::Error> {
        if bytes.len() < SECRET_BYTES_MIN {
            let wants = format!("wants at least {SECRET_BYTES_MIN} bytes, got {}", bytes.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, wants));
        }
        Hmac::new_from_slice(bytes).map(Self).map_err(io::Error::other)
    }

    /// From a file: all of its bytes, a line end too.
    ///
    /// # Errors
    /// When it cannot be read or is too short.
    pub fn from_file(path: &Path) -> Result<Self, io::Error> {
        Self::from_bytes(&Zeroizing::new(fs::read(path)?))
    }

    /// A new one, for as long as the process lives.
    ///
    /// # Errors
    /// When the system has no entropy.
    pub fn random() -> Result<Self, io::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(io::Error::other)?;
        Self::from_bytes(bytes.as_slice())
    }

    /// server salt = HMAC-SHA-256(server secret, "salt" ‖ canonical room name)
    #[must_use]
    pub fn salt(&self, room: &RoomName) -> Salt {
        Salt::from(self.mac(&[b"salt", room.as_str().as_bytes()]))
    }

    /// second hash = HMAC-SHA-256(server secret, "verifier" ‖ verifier): the verifier comes out of Argon2id, so a
    /// fast keyed hash is right.
    #[must_use]
    pub fn second_hash(&self, verifier: &Verifier) -> SecondHash {
        SecondHash(self.mac(&[b"verifier", verifier.as_bytes()]))
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name([u8; 32]);

        impl ConstantTimeEq for $name {
            fn ct_eq(&self, other: &Self) -> Choice {
                self.0.ct_eq(&other.0)
            }
        }
    };
}

hash! {
    /// All that the server keeps of a room's password.
    SecondHash
}
hash! {
    /// All that the server keeps of a token.
    TokenHash
}

impl SecondHash {
    /// Of no verifier: what an unknown room is compared with.
    pub(crate) const NONE: Self = Self([0; 32]);

    #[cfg(test)]
    pub(crate) fn of(byte: u8) -> Self {
        Self([byte; 32])
    }
}

impl From<&Token> for TokenHash {
    /// SHA-256: a token is 32 random bytes, which no one guesses.
    fn from(token: &Token) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_depend_on_name_and_secret() {
        let secret = ServerSecret::from_bytes(&[1; 32]).unwrap();
        let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
        assert!(secret.salt(&one) == secret.salt(&one));
        assert!(secret.salt(&one) != secret.salt(&two));
        assert!(ServerSecret::random().unwrap().salt(&one) != secret.salt(&one));
    }

    #[test]
    fn short_secrets_are_refused() {
        let error = ServerSecret::from_bytes(b"hunter2").err().unwrap().to_string();
        assert_eq!(error, "wants at least 32 bytes, got 7");
    }
}
