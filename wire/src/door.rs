//! The door: the JSON bodies of `POST /api/…`. Names arrive as plain strings and the server parses them afterwards, so
//! that it can answer a bad name differently from a malformed body.

use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use zeroize::Zeroizing;

use crate::{MemberId, Pass, Refusal, RoomId, Salt, Token, Verifier};

/// `POST` here with a [`SaltRequest`].
pub const SALT: &str = "/api/salt";
/// `POST` here with a [`CreateRequest`].
pub const CREATE: &str = "/api/create";
/// `POST` here with a [`JoinRequest`].
pub const JOIN: &str = "/api/join";
/// `POST` here with a [`LeaveRequest`].
pub const LEAVE: &str = "/api/leave";
/// `POST` here with a [`GateRequest`].
pub const GATE: &str = "/api/gate";
/// `POST` here with an [`AccessTokenRequest`].
pub const GATE_TOKEN: &str = "/api/gate/token";
/// `POST` here with a [`PersonSaltRequest`].
pub const GATE_SALT: &str = "/api/gate/salt";
/// `POST` here with a [`PersonRequest`].
pub const GATE_PEOPLE: &str = "/api/gate/people";
/// `POST` here with a [`MailRequest`].
pub const GATE_EMAIL: &str = "/api/gate/email";
/// The WebSocket.
pub const SOCKET: &str = "/api/socket";

/// The JSON object of a request or an answer. Serde's derived types also accept arrays; this wrapper does not.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// Asks for the server's part of a room's salt. The server answers alike whether or not the room exists.
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
    /// The build of the server's pages. A page of another build should reload.
    pub build: String,
}

/// Creates a room and enters it.
#[derive(Debug, Serialize, Deserialize)]
pub struct CreateRequest {
    /// The room's name.
    pub room: String,
    /// The creator's name.
    pub user: String,
    /// The room's id, chosen at random by the creator's client.
    pub room_id: RoomId,
    /// The verifier that every later newcomer must show.
    pub verifier: Verifier,
    /// The pass, if the server's gate requires one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<Pass>,
}

/// Enters a room.
#[derive(Debug, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The room's name.
    pub room: String,
    /// The newcomer's name.
    pub user: String,
    /// Proves that the newcomer knows the password.
    pub verifier: Verifier,
    /// The pass, if the server's gate requires one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<Pass>,
}

/// Answers a successful [`CreateRequest`] or [`JoinRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Admission {
    /// The room's id, disclosed only after the right verifier.
    pub room_id: RoomId,
    /// The newcomer's member id.
    pub member_id: MemberId,
    /// Authenticates the newcomer from now on.
    pub token: Token,
}

/// Leaves a room. The server answers 204 without a body.
#[derive(Debug, Serialize, Deserialize)]
pub struct LeaveRequest {
    /// The room.
    pub room_id: RoomId,
    /// The member that leaves.
    pub member_id: MemberId,
    /// That member's token.
    pub token: Token,
}

/// The people the operator lets create rooms, or enter them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// Everyone.
    #[default]
    Open,
    /// People with an access token.
    Token,
    /// People with an account on this server: name, password and one-time code.
    People,
    /// People who receive a code by e-mail at a listed address.
    Email,
}

/// Asks which gates are in use.
#[derive(Debug, Serialize, Deserialize)]
pub struct GateRequest {}

/// Answers a [`GateRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub struct GateAnswer {
    /// The gate for creating a room.
    pub create: Gate,
    /// The gate for entering a room.
    pub join: Gate,
}

/// Signs in with an access token.
#[derive(Serialize, Deserialize)]
pub struct AccessTokenRequest {
    /// The token, as the server printed it for the operator.
    pub token: Zeroizing<String>,
}

/// Asks for the server's part of the salt for an account password. The server answers alike whether or not the account
/// exists.
#[derive(Debug, Serialize, Deserialize)]
pub struct PersonSaltRequest {
    /// The account name.
    pub name: String,
}

/// Answers a [`PersonSaltRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub struct PersonSaltAnswer {
    /// The server's part of the salt.
    pub salt: Salt,
}

/// Signs in with an account.
#[derive(Serialize, Deserialize)]
pub struct PersonRequest {
    /// The account name.
    pub name: String,
    /// Proves knowledge of the account password.
    pub verifier: Verifier,
    /// A one-time code or a recovery code. Without it, the server only says whether name and password are right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Zeroizing<String>>,
}

/// Asks for a code by e-mail, or signs in with it.
#[derive(Serialize, Deserialize)]
pub struct MailRequest {
    /// The mailbox.
    pub address: String,
    /// The mailed code. Without it, the server sends one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Zeroizing<String>>,
}

/// Answers a successful sign-in.
#[derive(Debug, Serialize, Deserialize)]
pub struct PassAnswer {
    /// The pass to show at the door.
    pub pass: Pass,
    /// How many seconds the pass is valid.
    pub seconds: u64,
}

/// The body of every answer that refuses a request.
#[derive(Debug, Serialize)]
pub struct RefusalBody {
    /// [`Refusal::code`].
    pub error: &'static str,
    /// [`Refusal::words`].
    pub message: &'static str,
    /// Seconds after which to try again, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl RefusalBody {
    /// Returns the body for a refusal.
    #[must_use]
    pub fn new(refusal: Refusal, retry_after: Option<u64>) -> Self {
        Self { error: refusal.code(), message: refusal.words(), retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    /// Whether `T` parses from these members as a JSON object, and from their values as an array.
    fn object_and_array<T: DeserializeOwned>(members: &[(&str, &str)]) -> [bool; 2] {
        let object = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",");
        let array = members.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(",");
        [format!("{{{object}}}"), format!("[{array}]")].map(|text| serde_json::from_str::<Object<T>>(&text).is_ok())
    }

    #[test]
    fn bodies_are_objects_never_arrays() {
        let (id, bytes) = (format!("\"{}\"", "A".repeat(22)), format!("\"{}\"", "A".repeat(43)));
        let (room, user, build) = (("room", "\"r\""), ("user", "\"u\""), ("build", "\"b\""));
        let (room_id, verifier) = (("room_id", id.as_str()), ("verifier", bytes.as_str()));
        let (member_id, token) = (("member_id", "1"), ("token", bytes.as_str()));
        let object_only = [true, false];
        assert_eq!(object_and_array::<SaltRequest>(&[room]), object_only);
        assert_eq!(object_and_array::<SaltAnswer>(&[("salt", &bytes), build]), object_only);
        assert_eq!(object_and_array::<CreateRequest>(&[room, user, room_id, verifier]), object_only);
        assert_eq!(object_and_array::<JoinRequest>(&[room, user, verifier]), object_only);
        assert_eq!(object_and_array::<Admission>(&[room_id, member_id, token]), object_only);
        assert_eq!(object_and_array::<LeaveRequest>(&[room_id, member_id, token]), object_only);
        assert_eq!(object_and_array::<Admission>(&[room_id, ("member_id", "0"), token]), [false; 2]);
        assert!(serde_json::from_str::<Object<SaltRequest>>("null").is_err());
    }
}
