//! What a message says: `version u8 ‖ kind u8 ‖ counter u64 ‖ body`, padded.

use wire::{Counter, limits};
use zeroize::Zeroizing;

use crate::padding;

const VERSION: u8 = 1;
const TEXT: u8 = 1;
const HERE: u8 = 2;

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// `0x01`: text in UTF-8, 1 to [`limits::TEXT_CHARS`] characters.
    Text(Zeroizing<String>),
    /// `0x02`: the sender is in the group now.
    Here,
}

/// Why a content cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// Of a version or kind that this client does not know; its counter, if it is of this version.
    #[error("content of an unknown kind")]
    Unknown(Counter),
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
    pub fn to_padded(&self, counter: Counter) -> Zeroizing<Vec<u8>> {
        let (kind, body) = match self {
            Self::Text(text) => (TEXT, text.as_bytes()),
            Self::Here => (HERE, &[][..]),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(padding::MIN + (body.len() + 10) * 9 / 8 + 1));
        bytes.extend([VERSION, kind]);
        bytes.extend(counter.0.to_be_bytes());
        bytes.extend(body);
        padding::pad(&mut bytes);
        bytes
    }

    /// Reads what [`Content::to_padded`] wrote.
    ///
    /// # Errors
    /// When it is of another kind or not well formed.
    pub fn from_padded(bytes: &[u8]) -> Result<(Counter, Self), ContentError> {
        let content = padding::unpad(bytes).ok_or(ContentError::Malformed)?;
        let ([version, kind], rest) = content.split_first_chunk().ok_or(ContentError::Malformed)?;
        let (counter, body) = rest.split_first_chunk().ok_or(ContentError::Malformed)?;
        let counter = Counter(u64::from_be_bytes(*counter));
        let content = match (*version, *kind) {
            (VERSION, TEXT) => core::str::from_utf8(body).ok().and_then(Self::text).ok_or(ContentError::Malformed)?,
            (VERSION, HERE) if body.is_empty() => Self::Here,
            (VERSION, HERE) => return Err(ContentError::Malformed),
            _ => return Err(ContentError::Unknown(counter)),
        };
        Ok((counter, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTER: Counter = Counter(0x0102_0304_0506_0708);

    fn padded(content: &[u8]) -> Vec<u8> {
        let mut bytes = content.to_vec();
        padding::pad(&mut bytes);
        bytes
    }

    /// version and kind, then the counter, then the body.
    fn content(head: [u8; 2], body: &[u8]) -> Vec<u8> {
        padded(&[&head[..], &COUNTER.0.to_be_bytes(), body].concat())
    }

    #[test]
    fn contents_come_back() {
        for text in ["a", "Grüße 👋", "\u{202e}\0<script>", &"x".repeat(limits::TEXT_CHARS)] {
            let content = Content::text(text).unwrap();
            assert!(Content::from_padded(&content.to_padded(COUNTER)) == Ok((COUNTER, content)));
        }
        assert!(Content::from_padded(&Content::Here.to_padded(COUNTER)) == Ok((COUNTER, Content::Here)));
    }

    #[test]
    fn out_of_bounds() {
        assert!(Content::text("").is_none());
        assert!(Content::text(&"é".repeat(limits::TEXT_CHARS + 1)).is_none());
    }

    #[test]
    fn refused() {
        let long = "x".repeat(limits::TEXT_CHARS + 1);
        for (bytes, error) in [
            (padded(&[]), ContentError::Malformed),
            (padded(&[VERSION]), ContentError::Malformed),
            (padded(&[VERSION, TEXT, 0, 0, 0, 0, 0, 0, 0]), ContentError::Malformed),
            (content([VERSION, TEXT], b""), ContentError::Malformed),
            (content([VERSION, TEXT], &[0xff, 0xfe]), ContentError::Malformed),
            (content([VERSION, TEXT], long.as_bytes()), ContentError::Malformed),
            (content([VERSION, HERE], b"x"), ContentError::Malformed),
            (content([VERSION, 200], b"x"), ContentError::Unknown(COUNTER)),
            (content([2, TEXT], b"x"), ContentError::Unknown(COUNTER)),
            (b"\x01\x01\0\0\0\0\0\0\0\x01hi".to_vec(), ContentError::Malformed),
        ] {
            assert!(Content::from_padded(&bytes) == Err(error), "{bytes:?}");
        }
    }
}
