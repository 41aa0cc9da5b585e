//! The door: bodies of `POST /api/…`, JSON in UTF-8. Names arrive as text, and the server parses
//! them itself, so that a bad name can be told from a malformed body.

use serde::{Deserialize, Serialize};

use crate::{MemberId, Refusal, RoomId, Salt, Token, Verifier};

/// `POST` here with a [`SaltRequest`].
pub const SALT: &str = "/api/salt";
/// `POST` here with a [`CreateRequest`].
pub const CREATE: &str = "/api/create";
/// `POST` here with a [`JoinRequest`].
pub const JOIN: &str = "/api/join";
/// `POST` here with a [`LeaveRequest`].
pub const LEAVE: &str = "/api/leave";
/// The WebSocket.
pub const SOCKET: &str = "/api/socket";

/// Asks for the server's part of a room's salt, whether the room exists or not.
#[derive(Debug, Serialize, Deserialize)]
pub struct SaltRequest {
    /// The room's name.
    pub room: String,
}

/// Answers a [`SaltRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub struct SaltAnswer {
    /// The server's part of the salt.
    pub salt: Salt,
    /// Which build of the pages the server carries; a page of another build should be loaded anew.
    pub build: String,
}

/// Makes a room and enters it.
#[derive(Debug, Serialize, Deserialize)]
pub struct CreateRequest {
    /// The room's name.
    pub room: String,
    /// The creator's name.
    pub user: String,
    /// The room's id, made by the creator.
    pub room_id: RoomId,
    /// What everyone must show who wants to come in.
    pub verifier: Verifier,
}

/// Enters a room.
#[derive(Debug, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The room's name.
    pub room: String,
    /// The newcomer's name.
    pub user: String,
    /// Shows that the newcomer knows the password.
    pub verifier: Verifier,
}

/// Answers a [`CreateRequest`] or a [`JoinRequest`] that was let in.
#[derive(Debug, Serialize, Deserialize)]
pub struct Admission {
    /// The room's id, told only to those who showed the right verifier.
    pub room_id: RoomId,
    /// The newcomer's number in the room.
    pub member_id: MemberId,
    /// What the newcomer shows from now on.
    pub token: Token,
}

/// Leaves a room; answered by 204 without a body.
#[derive(Debug, Serialize, Deserialize)]
pub struct LeaveRequest {
    /// Which room.
    pub room_id: RoomId,
    /// Which member of it.
    pub member_id: MemberId,
    /// That member's token.
    pub token: Token,
}

/// The body of every answer of the door that is not success.
#[derive(Debug, Serialize)]
pub struct RefusalBody {
    /// [`Refusal::code`].
    pub error: &'static str,
    /// [`Refusal::words`].
    pub message: &'static str,
}

impl From<Refusal> for RefusalBody {
    fn from(refusal: Refusal) -> Self {
        Self { error: refusal.code(), message: refusal.words() }
    }
}
