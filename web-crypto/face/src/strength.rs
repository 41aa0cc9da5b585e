//! The module that estimates passwords.
#![cfg_attr(target_family = "wasm", no_main)]

use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

use web_crypto::strength;

/// [`strength::guesses_log10`].
#[wasm_bindgen(js_name = guessesLog10)]
pub fn guesses_face(password: String, room: &str, user: &str) -> f64 {
    let password = Zeroizing::new(password);
    strength::guesses_log10(&password, &[room, user])
}

/// Elsewhere there is nothing to do.
#[cfg(not(target_family = "wasm"))]
fn main() {}
