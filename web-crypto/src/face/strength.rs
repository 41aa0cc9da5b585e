//! The module that estimates passwords.

use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

use crate::strength;

/// [`strength::guesses_log10`].
#[wasm_bindgen(js_name = guessesLog10)]
pub fn guesses_face(password: String, room: &str, user: &str) -> f64 {
    let password = Zeroizing::new(password);
    strength::guesses_log10(&password, &[room, user])
}
