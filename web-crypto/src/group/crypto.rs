//! The cryptography of the one ciphersuite: X-Wing, HKDF-SHA-256, AES-128-GCM, Ed25519. Anything else is refused.

use aes_gcm::{
    Aes128Gcm,
    aead::{Aead, KeyInit, Nonce, Payload},
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable,
    aead::{AeadCtxR, AeadCtxS, AesGcm128},
    kdf::HkdfSha256,
    kem::XWing,
};
use openmls::prelude::tls_codec::SecretVLBytes;
use openmls_traits::{
    crypto::OpenMlsCrypto,
    types::{
        AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeAeadType, HpkeCiphertext, HpkeConfig,
        HpkeKdfType, HpkeKemType, HpkeKeyPair, KemOutput, SignatureScheme,
    },
};
use sha2::{Digest, Sha256};
use shake::{ExtendableOutput as _, Shake256, Update, XofReader as _};
use zeroize::{Zeroize, Zeroizing};

use super::{SUITE, random::Random};

type Sender = AeadCtxS<AesGcm128, HkdfSha256, XWing>;
type Receiver = AeadCtxR<AesGcm128, HkdfSha256, XWing>;

/// The one ciphersuite.
pub(crate) struct Crypto {
    random: Random,
    /// Whether seals to public keys that are even, or odd, are spoilt.
    #[cfg(any(test, feature = "observe"))]
    spoilt: [std::sync::atomic::AtomicBool; 2],
    /// Whether public keys are made with an X25519 half of zeros.
    #[cfg(any(test, feature = "observe"))]
    halves: std::sync::atomic::AtomicBool,
}

impl Crypto {
    pub(super) fn new(random: Random) -> Self {
        Self {
            random,
            #[cfg(any(test, feature = "observe"))]
            spoilt: Default::default(),
            #[cfg(any(test, feature = "observe"))]
            halves: Default::default(),
        }
    }

    #[cfg(any(test, feature = "observe"))]
    pub(super) fn spoil(&self, is_spoilt: [bool; 2]) {
        for (flag, is_spoilt) in self.spoilt.iter().zip(is_spoilt) {
            flag.store(is_spoilt, std::sync::atomic::Ordering::Relaxed);
        }
    }

    #[cfg(any(test, feature = "observe"))]
    pub(super) fn halve(&self, is_halved: bool) {
        self.halves.store(is_halved, std::sync::atomic::Ordering::Relaxed);
    }

    pub(super) fn random(&self) -> &Random {
        &self.random
    }
}

impl OpenMlsCrypto for Crypto {
    fn supports(&self, suite: Ciphersuite) -> Result<(), CryptoError> {
        if suite == SUITE { Ok(()) } else { Err(CryptoError::UnsupportedCiphersuite) }
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        vec![SUITE]
    }

    fn hkdf_extract(&self, hash: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        is_sha256(hash)?;
        let (mut prk, _) = Hkdf::<Sha256>::extract(Some(salt), ikm);
        let secret = SecretVLBytes::from(prk.as_slice());
        prk.as_mut_slice().zeroize();
        Ok(secret)
    }

    fn hmac(&self, hash: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        is_sha256(hash)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| CryptoError::InvalidLength)?;
        Update::update(&mut mac, message);
        let mut tag = mac.finalize().into_bytes();
        let secret = SecretVLBytes::from(tag.as_slice());
        tag.as_mut_slice().zeroize();
        Ok(secret)
    }

    fn hkdf_expand(&self, hash: HashType, prk: &[u8], info: &[u8], len: usize) -> Result<SecretVLBytes, CryptoError> {
        is_sha256(hash)?;
        let hkdf = Hkdf::<Sha256>::from_prk(prk).map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        let mut okm = vec![0; len];
        hkdf.expand(info, &mut okm).map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        Ok(okm.into())
    }

    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        is_sha256(hash)?;
        Ok(Sha256::digest(data).to_vec())
    }

    fn aead_encrypt(
        &self,
        aead: AeadType,
        key: &[u8],
        data: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let (cipher, nonce) = aes_128_gcm(aead, key, nonce)?;
        cipher.encrypt(&nonce, Payload { msg: data, aad }).map_err(|_| CryptoError::TooMuchData)
    }

    fn aead_decrypt(
        &self,
        aead: AeadType,
        key: &[u8],
        sealed: &[u8],
        nonce: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let (cipher, nonce) = aes_128_gcm(aead, key, nonce)?;
        cipher.decrypt(&nonce, Payload { msg: sealed, aad }).map_err(|_| CryptoError::AeadDecryptionError)
    }

    fn signature_key_gen(&self, scheme: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        is_ed25519(scheme)?;
        let mut secret = vec![0; 32];
        self.random.fill(&mut secret);
        let public = signing_key(&secret)?.verifying_key().to_bytes().to_vec();
        Ok((secret, public))
    }

    /// Strict: keys and points of small order are refused, so that a signature means the same to everyone.
    fn verify_signature(
        &self,
        scheme: SignatureScheme,
        data: &[u8],
        public: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        is_ed25519(scheme)?;
        let public = VerifyingKey::try_from(public).map_err(|_| CryptoError::InvalidPublicKey)?;
        let signature = Signature::from_slice(signature).map_err(|_| CryptoError::InvalidSignature)?;
        public.verify_strict(data, &signature).map_err(|_| CryptoError::InvalidSignature)
    }

    fn sign(&self, scheme: SignatureScheme, data: &[u8], secret: &[u8]) -> Result<Vec<u8>, CryptoError> {
        is_ed25519(scheme)?;
        let signature = signing_key(secret)?.try_sign(data).map_err(|_| CryptoError::SigningError)?;
        Ok(signature.to_bytes().to_vec())
    }

    fn hpke_seal(
        &self,
        config: HpkeConfig,
        public: &[u8],
        info: &[u8],
        aad: &[u8],
        text: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        let (kem_output, mut sender) = self.set_up_sender(&config, public, info, [aad, text])?;
        let ciphertext = sender.seal(text, aad).map_err(|_| CryptoError::HpkeEncryptionError)?;
        #[cfg(any(test, feature = "observe"))]
        let ciphertext = {
            let mut ciphertext = ciphertext;
            let flag = self.spoilt.get(usize::from(public.first().is_some_and(|byte| byte & 1 == 1)));
            if flag.is_some_and(|flag| flag.load(std::sync::atomic::Ordering::Relaxed)) {
                ciphertext.iter_mut().take(1).for_each(|byte| *byte ^= 1);
            }
            ciphertext
        };
        Ok(HpkeCiphertext { kem_output: kem_output.into(), ciphertext: ciphertext.into() })
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        private: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        let mut receiver = set_up_receiver(&config, input.kem_output.as_slice(), private, info)?;
        receiver.open(input.ciphertext.as_slice(), aad).map_err(|_| CryptoError::HpkeDecryptionError)
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        public: &[u8],
        info: &[u8],
        context: &[u8],
        len: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        // Nothing is sealed here that the bytes could be bound to.
        let mut fresh = Zeroizing::new([0; 32]);
        self.random.fill(fresh.as_mut_slice());
        let (kem_output, sender) = self.set_up_sender(&config, public, info, [context, fresh.as_slice()])?;
        let mut secret = vec![0; len];
        sender.export(context, &mut secret).map_err(|_| CryptoError::ExporterError)?;
        Ok((kem_output, secret.into()))
    }

    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        kem_output: &[u8],
        private: &[u8],
        info: &[u8],
        context: &[u8],
        len: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        let receiver = set_up_receiver(&config, kem_output, private, info)?;
        let mut secret = vec![0; len];
        receiver.export(context, &mut secret).map_err(|_| CryptoError::ExporterError)?;
        Ok(secret.into())
    }

    /// private = SHAKE256(ikm, 32), as X-Wing's own draft has it (draft-connolly-cfrg-xwing-kem-06, section 5.6).
    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        is_x_wing(&config)?;
        let mut shake = Shake256::default();
        shake.update(ikm);
        let mut private = vec![0; 32];
        shake.finalize_xof().read(&mut private);
        let key = <XWing as Kem>::PrivateKey::from_bytes(&private).map_err(|_| CryptoError::InvalidLength)?;
        let public = XWing::sk_to_pk(&key).to_bytes().to_vec();
        #[cfg(any(test, feature = "observe"))]
        let public = {
            let mut public = public;
            if self.halves.load(std::sync::atomic::Ordering::Relaxed) {
                public.iter_mut().rev().take(32).for_each(|byte| *byte = 0);
            }
            public
        };
        Ok(HpkeKeyPair { public, private: private.into() })
    }
}

impl Crypto {
    /// The randomness is bound to the key and to what is sealed. Under another `info`, the same randomness leads to
    /// another AEAD key; and `info` can be as long as a whole tree.
    fn set_up_sender(
        &self,
        config: &HpkeConfig,
        public: &[u8],
        info: &[u8],
        [aad, text]: [&[u8]; 2],
    ) -> Result<(Vec<u8>, Sender), CryptoError> {
        is_x_wing(config)?;
        let mut random = self.random.bound_to([public, aad, text]);
        let public = <XWing as Kem>::PublicKey::from_bytes(public).map_err(|_| CryptoError::InvalidPublicKey)?;
        let (kem_output, sender) =
            hpke::setup_sender_with_rng::<_, _, XWing>(&OpModeS::Base, &public, info, &mut random)
                .map_err(|_| CryptoError::SenderSetupError)?;
        Ok((kem_output.to_bytes().to_vec(), sender))
    }
}

fn set_up_receiver(
    config: &HpkeConfig,
    kem_output: &[u8],
    private: &[u8],
    info: &[u8],
) -> Result<Receiver, CryptoError> {
    is_x_wing(config)?;
    let private = <XWing as Kem>::PrivateKey::from_bytes(private).map_err(|_| CryptoError::ReceiverSetupError)?;
    let kem_output =
        <XWing as Kem>::EncappedKey::from_bytes(kem_output).map_err(|_| CryptoError::ReceiverSetupError)?;
    hpke::setup_receiver(&OpModeR::Base, &private, &kem_output, info).map_err(|_| CryptoError::ReceiverSetupError)
}

fn aes_128_gcm(aead: AeadType, key: &[u8], nonce: &[u8]) -> Result<(Aes128Gcm, Nonce<Aes128Gcm>), CryptoError> {
    if aead != AeadType::Aes128Gcm {
        return Err(CryptoError::UnsupportedAeadAlgorithm);
    }
    let cipher = Aes128Gcm::new_from_slice(key).map_err(|_| CryptoError::InvalidLength)?;
    Ok((cipher, Nonce::<Aes128Gcm>::try_from(nonce).map_err(|_| CryptoError::InvalidLength)?))
}

fn signing_key(secret: &[u8]) -> Result<SigningKey, CryptoError> {
    SigningKey::try_from(secret).map_err(|_| CryptoError::InvalidLength)
}

fn is_sha256(hash: HashType) -> Result<(), CryptoError> {
    if hash == HashType::Sha2_256 { Ok(()) } else { Err(CryptoError::UnsupportedHashAlgorithm) }
}

fn is_ed25519(scheme: SignatureScheme) -> Result<(), CryptoError> {
    if scheme == SignatureScheme::ED25519 { Ok(()) } else { Err(CryptoError::UnsupportedSignatureScheme) }
}

fn is_x_wing(config: &HpkeConfig) -> Result<(), CryptoError> {
    match config {
        HpkeConfig(HpkeKemType::XWingKemDraft6, HpkeKdfType::HkdfSha256, HpkeAeadType::AesGcm128) => Ok(()),
        _ => Err(CryptoError::UnsupportedCiphersuite),
    }
}

#[cfg(test)]
mod tests;
