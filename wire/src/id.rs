//! Ids, counters and epochs.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A room's id: 16 random bytes from the creator's client; in JSON, 22 characters of unpadded base64url.
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
    /// A member of a room, for one visit. The server assigns ids from 1 and never reuses one in a room. Parsing refuses
    /// 0.
    MemberId(u32)
}
number! {
    /// A sequence number: numbers a room's events, from 1.
    Seq(u64)
}
number! {
    /// Numbers one member's own messages, from 1.
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

/// The error for member id 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a member's id is at least 1")]
pub struct InvalidMemberId;

impl TryFrom<u32> for MemberId {
    type Error = InvalidMemberId;

    fn try_from(id: u32) -> Result<Self, InvalidMemberId> {
        if id == 0 { Err(InvalidMemberId) } else { Ok(Self(id)) }
    }
}

/// An epoch of a room's MLS group (RFC 9420, section 2). Every commit begins the next epoch. When the group cannot
/// continue, it is founded anew as the next generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epoch {
    /// Counts how often the group was founded anew, from 0.
    pub generation: u32,
    /// Counts the epochs of this generation, from 0.
    pub number: u64,
}

impl Epoch {
    /// Returns the next epoch of the same generation.
    #[must_use]
    pub fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }

    /// Returns the first epoch of the next generation.
    #[must_use]
    pub fn next_generation(self) -> Self {
        Self { generation: self.generation.saturating_add(1), number: 0 }
    }
}

impl Counter {
    /// Returns the counter after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Seq {
    /// Returns the sequence number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_increment_and_saturate() {
        let epoch = Epoch { generation: 2, number: 7 };
        assert_eq!(epoch.next(), Epoch { generation: 2, number: 8 });
        assert_eq!(epoch.next_generation(), Epoch { generation: 3, number: 0 });
        assert_eq!((Counter(7).next(), Seq(7).next()), (Counter(8), Seq(8)));
        assert_eq!((Counter(u64::MAX).next(), Seq(u64::MAX).next()), (Counter(u64::MAX), Seq(u64::MAX)));
    }

    #[test]
    fn debug_of_a_room_id_is_base64url() {
        assert_eq!(format!("{:?}", RoomId([255; 16])), format!("RoomId({})", "_".repeat(21) + "w"));
    }

    #[test]
    fn member_id_0_is_refused() {
        for (text, id) in
            [("1", Some(1)), ("4294967295", Some(u32::MAX)), ("0", None), ("4294967296", None), ("-1", None)]
        {
            assert_eq!(serde_json::from_str::<MemberId>(text).ok(), id.map(MemberId), "{text}");
        }
        assert_eq!(serde_json::to_string(&MemberId(7)).unwrap(), "7");
    }
}
