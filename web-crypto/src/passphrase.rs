//! A passphrase that nobody chose: six words, each as likely as any other.

use zeroize::{Zeroize, Zeroizing};

use crate::words::{WORDS, word};

/// Six of 7,776: 77 bits.
const LENGTH: usize = 6;
/// The most that a word has, and the space after it.
const WORD_BYTES: usize = 10;

/// Draws a passphrase; `random` fills a slice with random bytes.
pub fn suggest(mut random: impl FnMut(&mut [u8])) -> Zeroizing<String> {
    // Reserved, so that no reallocation leaves a copy behind.
    let mut phrase = Zeroizing::new(String::with_capacity(LENGTH * WORD_BYTES));
    for _ in 0..LENGTH {
        let mut index = draw(&mut random);
        if !phrase.is_empty() {
            phrase.push(' ');
        }
        phrase.push_str(word(index).unwrap_or_default());
        index.zeroize();
    }
    phrase
}

/// A place in the list. What lies beyond the last whole run of places is drawn again: a remainder alone would favour
/// the first words.
fn draw(random: &mut impl FnMut(&mut [u8])) -> u16 {
    const PLACES: u16 = WORDS as u16;
    const FAIR: u16 = u16::MAX / PLACES * PLACES;
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
