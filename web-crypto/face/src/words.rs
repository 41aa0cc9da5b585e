//! The module with the words: passphrases and safety words.
#![cfg_attr(target_family = "wasm", no_main)]

use wasm_bindgen::prelude::*;

use web_crypto::passphrase;

/// [`passphrase::suggest`], from the browser's own randomness.
#[wasm_bindgen(js_name = suggest)]
pub fn suggest_face() -> JsValue {
    let phrase = passphrase::suggest(|bytes| {
        // Were there no randomness, to stop is the one safe answer.
        if getrandom::fill(bytes).is_err() {
            wasm_bindgen::throw_str("no entropy");
        }
    });
    phrase.as_str().into()
}

/// [`passphrase::safety_words`] of 32 bytes; undefined for any others.
#[wasm_bindgen(js_name = safetyWords)]
pub fn safety_words_face(bytes: &[u8]) -> Option<String> {
    passphrase::safety_words(bytes.try_into().ok()?)
}

/// Elsewhere there is nothing to do.
#[cfg(not(target_family = "wasm"))]
fn main() {}
