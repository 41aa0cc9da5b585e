//! The wasm face: types across, no decisions.

#[cfg(feature = "derive")]
pub mod derive;
#[cfg(feature = "qr")]
pub mod qr;
#[cfg(feature = "session")]
pub mod session;
#[cfg(feature = "strength")]
pub mod strength;
#[cfg(feature = "words")]
pub mod words;
