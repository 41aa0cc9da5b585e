//! A picture in transit: its offer and its pieces. PROTOCOL, "Pictures".

use sha2::{Digest, Sha256};
use wire::limits;
use zeroize::Zeroizing;

/// The bytes before the description: media type 1 ‖ width 2 ‖ height 2 ‖ length 4 ‖ hash 32.
const HEAD: usize = 41;

/// A picture's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `0x01`.
    Jpeg,
    /// `0x02`.
    Png,
}

impl Media {
    /// Returns the encoding with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Jpeg, Self::Png].into_iter().find(|media| media.number() == number)
    }

    /// Returns its number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Jpeg => 1,
            Self::Png => 2,
        }
    }

    /// Returns its media type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// The description of a picture, which is sent before its pieces. Its values are within the bounds.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its encoding.
    pub media: Media,
    /// Pixels, 1 to [`limits::PICTURE_SIDE`].
    pub width: u16,
    /// Pixels, 1 to [`limits::PICTURE_SIDE`].
    pub height: u16,
    /// Bytes, 1 to [`limits::PICTURE_BYTES`].
    pub length: u32,
    /// SHA-256 of the bytes.
    pub hash: [u8; 32],
    /// A description in words: at most [`limits::PICTURE_ALT_CHARS`] characters, or none.
    pub alt: Zeroizing<String>,
}

/// One piece of a picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its index, from 0.
    pub index: u16,
    /// 1 to [`limits::PIECE_BYTES`].
    pub bytes: Zeroizing<Vec<u8>>,
}

// A length of 32 bits is a `usize` on every platform of this crate.
const _: () = assert!(usize::BITS >= u32::BITS);

impl Offer {
    /// Returns the length as a size in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.length as usize
    }

    /// Returns the offer of these bytes, if it is within the bounds.
    #[must_use]
    pub fn of(media: Media, width: u16, height: u16, alt: &str, bytes: &[u8]) -> Option<Self> {
        let length = u32::try_from(bytes.len()).ok()?;
        let alt = Zeroizing::new(alt.to_owned());
        Self { media, width, height, length, hash: Sha256::digest(bytes).into(), alt }.bounded()
    }

    fn bounded(self) -> Option<Self> {
        let side = 1..=limits::PICTURE_SIDE;
        let is_within = side.contains(&self.width)
            && side.contains(&self.height)
            && (1..=limits::PICTURE_BYTES as u64).contains(&u64::from(self.length))
            && self.alt.len() <= limits::PICTURE_ALT_CHARS * 4
            && self.alt.chars().count() <= limits::PICTURE_ALT_CHARS;
        is_within.then_some(self)
    }

    /// Encodes everything but the description in words.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD);
        bytes.push(self.media.number());
        bytes.extend(self.width.to_be_bytes());
        bytes.extend(self.height.to_be_bytes());
        bytes.extend(self.length.to_be_bytes());
        bytes.extend(self.hash);
        bytes
    }

    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let ([media], rest) = body.split_first_chunk()?;
        let (width, rest) = rest.split_first_chunk()?;
        let (height, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (hash, alt) = rest.split_first_chunk()?;
        let offer = Self {
            media: Media::from_number(*media)?,
            width: u16::from_be_bytes(*width),
            height: u16::from_be_bytes(*height),
            length: u32::from_be_bytes(*length),
            hash: *hash,
            alt: Zeroizing::new(core::str::from_utf8(alt).ok()?.to_owned()),
        };
        offer.bounded()
    }

    /// True when these are the offered bytes.
    pub(crate) fn is_of(&self, bytes: &[u8]) -> bool {
        u32::try_from(bytes.len()) == Ok(self.length) && self.hash == *Sha256::digest(bytes)
    }
}

impl Piece {
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let (index, bytes) = body.split_first_chunk()?;
        let is_within = (1..=limits::PIECE_BYTES).contains(&bytes.len());
        is_within.then(|| Self { index: u16::from_be_bytes(*index), bytes: Zeroizing::new(bytes.to_vec()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_within_the_bounds_is_offered() {
        let of =
            |width, height, alt: &str, length| Offer::of(Media::Jpeg, width, height, alt, &vec![1; length]).is_some();
        let (side, most) = (limits::PICTURE_SIDE, limits::PICTURE_BYTES);
        assert!(of(1, 1, "", 1) && of(side, side, &"é".repeat(limits::PICTURE_ALT_CHARS), most));
        assert!(!of(0, 1, "", 1) && !of(1, 0, "", 1) && !of(side + 1, 1, "", 1) && !of(1, side + 1, "", 1));
        assert!(!of(1, 1, "", 0) && !of(1, 1, "", most + 1));
        assert!(!of(1, 1, &"é".repeat(limits::PICTURE_ALT_CHARS + 1), 1));
    }

    #[test]
    fn a_damaged_offer_is_none() {
        let offer = Offer::of(Media::Png, 3, 2, "a cat", b"bytes").unwrap();
        let whole = [offer.head(), b"a cat".to_vec()].concat();
        assert_eq!(offer.head().len(), HEAD);
        assert!(Offer::read(&whole) == Some(offer));
        assert!((0..HEAD).all(|length| Offer::read(&whole[..length]).is_none()));
        for (at, byte) in [(0, 0), (0, 3), (1, 9), (3, 9), (5, 1), (42, 0xff)] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            assert!(Offer::read(&damaged).is_none(), "byte {at}: {byte}");
        }
    }
}
