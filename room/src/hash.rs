//! Hashes of secrets: all that a room keeps of its password and of its members' tokens.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use wire::Token;

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Serialize, Deserialize)]
        pub struct $name([u8; 32]);

        impl ConstantTimeEq for $name {
            fn ct_eq(&self, other: &Self) -> Choice {
                self.0.ct_eq(&other.0)
            }
        }

        /// In constant time.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.ct_eq(other).into()
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }
    };
}

hash! {
    /// The second hash of a room's verifier. The server computes it, under a key that lives in memory.
    SecondHash
}
hash! {
    /// The hash of a member's token.
    TokenHash
}

impl SecondHash {
    /// The hash of no verifier. A request for an unknown room is compared with it, to take as long as any other.
    pub const NONE: Self = Self([0; 32]);
}

impl From<&Token> for TokenHash {
    /// SHA-256. A token is 32 random bytes, so nobody can guess it from its hash.
    fn from(token: &Token) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}
