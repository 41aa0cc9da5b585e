//! The server's side of WebSocket (RFC 6455): opening handshake, reading and writing frames, close codes.
//!
//! This module is independent of the rest of the server and works over any byte stream. It supports no extension and no
//! subprotocol. An idle connection keeps no buffer.

mod broadcast;
mod close;
mod handshake;
mod head;
mod mask;
mod parse;
mod read;
mod write;

pub use broadcast::{FramedMessages, Scratch};
pub use close::{Close, Fault};
pub use handshake::{HandshakeError, accept};
pub use head::Opcode;
pub use parse::{Event, Parser};
pub use read::{End, Reader, drain};
pub use write::{Outgoing, Writer};

/// Larger payloads are written without a copy. Copying a smaller one costs less than another part in a vectored write.
pub(crate) const MAX_COPIED_BYTES: usize = 4 * 1024;
