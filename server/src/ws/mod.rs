//! WebSocket (RFC 6455), the server's side: the opening handshake, frames in, frames out, the closing codes.
//!
//! It knows nothing of this project's own frames, and works over any stream of bytes. No extension, no subprotocol.
//! An idle connection keeps no buffer.

mod close;
mod handshake;
mod head;
mod many;
mod mask;
mod parse;
mod read;
mod write;

pub use close::{Close, Fault};
pub use handshake::{HandshakeError, accept};
pub use head::Opcode;
pub use many::{Framed, Scratch};
pub use parse::{Event, Parser};
pub use read::{End, Reader, drain};
pub use write::{Outgoing, Writer};

/// A payload of more than this is written from where it lies; to copy a smaller one costs less than to part a write.
pub(crate) const COPIED_BYTES: usize = 4 * 1024;
