//! The module that suggests passphrases.

use wasm_bindgen::prelude::*;

use crate::passphrase;

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
