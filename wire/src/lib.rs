//! What crosses the wire between Cloakroom's server and its clients: frames, names, ids, every
//! bound, and every answer that is not success. No cryptography and no IO.
//!
//! Parsing validates: a [`RoomName`], a [`Token`] or a [`ClientFrame`] that exists is well formed,
//! and nothing past the edge checks it again. `docs/PROTOCOL.md` is the text this crate implements.

pub mod door;
mod error;
mod frame;
mod id;
pub mod limits;
mod name;
mod secret;

pub use error::{CloseCode, Refusal};
pub use frame::{ClientFrame, Departure, FrameError, Hello, Person, ServerFrame, Standing, Welcome};
pub use id::{Counter, Epoch, MemberId, NoMember, RoomId, Seq};
pub use name::{NameError, PersonName, RoomName, Skeleton, UserName};
pub use secret::{Pass, Salt, Token, Verifier};

/// The version in the first byte of every frame.
pub const VERSION: u8 = 1;
