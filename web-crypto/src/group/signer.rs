//! The key that signs for one visit.

use ed25519_dalek::{Signer as _, SigningKey};
use openmls_traits::{
    signatures::{Signer as SignsMls, SignerError},
    types::SignatureScheme,
};
use zeroize::Zeroizing;

use super::random::Random;

/// An Ed25519 key. It is wiped when dropped.
pub(crate) struct Signer(SigningKey);

impl Signer {
    /// Makes a key.
    pub(crate) fn generate(random: &Random) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        random.fill(secret.as_mut_slice());
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
