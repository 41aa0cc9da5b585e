//! The integrity protocol, `docs/INTEGRITY.md`. `server` and `client` are its two sides without IO: bytes in, bytes
//! out. `serve` and `check` are the commands that drive them over TCP.

mod check;
pub mod client;
mod expected;
mod files;
mod serve;
pub mod server;
mod signature;
mod text;

pub use check::{Check, CheckError};
pub use files::{FileError, Key, Keys, LengthWarning, Message, Messages, Problem, Signatures};
pub use serve::{Serve, ServeError};
pub use signature::Signature;
pub use text::TextError;

/// Most characters in one line of a message.
pub const LINE_BYTES: usize = 1 << 20;
/// Most characters in one message, each line end counted as one.
pub const MESSAGE_BYTES: usize = 16 << 20;

/// Spoken by both sides, `docs/INTEGRITY.md`.
mod words {
    pub(super) const HELLO: &str = "HELLO";
    pub(super) const DATA: &str = "DATA";
    pub(super) const PASS: &str = "PASS";
    pub(super) const FAIL: &str = "FAIL";
    pub(super) const QUIT: &str = "QUIT";
    pub(super) const OK: &str = "260 OK";
    pub(super) const SIG: &str = "270 SIG";
}
