//! Secret byte strings, sent as base64url. They are wiped when dropped, and `Debug` does not show them. They live on
//! the heap, so that a move copies no secret byte.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::limits;

/// Characters in the base64url of 32 bytes.
const TEXT_BYTES: usize = 43;

struct Text<const N: usize>;

impl<const N: usize> de::Visitor<'_> for Text<N> {
    type Value = Box<Zeroizing<[u8; N]>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes in unpadded base64url")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        let mut bytes = Box::new(Zeroizing::new([0; N]));
        // The error does not quote the text, which may be a secret.
        match Base64UrlUnpadded::decode(text, bytes.as_mut_slice()) {
            Ok(decoded) if decoded.len() == N => Ok(bytes),
            _ => Err(E::custom("not the expected number of bytes in unpadded base64url")),
        }
    }
}

/// Deserializes exactly `N` bytes of unpadded base64url.
pub(crate) fn bytes<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<Box<Zeroizing<[u8; N]>>, ()> {
    deserializer.deserialize_str(Text).map_err(|_| ())
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(Box<Zeroizing<[u8; 32]>>);

        impl ZeroizeOnDrop for $name {}

        impl Clone for $name {
            fn clone(&self) -> Self {
                Self::from(self.as_bytes())
            }
        }

        impl $name {
            /// Returns the bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Returns the JSON form: 43 characters of unpadded base64url.
            #[must_use]
            pub fn to_text(&self) -> String {
                Base64UrlUnpadded::encode_string(self.as_bytes())
            }

            /// Makes a secret from 32 bytes that `fill` writes in place.
            ///
            /// # Errors
            /// When `fill` fails.
            pub fn filled<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
                let mut bytes = Box::new(Zeroizing::new([0; 32]));
                fill(bytes.as_mut_slice())?;
                Ok(Self(bytes))
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(mut bytes: [u8; 32]) -> Self {
                let own = Self::from(&bytes);
                bytes.zeroize();
                own
            }
        }

        impl From<&[u8; 32]> for $name {
            fn from(bytes: &[u8; 32]) -> Self {
                let mut own = Box::new(Zeroizing::new([0; 32]));
                own.copy_from_slice(bytes);
                Self(own)
            }
        }

        impl ConstantTimeEq for $name {
            fn ct_eq(&self, other: &Self) -> Choice {
                self.as_bytes().ct_eq(other.as_bytes())
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
                let mut text = Zeroizing::new([0; TEXT_BYTES]);
                let text = Base64UrlUnpadded::encode(self.as_bytes(), text.as_mut_slice());
                serializer.serialize_str(text.map_err(ser::Error::custom)?)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                bytes(deserializer).map(Self).map_err(|()| de::Error::custom("expected 32 bytes in unpadded base64url"))
            }
        }
    };
}

secret! {
    /// Authenticates a member: 32 random bytes from the server, bound to room, member, name and network address.
    Token
}
secret! {
    /// Proves knowledge of the password: `HKDF-Expand(room_secret, "cloakroom/1 verifier" …)`.
    Verifier
}
secret! {
    /// The server's part of the salt: `HMAC-SHA-256(salt key, "salt" ‖ canonical room name)`.
    Salt
}

/// Proves that the bearer signed in at the server's gate. Only the server can read it.
#[derive(Clone)]
pub struct Pass(Zeroizing<String>);

impl Pass {
    /// Accepts a text of at most [`limits::PASS_CHARS`] characters of base64url.
    #[must_use]
    pub fn from_text(text: Zeroizing<String>) -> Option<Self> {
        let fits = text.len() <= limits::PASS_CHARS;
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (fits && is_plain).then_some(Self(text))
    }

    /// Returns the JSON form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass(…)")
    }
}

impl Serialize for Pass {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Pass {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::from_text(text).ok_or_else(|| de::Error::custom("expected a pass"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_base64url_and_debug_hides_the_bytes() {
        let token = Token::from([0xfb; 32]);
        let json = serde_json::to_string(&token).unwrap();
        assert_eq!(json, "\"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s\"");
        assert_eq!(serde_json::from_str::<Token>(&json).unwrap(), token);
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn malformed_text_is_refused_and_not_quoted() {
        for text in ["", "secret", "+/v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s", &"A".repeat(44), &"A".repeat(42)] {
            let error = serde_json::from_str::<Token>(&format!("{text:?}")).unwrap_err().to_string();
            assert!(!error.contains("secret") && error.contains("base64url"), "{error}");
        }
    }
}
