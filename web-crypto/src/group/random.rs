//! Randomness of one visit, all of it from one seed.

use core::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use chacha20::{
    ChaCha20,
    cipher::{KeyIvInit, StreamCipher},
};
use hkdf::HkdfExtract;
use openmls_traits::random::OpenMlsRand;
use rand_core::{TryCryptoRng, TryRng};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// A generator that erases its keys as it goes: its earlier output cannot be computed from its state.
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
        // No panic can leave the keys half written, so a poisoned lock is still good.
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stream = Stream::new(keys.next);
        stream.fill(&mut keys.next);
        stream.fill(&mut keys.bound);
        stream.fill(bytes);
    }

    /// ChaCha20(HKDF-Extract(bound, `inputs`)): the same for the same inputs, until [`Random::fill`] is next called.
    ///
    /// openmls seals path secrets on several threads, in any order. These bytes depend on what is sealed and not on when: so
    /// a replay is exact. A thief of the keys would also need the sealed secret to compute them.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_output_cannot_be_computed_from_the_state() {
        let random = Random::new(Zeroizing::new([1; 32]));
        let keys_before = random.0.lock().unwrap().next;
        let [first, second]: [[u8; 32]; 2] = [random.random_array().unwrap(), random.random_array().unwrap()];
        let keys_after = random.0.lock().unwrap().next;
        assert_ne!(first, second);
        // The old keys give all that was drawn since. The new keys give nothing of it.
        let give = |next: [u8; 32]| {
            let random = Random(Mutex::new(Keys { next, bound: [0; 32] }));
            [random.random_array::<32>().unwrap(), random.random_array().unwrap()]
        };
        assert_eq!(give(keys_before), [first, second]);
        assert!(!give(keys_after).iter().any(|bytes| *bytes == first || *bytes == second));
    }
}
