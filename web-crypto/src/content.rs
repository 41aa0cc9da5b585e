//! What a message says: `version u8 ‖ kind u8 ‖ body`, padded.

use wire::limits;
use zeroize::Zeroizing;

use crate::padding;

const VERSION: u8 = 1;
const TEXT: u8 = 1;

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// `0x01`: text in UTF-8, 1 to [`limits::TEXT_CHARS`] characters.
    Text(Zeroizing<String>),
}

/// Why a content cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// Of a version or kind that this client does not know.
    #[error("content of an unknown kind")]
    Unknown,
    /// Padding, encoding or bounds are wrong.
    #[error("content that is not well formed")]
    Malformed,
}

impl Content {
    /// A text, if it has an allowed length.
    #[must_use]
    pub fn text(text: &str) -> Option<Self> {
        // The bytes are looked at first: counting characters costs as much as there are.
        (!text.is_empty() && text.len() <= limits::TEXT_CHARS * 4 && text.chars().count() <= limits::TEXT_CHARS)
            .then(|| Self::Text(Zeroizing::new(text.to_owned())))
    }

    /// Encoded and padded, ready to be sealed.
    #[must_use]
    pub fn to_padded(&self) -> Zeroizing<Vec<u8>> {
        let Self::Text(text) = self;
        let mut bytes = Zeroizing::new(Vec::with_capacity(padding::MIN + text.len() * 9 / 8 + 2));
        bytes.extend([VERSION, TEXT]);
        bytes.extend(text.as_bytes());
        padding::pad(&mut bytes);
        bytes
    }

    /// Reads what [`Content::to_padded`] wrote.
    ///
    /// # Errors
    /// When it is of another kind or not well formed.
    pub fn from_padded(bytes: &[u8]) -> Result<Self, ContentError> {
        match padding::unpad(bytes).ok_or(ContentError::Malformed)? {
            [VERSION, TEXT, text @ ..] => {
                core::str::from_utf8(text).ok().and_then(Self::text).ok_or(ContentError::Malformed)
            }
            [_, _, ..] => Err(ContentError::Unknown),
            _ => Err(ContentError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(content: &[u8]) -> Vec<u8> {
        let mut bytes = content.to_vec();
        padding::pad(&mut bytes);
        bytes
    }

    #[test]
    fn text_comes_back() {
        for text in ["a", "Grüße 👋", "\u{202e}\0<script>", &"x".repeat(limits::TEXT_CHARS)] {
            let content = Content::text(text).unwrap();
            assert!(Content::from_padded(&content.to_padded()) == Ok(content));
        }
    }

    #[test]
    fn out_of_bounds() {
        assert!(Content::text("").is_none());
        assert!(Content::text(&"é".repeat(limits::TEXT_CHARS + 1)).is_none());
    }

    #[test]
    fn refused() {
        let long = [&[VERSION, TEXT][..], "x".repeat(limits::TEXT_CHARS + 1).as_bytes()].concat();
        for (content, error) in [
            (&[VERSION][..], ContentError::Malformed),
            (&[], ContentError::Malformed),
            (&[VERSION, TEXT], ContentError::Malformed),
            (&[VERSION, TEXT, 0xff, 0xfe], ContentError::Malformed),
            (&long, ContentError::Malformed),
            (&[VERSION, 200, b'x'], ContentError::Unknown),
            (&[2, TEXT, b'x'], ContentError::Unknown),
        ] {
            assert!(Content::from_padded(&padded(content)) == Err(error), "{content:?}");
        }
        assert!(Content::from_padded(b"\x01\x01hi") == Err(ContentError::Malformed), "no padding");
    }
}
