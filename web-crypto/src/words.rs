//! Words to say aloud: the large word list of the Electronic Frontier Foundation, in its own order.
//!
//! The list (`words.txt`) is by Joseph Bonneau for the EFF, under the Creative Commons licence Attribution 3.0 US.

/// How many words there are: one for each throw of five dice.
pub const WORDS: usize = 7_776;

static LIST: &str = include_str!("words.txt");

/// The word at this place of the list, from 0.
#[must_use]
pub fn word(index: u16) -> Option<&'static str> {
    LIST.lines().nth(index.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_word_is_there_once() {
        let words = LIST.lines().collect::<BTreeSet<_>>();
        assert_eq!((LIST.lines().count(), words.len()), (WORDS, WORDS));
        assert!(words.iter().all(|word| (3..=9).contains(&word.len())), "short enough to be said and typed");
        let plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(words.iter().all(plain), "a space parts two words, and nothing else has to be escaped");
    }

    #[test]
    fn places() {
        assert_eq!((word(0), word(7_775), word(7_776)), (Some("abacus"), Some("zoom"), None));
        assert_eq!(word(u16::MAX), None);
    }
}
