//! The door: bodies of `POST /api/…`, JSON in UTF-8. Names arrive as text, and the server parses
//! them itself, so that a bad name can be told from a malformed body.

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

/// A body of the door, either way: a JSON object. Parsed by itself, a body's type would take an array, too.
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
    /// Where the server's gate asks for one.
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
    /// Shows that the newcomer knows the password.
    pub verifier: Verifier,
    /// Where the server's gate asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<Pass>,
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

/// Whom the operator lets make rooms, or come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// Everyone.
    #[default]
    Open,
    /// Those with an access token.
    Token,
    /// People that the server knows by name, password and one-time code.
    People,
    /// Those who can read a code that is sent to their mailbox.
    Email,
}

/// Asks what the gates want.
#[derive(Debug, Serialize, Deserialize)]
pub struct GateRequest {}

/// Answers a [`GateRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub struct GateAnswer {
    /// For making a room.
    pub create: Gate,
    /// For coming in.
    pub join: Gate,
}

/// Shows an access token.
#[derive(Serialize, Deserialize)]
pub struct AccessTokenRequest {
    /// The token, as the operator handed it out.
    pub token: Zeroizing<String>,
}

/// Asks for the server's part of the salt for a person's own password, whether it knows the person or not.
#[derive(Debug, Serialize, Deserialize)]
pub struct PersonSaltRequest {
    /// The person's name.
    pub name: String,
}

/// Answers a [`PersonSaltRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub struct PersonSaltAnswer {
    /// The server's part of the salt.
    pub salt: Salt,
}

/// Shows that one is this person.
#[derive(Serialize, Deserialize)]
pub struct PersonRequest {
    /// The person's name.
    pub name: String,
    /// Shows that one knows the password.
    pub verifier: Verifier,
    /// A one-time code or a recovery code; without one, the server says whether the rest is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Zeroizing<String>>,
}

/// Asks for a code by e-mail, or shows it.
#[derive(Serialize, Deserialize)]
pub struct MailRequest {
    /// The mailbox.
    pub address: String,
    /// The code that was sent there; without it, one is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Zeroizing<String>>,
}

/// Answers who has passed the gate.
#[derive(Debug, Serialize, Deserialize)]
pub struct PassAnswer {
    /// What to show at the door.
    pub pass: Pass,
    /// Seconds for which it is good.
    pub seconds: u64,
}

/// The body of every answer of the door that is not success.
#[derive(Debug, Serialize)]
pub struct RefusalBody {
    /// [`Refusal::code`].
    pub error: &'static str,
    /// [`Refusal::words`].
    pub message: &'static str,
    /// Seconds after which to try again, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl RefusalBody {
    /// Of this refusal.
    #[must_use]
    pub fn new(refusal: Refusal, retry_after: Option<u64>) -> Self {
        Self { error: refusal.code(), message: refusal.words(), retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    /// Parses these members as an object, and as an array of them.
    fn both<T: DeserializeOwned>(members: &[(&str, &str)]) -> [bool; 2] {
        let object = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",");
        let array = members.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(",");
        [format!("{{{object}}}"), format!("[{array}]")].map(|text| serde_json::from_str::<Object<T>>(&text).is_ok())
    }

    #[test]
    fn a_body_is_an_object() {
        let (id, bytes) = (format!("\"{}\"", "A".repeat(22)), format!("\"{}\"", "A".repeat(43)));
        let (room, user, build) = (("room", "\"r\""), ("user", "\"u\""), ("build", "\"b\""));
        let (room_id, verifier) = (("room_id", id.as_str()), ("verifier", bytes.as_str()));
        let (member_id, token) = (("member_id", "1"), ("token", bytes.as_str()));
        let taken = [true, false];
        assert_eq!(both::<SaltRequest>(&[room]), taken);
        assert_eq!(both::<SaltAnswer>(&[("salt", &bytes), build]), taken);
        assert_eq!(both::<CreateRequest>(&[room, user, room_id, verifier]), taken);
        assert_eq!(both::<JoinRequest>(&[room, user, verifier]), taken);
        assert_eq!(both::<Admission>(&[room_id, member_id, token]), taken);
        assert_eq!(both::<LeaveRequest>(&[room_id, member_id, token]), taken);
        assert_eq!(both::<Admission>(&[room_id, ("member_id", "0"), token]), [false; 2]);
        assert!(serde_json::from_str::<Object<SaltRequest>>("null").is_err());
    }
}
