//! What a message says: `version u8 ‖ kind u8 ‖ counter u64 ‖ body`, padded.

use wire::{Counter, limits};
use zeroize::Zeroizing;

use crate::{
    padding,
    picture::{Offer, Piece},
};

const VERSION: u8 = 1;
const TEXT: u8 = 1;
const HERE: u8 = 2;
const PICTURE: u8 = 3;
const PIECE: u8 = 4;
const CANCELLED: u8 = 5;

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// `0x01`: text in UTF-8, 1 to [`limits::TEXT_CHARS`] characters.
    Text(Zeroizing<String>),
    /// `0x02`: the sender is in the group now.
    Here,
    /// `0x03`: a picture, whose pieces follow.
    Picture(Offer),
    /// `0x04`: a piece of the sender's last picture.
    Piece(Piece),
    /// `0x05`: the rest of the sender's last picture does not come.
    Cancelled,
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
        // The bytes first: counting characters takes time in proportion to the length.
        (!text.is_empty() && text.len() <= limits::TEXT_CHARS * 4 && text.chars().count() <= limits::TEXT_CHARS)
            .then(|| Self::Text(Zeroizing::new(text.to_owned())))
    }

    /// Encoded and padded, ready to be sealed.
    #[must_use]
    pub fn to_padded(&self, counter: Counter) -> Zeroizing<Vec<u8>> {
        let (kind, head, body) = match self {
            Self::Text(text) => (TEXT, vec![], text.as_bytes()),
            Self::Here => (HERE, vec![], &[][..]),
            Self::Picture(offer) => (PICTURE, offer.head(), offer.alt.as_bytes()),
            Self::Piece(piece) => (PIECE, piece.index.to_be_bytes().to_vec(), piece.bytes.as_slice()),
            Self::Cancelled => (CANCELLED, vec![], &[][..]),
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(padding::MIN + (head.len() + body.len() + 10) * 9 / 8 + 1));
        bytes.extend([VERSION, kind]);
        bytes.extend(counter.0.to_be_bytes());
        bytes.extend(head);
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
        if *version != VERSION {
            return Err(ContentError::Unknown(counter));
        }
        let content = match *kind {
            TEXT => core::str::from_utf8(body).ok().and_then(Self::text),
            HERE => body.is_empty().then_some(Self::Here),
            PICTURE => Offer::read(body).map(Self::Picture),
            PIECE => Piece::read(body).map(Self::Piece),
            CANCELLED => body.is_empty().then_some(Self::Cancelled),
            _ => return Err(ContentError::Unknown(counter)),
        };
        Ok((counter, content.ok_or(ContentError::Malformed)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Media;

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
        // A character has four bytes at most: the longest text is whole in any script.
        let longest = ["x", "é", "👋"].map(|character| character.repeat(limits::TEXT_CHARS));
        for text in ["a", "Grüße 👋", "\u{202e}\0<script>"].into_iter().chain(longest.iter().map(String::as_str)) {
            let content = Content::text(text).unwrap();
            assert!(Content::from_padded(&content.to_padded(COUNTER)) == Ok((COUNTER, content)));
        }
        for content in [Content::Here, Content::Cancelled] {
            assert!(Content::from_padded(&content.to_padded(COUNTER)) == Ok((COUNTER, content)));
        }
        let bytes = vec![7; limits::PIECE_BYTES];
        let offer = Offer::of(Media::Png, 2048, 1, &"é".repeat(limits::PICTURE_ALT_CHARS), &bytes).unwrap();
        for content in [Content::Picture(offer), Content::Piece(Piece { index: 0x0102, bytes: bytes.into() })] {
            assert!(Content::from_padded(&content.to_padded(COUNTER)) == Ok((COUNTER, content)));
        }
    }

    #[test]
    fn a_full_piece_pads_by_its_mark_alone() {
        let piece = Content::Piece(Piece { index: 0, bytes: vec![7; limits::PIECE_BYTES].into() });
        assert_eq!(piece.to_padded(COUNTER).len(), 12 + limits::PIECE_BYTES + 1);
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
            (content([VERSION, CANCELLED], b"x"), ContentError::Malformed),
            (content([VERSION, PIECE], b"\0\0"), ContentError::Malformed),
            (content([VERSION, PIECE], &[7; limits::PIECE_BYTES + 3]), ContentError::Malformed),
            (content([VERSION, 200], b"x"), ContentError::Unknown(COUNTER)),
            (content([2, TEXT], b"x"), ContentError::Unknown(COUNTER)),
            (b"\x01\x01\0\0\0\0\0\0\0\x01hi".to_vec(), ContentError::Malformed),
        ] {
            assert!(Content::from_padded(&bytes) == Err(error), "{bytes:?}");
        }
    }
}
