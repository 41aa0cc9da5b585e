//! The password's way to the stretched key, and from there to what the server is shown. Constants of "cloakroom/1", never
//! negotiated.

use core::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use wire::{PersonName, RoomName, Salt, Verifier, limits};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Argon2id memory, in KiB.
const MEMORY_KIB: u32 = 65_536;
/// Argon2id passes.
const PASSES: u32 = 3;
/// Argon2id lanes.
const LANES: u32 = 1;

/// stretched = Argon2id(password, argon salt); PROTOCOL, "From password to keys".
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Stretched([u8; 32]);

impl Stretched {
    /// The bytes themselves.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Stretched {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Stretched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stretched(…)")
    }
}

/// Why a password cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than [`limits::PASSWORD_CHARS_MIN`] characters after NFKC.
    #[error("The password needs at least {} characters.", limits::PASSWORD_CHARS_MIN)]
    TooShort,
    /// More than [`limits::PASSWORD_BYTES_MAX`] bytes after NFKC, or [`limits::PASSWORD_BYTES_TYPED`] before.
    #[error("The password is too long.")]
    TooLong,
    /// The memory for Argon2id could not be had.
    #[error("This device has too little memory free to turn the password into keys. Close other tabs and try again.")]
    Memory,
}

impl PasswordError {
    /// The code that stands for it in PROTOCOL's table.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TooShort => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::Memory => "no_memory",
        }
    }
}

/// argon salt = first 16 bytes of SHA-256(label ‖ u16 length ‖ canonical name ‖ server salt)
fn argon_salt(label: &str, name: &str, salt: &Salt) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(label)
        .chain_update(length(name.as_bytes()))
        .chain_update(name)
        .chain_update(salt.as_bytes())
        .finalize();
    let mut out = [0; 16];
    out.iter_mut().zip(digest).for_each(|(out, byte)| *out = byte);
    out
}

#[expect(clippy::expect_used, reason = "a wrong length would make two contexts one")]
fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).expect("a canonical name has at most 256 bytes, an id 16").to_be_bytes()
}

/// stretched = Argon2id v1.3(NFKC(password), argon salt, m = 65,536 KiB, t = 3, p = 1) → 32 bytes
///
/// # Errors
/// When the password is too short or too long.
pub fn stretch(password: &str, room: &RoomName, salt: &Salt) -> Result<Stretched, PasswordError> {
    stretch_with(password, &argon_salt("cloakroom/1 salt", room.as_str(), salt))
}

/// What a person shows at the gate in place of its own password:
///
/// ```text
/// stretched = as for a room, with the label "cloakroom/1 person salt" and the person's name
/// verifier  = Expand(HKDF-Extract(empty, stretched), "cloakroom/1 person verifier", person's name)
/// ```
///
/// # Errors
/// When the password is too short or too long.
pub fn person_verifier(password: &str, name: &PersonName, salt: &Salt) -> Result<Verifier, PasswordError> {
    let stretched = stretch_with(password, &argon_salt("cloakroom/1 person salt", name.as_str(), salt))?;
    let secret = extract(b"", &stretched);
    Ok(Verifier::from(&*expand(&secret, "cloakroom/1 person verifier", name.as_str().as_bytes())))
}

/// HKDF-Extract, RFC 5869 section 2.2.
#[must_use]
pub fn extract(salt: &[u8], stretched: &Stretched) -> Zeroizing<[u8; 32]> {
    let (mut prk, _) = Hkdf::<Sha256>::extract(Some(salt), stretched.as_bytes());
    let mut secret = Zeroizing::new([0; 32]);
    secret.copy_from_slice(&prk);
    prk.as_mut_slice().zeroize();
    secret
}

/// HKDF-Expand (RFC 5869 section 2.3) to 32 bytes, with info = label ‖ 0x00 ‖ u16 length of context ‖ context
#[must_use]
#[expect(clippy::expect_used, reason = "a key of zeros would open everything")]
pub fn expand(secret: &[u8; 32], label: &str, context: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut okm = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::from_prk(secret)
        .expect("32 bytes are a key for SHA-256")
        .expand_multi_info(&[label.as_bytes(), &[0], &length(context), context], okm.as_mut_slice())
        .expect("32 bytes of output are fewer than 255 times as many");
    okm
}

fn stretch_with(password: &str, salt: &[u8; 16]) -> Result<Stretched, PasswordError> {
    if password.len() > limits::PASSWORD_BYTES_TYPED {
        return Err(PasswordError::TooLong);
    }
    // NFKC makes at most 18 characters of one: reserved, so that no reallocation leaves a copy behind.
    let mut normal = Zeroizing::new(String::with_capacity(password.len() * 18));
    normal.extend(password.nfkc());
    if normal.chars().count() < limits::PASSWORD_CHARS_MIN {
        return Err(PasswordError::TooShort);
    }
    if normal.len() > limits::PASSWORD_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    argon2id(normal.as_bytes(), salt)
}

/// What safety words are made of: Argon2id v1.3(epoch authenticator, first 16 bytes of SHA-256("cloakroom/1 safety" ‖ group
/// id 20 ‖ number of the epoch u64)) → 32 bytes. `of` is authenticator ‖ group id ‖ number.
///
/// # Errors
/// When there is too little memory.
pub fn stretch_safety(of: &[u8; 60]) -> Result<Stretched, PasswordError> {
    let (authenticator, epoch) = of.split_at(32);
    let mut salt = [0; 16];
    let digest = Sha256::new().chain_update("cloakroom/1 safety").chain_update(epoch).finalize();
    salt.iter_mut().zip(digest).for_each(|(out, byte)| *out = byte);
    argon2id(authenticator, &salt)
}

#[expect(clippy::expect_used, reason = "the parameters are constants")]
fn argon2id(password: &[u8], salt: &[u8; 16]) -> Result<Stretched, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).expect("the parameters are within Argon2's bounds");
    let mut stretched = Stretched([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut stretched.0)
        .map_err(|_| PasswordError::Memory)?;
    Ok(stretched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let room = "Book club".parse().unwrap();
        let salt = Salt::from([1; 32]);
        let error = |password: &str| stretch(password, &room, &salt).map(|_| ()).unwrap_err();
        assert_eq!(error(""), PasswordError::TooShort);
        assert_eq!(error("1234567"), PasswordError::TooShort);
        // Eight code points, seven after NFKC.
        assert_eq!(error("e\u{301}234567"), PasswordError::TooShort);
        assert_eq!(error(&"x".repeat(limits::PASSWORD_BYTES_MAX + 1)), PasswordError::TooLong);
        assert_eq!(error(&"\u{fdfa}".repeat(100)), PasswordError::TooLong);
    }

    #[test]
    fn one_password_in_two_writings() {
        let room = "Book club".parse().unwrap();
        let salt = Salt::from([1; 32]);
        let one = stretch("café crème", &room, &salt).unwrap();
        let two = stretch("cafe\u{301} cre\u{300}me", &room, &salt).unwrap();
        assert_eq!(one.as_bytes(), two.as_bytes());
    }
}
