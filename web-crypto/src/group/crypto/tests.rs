use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::OpenMlsProvider as _;

use super::*;
use crate::group::provider::Provider;

fn provider() -> Provider {
    Provider::new(Zeroizing::new([1; 32]))
}

fn config() -> HpkeConfig {
    SUITE.hpke_config()
}

#[test]
fn keys_are_derived_as_by_the_stock_provider() {
    for ikm in [&[][..], &[1; 32], &[2; 500]] {
        let ours = provider().crypto().derive_hpke_keypair(config(), ikm).unwrap();
        let theirs = OpenMlsRustCrypto::default().crypto().derive_hpke_keypair(config(), ikm).unwrap();
        assert_eq!((&*ours.private, ours.public), (&*theirs.private, theirs.public));
    }
}

/// Seals by one and opens by the other; `info` may be as long as a tree.
fn seal_and_open(from: &impl OpenMlsCrypto, to: &impl OpenMlsCrypto) {
    let pair = to.derive_hpke_keypair(config(), &[9; 32]).unwrap();
    for info in [vec![], vec![3; 200_000]] {
        let sealed = from.hpke_seal(config(), &pair.public, &info, b"aad", b"text").unwrap();
        assert_eq!(to.hpke_open(config(), &sealed, &pair.private, &info, b"aad").unwrap(), b"text");
        let refused = [
            to.hpke_open(config(), &sealed, &pair.private, b"other", b"aad"),
            to.hpke_open(config(), &sealed, &pair.private, &info, b"other"),
            to.hpke_open(config(), &sealed, &[7; 32], &info, b"aad"),
        ];
        assert_eq!(refused, [(); 3].map(|()| Err(CryptoError::HpkeDecryptionError)));

        let (kem_output, sent) = from.hpke_setup_sender_and_export(config(), &pair.public, &info, b"x", 40).unwrap();
        let got = to.hpke_setup_receiver_and_export(config(), &kem_output, &pair.private, &info, b"x", 40).unwrap();
        assert_eq!(*sent, *got);
    }
}

#[test]
fn hpke_goes_with_the_stock_provider() {
    let (ours, stock) = (provider(), OpenMlsRustCrypto::default());
    seal_and_open(ours.crypto(), stock.crypto());
    seal_and_open(stock.crypto(), ours.crypto());
}

#[test]
fn broken_hpke_input_is_refused() {
    let provider = provider();
    let crypto = provider.crypto();
    let pair = crypto.derive_hpke_keypair(config(), &[9; 32]).unwrap();
    let short = |bytes: &[u8]| bytes[1..].to_vec();
    assert!(crypto.hpke_seal(config(), &short(&pair.public), &[], &[], &[]).is_err());
    // The coefficients of the first of X-Wing's keys have a bound.
    assert_eq!(crypto.hpke_seal(config(), &[0xFF; 1216], &[], &[], &[]), Err(CryptoError::InvalidPublicKey));

    let whole = crypto.hpke_seal(config(), &pair.public, &[], &[], b"text").unwrap();
    let open = |kem_output: Vec<u8>, ciphertext: Vec<u8>, private: &[u8]| {
        let input = HpkeCiphertext { kem_output: kem_output.into(), ciphertext: ciphertext.into() };
        crypto.hpke_open(config(), &input, private, &[], &[])
    };
    let (kem_output, ciphertext) = (whole.kem_output.as_slice().to_vec(), whole.ciphertext.as_slice().to_vec());
    assert_eq!(open(kem_output.clone(), ciphertext.clone(), &pair.private).unwrap(), b"text");
    assert!(open(short(&kem_output), ciphertext.clone(), &pair.private).is_err());
    assert!(open(kem_output.clone(), short(&ciphertext), &pair.private).is_err());
    assert!(open(kem_output.clone(), Vec::new(), &pair.private).is_err());
    assert!(open(kem_output, ciphertext, &short(&pair.private)).is_err());
}

#[test]
fn nothing_but_the_one_suite_is_done() {
    let provider = provider();
    let crypto = provider.crypto();
    assert_eq!((crypto.supported_ciphersuites(), crypto.supports(SUITE)), (vec![SUITE], Ok(())));
    let other = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;
    assert!(crypto.supports(other).is_err());
    assert!(crypto.derive_hpke_keypair(other.hpke_config(), &[1; 32]).is_err());
    assert!(crypto.hash(HashType::Sha2_384, &[]).is_err());
    assert!(crypto.hmac(HashType::Sha2_512, &[1; 32], &[]).is_err());
    assert!(crypto.hkdf_extract(HashType::Sha2_512, &[], &[]).is_err());
    assert!(crypto.hkdf_expand(HashType::Sha2_384, &[1; 48], &[], 48).is_err());
    assert!(crypto.aead_encrypt(AeadType::Aes256Gcm, &[1; 32], &[], &[1; 12], &[]).is_err());
    assert!(crypto.aead_decrypt(AeadType::ChaCha20Poly1305, &[1; 32], &[1; 16], &[1; 12], &[]).is_err());
    assert!(crypto.signature_key_gen(SignatureScheme::ECDSA_SECP256R1_SHA256).is_err());
    assert!(crypto.sign(SignatureScheme::MLDSA44, &[], &[1; 32]).is_err());
    assert!(crypto.verify_signature(SignatureScheme::ED448, &[], &[1; 32], &[1; 64]).is_err());
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let provider = provider();
    let crypto = provider.crypto();
    assert!(crypto.aead_encrypt(AeadType::Aes128Gcm, &[1; 15], &[], &[1; 12], &[]).is_err());
    assert!(crypto.aead_encrypt(AeadType::Aes128Gcm, &[1; 16], &[], &[1; 11], &[]).is_err());
    assert!(crypto.aead_decrypt(AeadType::Aes128Gcm, &[1; 16], &[1; 15], &[1; 12], &[]).is_err());
    assert!(crypto.hkdf_expand(HashType::Sha2_256, &[1; 31], &[], 32).is_err());
    assert!(crypto.hkdf_expand(HashType::Sha2_256, &[1; 32], &[], 255 * 32 + 1).is_err());
    assert!(crypto.sign(SignatureScheme::ED25519, &[], &[1; 31]).is_err());
}

#[test]
fn the_symmetric_parts_agree_with_the_stock_provider() {
    let (provider, stock) = (provider(), OpenMlsRustCrypto::default());
    let (ours, theirs) = (provider.crypto(), stock.crypto());
    let hash = HashType::Sha2_256;
    assert_eq!(ours.hash(hash, b"data"), theirs.hash(hash, b"data"));
    let [a, b] = [ours.hmac(hash, &[1; 32], b"data").unwrap(), theirs.hmac(hash, &[1; 32], b"data").unwrap()];
    assert_eq!(a.as_slice(), b.as_slice());
    let [a, b] =
        [ours.hkdf_extract(hash, b"salt", b"ikm").unwrap(), theirs.hkdf_extract(hash, b"salt", b"ikm").unwrap()];
    assert_eq!(a.as_slice(), b.as_slice());
    let [a, b] = [
        ours.hkdf_expand(hash, &[1; 32], b"info", 77).unwrap(),
        theirs.hkdf_expand(hash, &[1; 32], b"info", 77).unwrap(),
    ];
    assert_eq!(a.as_slice(), b.as_slice());
    let aead = AeadType::Aes128Gcm;
    let sealed = ours.aead_encrypt(aead, &[1; 16], b"text", &[2; 12], b"aad").unwrap();
    assert_eq!(theirs.aead_decrypt(aead, &[1; 16], &sealed, &[2; 12], b"aad").unwrap(), b"text");
    assert_eq!(ours.aead_decrypt(aead, &[1; 16], &sealed, &[2; 12], b"aad").unwrap(), b"text");
    assert_eq!(ours.aead_decrypt(aead, &[1; 16], &sealed, &[2; 12], b""), Err(CryptoError::AeadDecryptionError));
}

#[test]
fn signatures_are_exact() {
    let (provider, stock) = (provider(), OpenMlsRustCrypto::default());
    let (ours, theirs, scheme) = (provider.crypto(), stock.crypto(), SignatureScheme::ED25519);
    let (secret, public) = ours.signature_key_gen(scheme).unwrap();
    let signature = ours.sign(scheme, b"words", &secret).unwrap();
    assert_eq!(theirs.sign(scheme, b"words", &secret).unwrap(), signature);
    assert_eq!(ours.verify_signature(scheme, b"words", &public, &signature), Ok(()));
    assert_eq!(theirs.verify_signature(scheme, b"words", &public, &signature), Ok(()));
    assert!(ours.verify_signature(scheme, b"other words", &public, &signature).is_err());
    assert!(ours.verify_signature(scheme, b"words", &public, &signature[1..]).is_err());

    // The key of order 1 verifies this for every message, if verified by the letter of RFC 8032 alone.
    let identity = [&[1][..], &[0; 31]].concat();
    let forged = [identity.clone(), vec![0; 32]].concat();
    assert!(ours.verify_signature(scheme, b"words", &identity, &forged).is_err());
    assert!(
        ed25519_dalek::Verifier::verify(
            &VerifyingKey::try_from(&identity[..]).unwrap(),
            b"words",
            &Signature::from_slice(&forged).unwrap()
        )
        .is_ok()
    );
}
