//! The password's way to the stretched key. Constants of "cloakroom/1", never negotiated.

use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use wire::{RoomName, Salt, limits};
use zeroize::Zeroizing;

use crate::Stretched;

/// Argon2id memory, in KiB.
const MEMORY_KIB: u32 = 65_536;
/// Argon2id passes.
const PASSES: u32 = 3;
/// Argon2id lanes.
const LANES: u32 = 1;

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

/// argon salt = first 16 bytes of SHA-256("cloakroom/1 salt" ‖ u16 length ‖ canonical room name ‖ server salt)
fn argon_salt(room: &RoomName, salt: &Salt) -> [u8; 16] {
    let name = room.as_str().as_bytes();
    let digest = Sha256::new()
        .chain_update("cloakroom/1 salt")
        // A canonical name has at most 256 bytes.
        .chain_update(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes())
        .chain_update(name)
        .chain_update(salt.as_bytes())
        .finalize();
    let mut out = [0; 16];
    out.iter_mut().zip(digest).for_each(|(out, byte)| *out = byte);
    out
}

/// stretched = Argon2id v1.3(NFKC(password), argon salt, m = 65,536 KiB, t = 3, p = 1) → 32 bytes
///
/// # Errors
/// When the password is too short or too long.
pub fn stretch(password: &str, room: &RoomName, salt: &Salt) -> Result<Stretched, PasswordError> {
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
    argon2id(normal.as_bytes(), &argon_salt(room, salt))
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

fn argon2id(password: &[u8], salt: &[u8; 16]) -> Result<Stretched, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(|_| PasswordError::Memory)?;
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
