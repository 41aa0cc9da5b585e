//! What openmls asks of its surroundings: cryptography, randomness, a store, and a key that signs.

use core::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use chacha20::{
    ChaCha20,
    cipher::{KeyIvInit, StreamCipher},
};
use ed25519_dalek::{Signer as _, SigningKey};
use hkdf::HkdfExtract;
use openmls_traits::{
    OpenMlsProvider,
    random::OpenMlsRand,
    signatures::{Signer as SignsMls, SignerError},
    types::SignatureScheme,
};
use rand_core::{TryCryptoRng, TryRng};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{crypto::Crypto, store::Store};

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

/// A generator that erases its keys as it goes: what it gave before cannot be computed from what it holds now.
pub(crate) struct Random(Mutex<Keys>);

#[derive(Default, Zeroize, ZeroizeOnDrop)]
struct Keys {
    next: [u8; 32],
    bound: [u8; 32],
}

impl Random {
    pub(crate) fn new(seed: Zeroizing<[u8; 32]>) -> Self {
        let random = Self(Mutex::new(Keys { next: *seed, bound: [0; 32] }));
        random.fill(&mut []);
        random
    }

    /// next ‖ bound ‖ bytes = ChaCha20(next), the keys by what is on the left
    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        // Nothing here panics half-way: a poisoned lock still guards whole keys.
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stream = Stream::new(keys.next);
        stream.fill(&mut keys.next);
        stream.fill(&mut keys.bound);
        stream.fill(bytes);
    }

    /// ChaCha20(HKDF-Extract(bound, `inputs`)): the same for the same inputs, until [`Random::fill`] is next called.
    ///
    /// openmls seals path secrets on several threads, in any order. Bytes that depend on what is sealed and not on when
    /// let a replay be exact. Whoever comes by the keys later has to know the sealed secret too.
    pub(super) fn bound_to(&self, inputs: [&[u8]; 3]) -> Stream {
        let mut extract = {
            let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            HkdfExtract::<Sha256>::new(Some(&keys.bound))
        };
        for input in inputs {
            extract.input_ikm(&(input.len() as u64).to_be_bytes());
            extract.input_ikm(input);
        }
        let (mut key, _) = extract.finalize();
        let stream = Stream::new(key.into());
        key.as_mut_slice().zeroize();
        stream
    }
}

impl OpenMlsRand for Random {
    type Error = Infallible;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Infallible> {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        Ok(bytes)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, Infallible> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        Ok(bytes)
    }
}

/// The bytes that one key gives.
pub(super) struct Stream(ChaCha20);

impl Stream {
    fn new(mut key: [u8; 32]) -> Self {
        let stream = Self(ChaCha20::new(&key.into(), &[0; 12].into()));
        key.zeroize();
        stream
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
        self.0.apply_keystream(bytes);
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Stream {}

/// A key that signs: Ed25519. It is wiped when dropped.
pub(crate) struct Signer(SigningKey);

impl Signer {
    /// Makes a key.
    pub(crate) fn generate(provider: &Provider) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        provider.rand().fill(secret.as_mut_slice());
        Self(SigningKey::from_bytes(&secret))
    }

    #[cfg(any(test, feature = "observe"))]
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The key that others verify with: 32 bytes.
    pub(crate) fn public(&self) -> &[u8] {
        self.0.as_ref().as_bytes()
    }
}

impl SignsMls for Signer {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        self.0.try_sign(payload).map(|signature| signature.to_bytes().to_vec()).map_err(|_| SignerError::SigningError)
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

#[cfg(test)]
mod tests;
