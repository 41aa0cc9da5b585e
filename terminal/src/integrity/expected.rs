//! Words without a delimiter: a word ends with its last letter.

use thiserror::Error;

/// The words that may come next, each with its meaning, and the letters of one of them that have come.
pub(super) struct Expected<W: 'static> {
    words: &'static [(&'static str, W)],
    letters: Vec<u8>,
}

/// Something else came than the words that were expected.
#[derive(Debug, Error)]
#[error("expected {expected}, got \"{}\"", got.escape_ascii())]
pub struct Unexpected {
    expected: String,
    got: Vec<u8>,
}

impl<W: Copy> Expected<W> {
    /// No word may be the beginning of another.
    pub(super) fn new(words: &'static [(&'static str, W)]) -> Self {
        Self { words, letters: Vec::new() }
    }

    /// Takes the next letter. Returns the word's meaning when this letter completes it.
    pub(super) fn push(&mut self, letter: u8) -> Result<Option<W>, Unexpected> {
        self.letters.push(letter);
        match self.words.iter().find(|(word, _)| word.as_bytes().starts_with(&self.letters)) {
            Some((word, meaning)) if word.len() == self.letters.len() => Ok(Some(*meaning)),
            Some(_) => Ok(None),
            None => Err(Unexpected { expected: self.to_string(), got: self.letters.clone() }),
        }
    }
}

impl<W> std::fmt::Display for Expected<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = self.words.iter().map(|(word, _)| *word).collect::<Vec<_>>();
        formatter.write_str(&words.join(" or "))
    }
}
