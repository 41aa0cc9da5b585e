//! The messages between Cloakroom's server and its clients: frames, names, ids, every limit, and every refusal. No
//! cryptography and no IO. This crate implements `docs/PROTOCOL.md`.
//!
//! Parsing validates: every [`RoomName`], [`Token`] and [`ClientFrame`] is well formed, so no other code checks it
//! again.

pub mod door;
mod error;
mod frame;
mod id;
pub mod limits;
mod name;
mod secret;

pub use error::{CloseCode, Refusal};
pub use frame::{ClientFrame, Departure, FrameError, Hello, Person, ServerFrame, Standing, Welcome};
pub use id::{Counter, Epoch, InvalidMemberId, MemberId, RoomId, Seq};
pub use name::{NameError, PersonName, RoomName, Skeleton, UserName};
pub use secret::{Pass, Salt, Token, Verifier};

/// The version in the first byte of every frame.
pub const VERSION: u8 = 1;
