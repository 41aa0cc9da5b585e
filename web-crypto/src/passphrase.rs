//! Six words, each as likely as any other: a random passphrase, and the safety words that people compare aloud.

use zeroize::{Zeroize, Zeroizing};

use crate::words::{WORDS, word};

/// Six of 7,776: 77 bits.
const LENGTH: usize = 6;
/// The longest word has nine bytes; a space follows it.
const WORD_BYTES: usize = 10;

const PLACES: u16 = WORDS as u16;
/// The last whole run of places ends here.
const FAIR: u16 = u16::MAX / PLACES * PLACES;

/// Draws a passphrase; `random` fills a slice with random bytes.
pub fn suggest(mut random: impl FnMut(&mut [u8])) -> Zeroizing<String> {
    // Reserved, so that no reallocation leaves a copy behind.
    let mut phrase = Zeroizing::new(String::with_capacity(LENGTH * WORD_BYTES));
    for _ in 0..LENGTH {
        let mut index = draw(&mut random);
        if !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push_str(drawn_word(index));
        index.zeroize();
    }
    phrase
}

/// Returns the safety words of 32 uniformly random bytes ([`crate::stretch::stretch_safety`]). Each pair of bytes is a
/// number; numbers beyond the last whole run of places are left out, and the first six others are the words. Returns `None`
/// if fewer than six are left, which does not happen in practice.
#[must_use]
pub fn safety_words(bytes: &[u8; 32]) -> Option<String> {
    let numbers =
        bytes.chunks_exact(2).map(|pair| pair.iter().fold(0_u16, |number, byte| number << 8 | u16::from(*byte)));
    let words = numbers.filter(|number| *number < FAIR).take(LENGTH).filter_map(|number| word(number % PLACES));
    let words = words.collect::<Vec<_>>();
    (words.len() == LENGTH).then(|| words.join(" "))
}

#[expect(clippy::expect_used, reason = "a passphrase that lacks a word is weaker than it looks")]
fn drawn_word(index: u16) -> &'static str {
    word(index).expect("a place below WORDS is in the list")
}

/// Draws a place in the list, below [`WORDS`]. A number beyond the last whole run of places is drawn again: its remainder
/// would favour the first words.
fn draw(random: &mut impl FnMut(&mut [u8])) -> u16 {
    loop {
        let mut bytes = [0; 2];
        random(&mut bytes);
        let drawn = u16::from_be_bytes(bytes);
        bytes.zeroize();
        if drawn < FAIR {
            return drawn % PLACES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out these numbers, one after the other.
    fn source(numbers: impl IntoIterator<Item = u16>) -> impl FnMut(&mut [u8]) {
        let mut numbers = numbers.into_iter();
        move |bytes| bytes.copy_from_slice(&numbers.next().unwrap().to_be_bytes())
    }

    #[test]
    fn six_words_of_the_list() {
        let phrase = suggest(source([0, 7_775, 7_776, 62_207, 1, 2]));
        assert_eq!(*phrase, "abacus zoom abacus zoom abdomen abdominal");
        assert_eq!(phrase.capacity(), LENGTH * WORD_BYTES, "written in one place");
    }

    #[test]
    fn safety_words_leave_out_what_would_favour_some() {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&62_208_u16.to_be_bytes());
        bytes[2..4].copy_from_slice(&7_775_u16.to_be_bytes());
        bytes[4..6].copy_from_slice(&7_777_u16.to_be_bytes());
        assert_eq!(safety_words(&bytes).unwrap(), "zoom abdomen abacus abacus abacus abacus");
        assert_eq!(safety_words(&[0xff; 32]), None);
    }

    /// Every place comes of equally many numbers; the others are passed over.
    #[test]
    fn no_word_is_likelier() {
        let mut counts = [0; WORDS];
        let mut random = source(0..=u16::MAX);
        for _ in 0..8 * WORDS {
            counts[usize::from(draw(&mut random))] += 1;
        }
        assert!(counts.iter().all(|count| *count == 8), "8 × 7,776 = 62,208 is the last whole run below 65,536");
        assert_eq!(draw(&mut source([62_208, u16::MAX, 5])), 5);
    }
}
