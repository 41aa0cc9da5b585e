//! The wasm face: types across, no decisions.

#[cfg(feature = "derive")]
pub mod derive;
#[cfg(feature = "session")]
pub mod session;
