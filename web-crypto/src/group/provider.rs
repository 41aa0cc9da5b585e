//! What openmls works with: cryptography, randomness, a store.

use openmls_traits::OpenMlsProvider;
use zeroize::Zeroizing;

use super::{crypto::Crypto, random::Random, store::Store};

/// Everything openmls works with, for one visit.
pub(crate) struct Provider {
    crypto: Crypto,
    store: Store,
}

impl Provider {
    /// All randomness of the visit is drawn from `seed`.
    pub(crate) fn new(seed: Zeroizing<[u8; 32]>) -> Self {
        Self { crypto: Crypto::new(Random::new(seed)), store: Store::default() }
    }

    #[cfg(any(test, feature = "observe"))]
    pub(crate) fn spoil(&self, is_spoilt: [bool; 2]) {
        self.crypto.spoil(is_spoilt);
    }

    #[cfg(any(test, feature = "observe"))]
    pub(crate) fn halve(&self, is_halved: bool) {
        self.crypto.halve(is_halved);
    }

    /// The store itself.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = Crypto;
    type RandProvider = Random;
    type StorageProvider = Store;

    fn storage(&self) -> &Store {
        &self.store
    }

    fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    fn rand(&self) -> &Random {
        self.crypto.random()
    }
}

#[cfg(test)]
mod tests;
