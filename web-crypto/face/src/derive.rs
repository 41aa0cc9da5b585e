//! The derivation worker's module.
#![cfg_attr(target_family = "wasm", no_main)]

use wasm_bindgen::prelude::*;
use wire::Salt;
use zeroize::Zeroizing;

use web_crypto::stretch;

/// [`stretch::stretch`]: 32 bytes, or throws `{code, words}`.
#[wasm_bindgen(js_name = stretch)]
pub fn stretch_face(password: String, room: &str, salt: &[u8]) -> Result<Vec<u8>, Failure> {
    let password = Zeroizing::new(password);
    let room = room.parse().map_err(|_| Failure::new("bad_room_name", wire::Refusal::BadRoomName.words()))?;
    let salt = <[u8; 32]>::try_from(salt).map_err(|_| Failure::new("internal", wire::Refusal::Internal.words()))?;
    let stretched = stretch::stretch(&password, &room, &Salt::from(salt))
        .map_err(|error| Failure::new(error.code(), &error.to_string()))?;
    Ok(stretched.as_bytes().to_vec())
}

/// [`stretch::person_verifier`]: 32 bytes, or throws `{code, words}`.
#[wasm_bindgen(js_name = personVerifier)]
pub fn person_verifier_face(password: String, name: &str, salt: &[u8]) -> Result<Vec<u8>, Failure> {
    let password = Zeroizing::new(password);
    let name = name.parse().map_err(|_| Failure::new("wrong_person", wire::Refusal::WrongPerson.words()))?;
    let salt = <[u8; 32]>::try_from(salt).map_err(|_| Failure::new("internal", wire::Refusal::Internal.words()))?;
    let verifier = stretch::person_verifier(&password, &name, &Salt::from(salt))
        .map_err(|error| Failure::new(error.code(), &error.to_string()))?;
    Ok(verifier.as_bytes().to_vec())
}

/// [`stretch::stretch_safety`]: 32 bytes, or throws `{code, words}`.
#[wasm_bindgen(js_name = stretchSafety)]
pub fn stretch_safety_face(of: &[u8]) -> Result<Vec<u8>, Failure> {
    let of = of.try_into().map_err(|_| Failure::new("internal", wire::Refusal::Internal.words()))?;
    let stretched = stretch::stretch_safety(of).map_err(|error| Failure::new(error.code(), &error.to_string()))?;
    Ok(stretched.as_bytes().to_vec())
}

/// Why a password could not be stretched.
#[wasm_bindgen(getter_with_clone)]
pub struct Failure {
    /// A code of PROTOCOL's table.
    pub code: String,
    /// What the person reads.
    pub words: String,
}

impl Failure {
    fn new(code: &str, words: &str) -> Self {
        Self { code: code.to_owned(), words: words.to_owned() }
    }
}

/// Elsewhere there is nothing to do.
#[cfg(not(target_family = "wasm"))]
fn main() {}
