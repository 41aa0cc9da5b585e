//! Byte strings that travel in base64url. None of them prints itself, and all wipe themselves.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

struct Text<const N: usize>;

impl<const N: usize> de::Visitor<'_> for Text<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes in unpadded base64url")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; N], E> {
        let mut bytes = [0; N];
        // The error says nothing of the text itself: it may be a secret.
        match Base64UrlUnpadded::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == N => Ok(bytes),
            _ => Err(E::custom("not the expected number of bytes in unpadded base64url")),
        }
    }
}

/// Exactly `N` bytes from unpadded base64url.
pub(crate) fn bytes<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u8; N], ()> {
    deserializer.deserialize_str(Text).map_err(|_| ())
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The bytes themselves.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// As it stands in JSON: 43 characters of unpadded base64url.
            #[must_use]
            pub fn to_text(&self) -> String {
                Base64UrlUnpadded::encode_string(&self.0)
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl ConstantTimeEq for $name {
            fn ct_eq(&self, other: &Self) -> Choice {
                self.0.ct_eq(&other.0)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.ct_eq(other).into()
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_text())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                bytes(deserializer).map(Self).map_err(|()| de::Error::custom("32 bytes in unpadded base64url are wanted"))
            }
        }
    };
}

secret! {
    /// What a member shows to be known again: 32 random bytes from the server, bound to room, member, name and address.
    Token
}
secret! {
    /// What a client shows to be let in: `HKDF-Expand(room_secret, "cloakroom/1 verifier" …)`, never the password.
    Verifier
}
secret! {
    /// The server's part of the salt: `HMAC-SHA-256(server secret, "salt" ‖ canonical room name)`.
    Salt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn travels_as_base64url_and_never_prints_itself() {
        let token = Token::from([0xfb; 32]);
        let json = serde_json::to_string(&token).unwrap();
        assert_eq!(json, "\"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s\"");
        assert_eq!(serde_json::from_str::<Token>(&json).unwrap(), token);
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn refuses_other_lengths_and_alphabets_without_quoting_them() {
        for text in ["", "secret", "+/v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s", &"A".repeat(44), &"A".repeat(42)] {
            let error = serde_json::from_str::<Token>(&format!("{text:?}")).unwrap_err().to_string();
            assert!(!error.contains("secret") && error.contains("base64url"), "{error}");
        }
    }
}
