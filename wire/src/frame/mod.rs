//! Frames: the binary WebSocket messages, `version u8 ‖ kind u8 ‖ body`, with big-endian integers.

mod client;
mod fields;
mod server;
#[cfg(test)]
mod tests;

pub use client::{ClientFrame, Hello};
pub use server::{Departure, Person, ServerFrame, Standing, Welcome};

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first byte is not [`VERSION`](crate::VERSION).
    #[error("unknown frame version {0}")]
    Version(u8),
    /// Anything else.
    #[error("not a frame")]
    Malformed,
}
