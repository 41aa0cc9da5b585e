//! Numbers that name things.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A room's id: 16 random bytes, made by the creator's client; 22 characters of unpadded base64url in JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(pub [u8; 16]);

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({})", Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for RoomId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::secret::bytes(deserializer)
            .map(|bytes| RoomId(**bytes))
            .map_err(|()| de::Error::custom("a room id is 16 bytes in unpadded base64url"))
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A member of a room, for one visit. Given by the server, from 1, and never again in that room. What comes from
    /// outside is parsed, and 0 refused.
    MemberId(u32)
}
number! {
    /// A place in a room's one order of events, from 1.
    Seq(u64)
}
number! {
    /// A place among one member's own messages, from 1.
    Counter(u64)
}

macro_rules! parsed_number {
    ($($name:ident)*) => {
        $(
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    Deserialize::deserialize(deserializer).map(Self)
                }
            }
        )*
    };
}

parsed_number! { Seq Counter }

impl<'de> Deserialize<'de> for MemberId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

/// A member's id is never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a member's id is at least 1")]
pub struct NoMember;

impl TryFrom<u32> for MemberId {
    type Error = NoMember;

    fn try_from(id: u32) -> Result<Self, NoMember> {
        if id == 0 { Err(NoMember) } else { Ok(Self(id)) }
    }
}

/// A moment of a room's group: which group it is, and which of its epochs (RFC 9420, section 2). Every commit leads to
/// the next epoch; a group that cannot go on is followed by that of the next generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epoch {
    /// Which group, from 0.
    pub generation: u32,
    /// Which of its epochs, from 0.
    pub number: u64,
}

impl Epoch {
    /// The epoch after this one, of the same group.
    #[must_use]
    pub fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }

    /// The first epoch of the next group.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { generation: self.generation.saturating_add(1), number: 0 }
    }
}

impl Counter {
    /// The counter after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Seq {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_up_by_one_and_stay_at_the_last() {
        let epoch = Epoch { generation: 2, number: 7 };
        assert_eq!(epoch.next(), Epoch { generation: 2, number: 8 });
        assert_eq!(epoch.anew(), Epoch { generation: 3, number: 0 });
        assert_eq!((Counter(7).next(), Seq(7).next()), (Counter(8), Seq(8)));
        assert_eq!((Counter(u64::MAX).next(), Seq(u64::MAX).next()), (Counter(u64::MAX), Seq(u64::MAX)));
    }

    #[test]
    fn a_room_is_logged_by_its_id() {
        assert_eq!(format!("{:?}", RoomId([255; 16])), format!("RoomId({})", "_".repeat(21) + "w"));
    }

    #[test]
    fn no_member_has_the_id_0() {
        for (text, id) in
            [("1", Some(1)), ("4294967295", Some(u32::MAX)), ("0", None), ("4294967296", None), ("-1", None)]
        {
            assert_eq!(serde_json::from_str::<MemberId>(text).ok(), id.map(MemberId), "{text}");
        }
        assert_eq!(serde_json::to_string(&MemberId(7)).unwrap(), "7");
    }
}
