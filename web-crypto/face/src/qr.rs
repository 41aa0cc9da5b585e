//! The module that draws links.
#![cfg_attr(target_family = "wasm", no_main)]

use wasm_bindgen::prelude::*;

use web_crypto::qr;

/// [`qr::Drawing`].
#[wasm_bindgen(js_name = Drawing, getter_with_clone)]
pub struct DrawingFace {
    /// How many modules a side has.
    pub size: i32,
    /// The data of an SVG path.
    pub path: String,
}

/// [`qr::draw`].
#[wasm_bindgen(js_name = draw)]
pub fn draw_face(text: &str) -> Option<DrawingFace> {
    qr::draw(text).map(|qr::Drawing { size, path }| DrawingFace { size, path })
}

/// Elsewhere there is nothing to do.
#[cfg(not(target_family = "wasm"))]
fn main() {}
