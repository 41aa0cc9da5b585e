//! A message on its way: lines, dots put before dots, and the dot that ends it.

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Key, LINE_BYTES, MESSAGE_BYTES, Signature};

/// A message as the server reads it. The lines go into the hash as they come, and are not kept.
///
/// A line that begins with a dot is sent with one more dot, so a dot at a line's beginning is followed by another one,
/// or ends the message. Nothing follows the last dot until the server has answered: while nothing follows, a reader
/// cannot tell the end from the first dot of a line that was cut on its way. It has to ask [`Text::may_be_over`] and
/// wait.
pub(super) struct Text {
    lines: Sha256,
    at: At,
    line: usize,
    /// Characters of this line so far.
    length: usize,
    /// Characters and line ends of the message so far.
    total: usize,
}

#[derive(Clone, Copy)]
enum At {
    LineStart,
    /// Behind a dot at a line's beginning.
    Dot,
    Line,
}

/// A message that is refused. Lines and columns count from 1; a dot that was put before a dot does not count.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TextError {
    /// A character is not ASCII.
    #[error("line {line}, column {column}: not ASCII")]
    NotAscii {
        /// Where it stands.
        line: usize,
        /// Where it stands in the line.
        column: usize,
    },
    /// A line is too long.
    #[error("line {line}: longer than {LINE_BYTES} characters")]
    LongLine {
        /// Which one.
        line: usize,
    },
    /// The message is too long.
    #[error("line {line}: the message is longer than {MESSAGE_BYTES} characters")]
    LongMessage {
        /// Where it became too long.
        line: usize,
    },
}

impl Text {
    pub(super) fn new() -> Self {
        Self { lines: Sha256::new(), at: At::LineStart, line: 1, length: 0, total: 0 }
    }

    /// Reads up to the message's end. Returns the bytes behind the end, or nothing while the message goes on.
    pub(super) fn read<'a>(&mut self, mut bytes: &'a [u8]) -> Result<Option<&'a [u8]>, TextError> {
        while let [first, rest @ ..] = bytes {
            match (self.at, first) {
                (At::LineStart, b'.') => {
                    self.at = At::Dot;
                    bytes = rest;
                }
                // This second dot is the line's own: it is read as such in the next turn.
                (At::Dot, b'.') => self.at = At::Line,
                (At::Dot, _) => return Ok(Some(bytes)),
                (_, b'\n') => {
                    self.count(1)?;
                    self.at = At::LineStart;
                    self.line += 1;
                    self.length = 0;
                    bytes = rest;
                }
                _ => {
                    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
                    let (characters, rest) = bytes.split_at(end);
                    self.append(characters)?;
                    self.at = At::Line;
                    bytes = rest;
                }
            }
        }
        Ok(None)
    }

    fn append(&mut self, characters: &[u8]) -> Result<(), TextError> {
        let line = self.line;
        if let Some(before) = characters.iter().position(|byte| !byte.is_ascii()) {
            return Err(TextError::NotAscii { line, column: self.length + before + 1 });
        }
        self.length += characters.len();
        if self.length > LINE_BYTES {
            return Err(TextError::LongLine { line });
        }
        self.count(characters.len())?;
        self.lines.update(characters);
        Ok(())
    }

    fn count(&mut self, characters: usize) -> Result<(), TextError> {
        self.total += characters;
        if self.total > MESSAGE_BYTES { Err(TextError::LongMessage { line: self.line }) } else { Ok(()) }
    }

    /// The last byte was a dot at a line's beginning. If nothing follows it, the message is over.
    pub(super) fn may_be_over(&self) -> bool {
        matches!(self.at, At::Dot)
    }

    /// SHA-256(all lines without line ends ‖ key)
    pub(super) fn sign(self, key: &Key) -> Signature {
        let hash: [u8; 32] = self.lines.chain_update(key.as_bytes()).finalize().into();
        hash.into()
    }
}

/// A message of one line as a client sends it, up to and with the dot that ends it.
pub(super) fn to_wire(line: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(line.len() + 3);
    if line.starts_with(b".") {
        wire.push(b'.');
    }
    wire.extend_from_slice(line);
    wire.extend_from_slice(b"\n.");
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads these parts, one after the other. Returns what a key of nothing makes of it, if it may be over.
    fn read(parts: &[&[u8]]) -> Result<Option<String>, TextError> {
        let mut text = Text::new();
        for part in parts {
            assert!(text.read(part)?.is_none(), "ended early");
        }
        let is_over = text.may_be_over();
        Ok(is_over.then(|| text.sign(&Key::new(b"")).to_string()))
    }

    fn hash(text: &str) -> String {
        Signature::from(<[u8; 32]>::from(Sha256::digest(text))).to_string()
    }

    #[test]
    fn lines_are_hashed_without_ends_and_added_dots_at_every_cut() {
        for (wire, text) in [
            (".", ""),
            ("\n.", ""),
            ("hello\n.", "hello"),
            ("one\ntwo\n\nthree\n.", "onetwothree"),
            ("..\n.", "."),
            ("...\n.", ".."),
            ("..one\n...two\nthree.\nfo.ur\n.", ".one..twothree.fo.ur"),
            ("a\r\n.", "a\r"),
            ("PASS\n.", "PASS"),
        ] {
            for first in 0..=wire.len() {
                for second in first..=wire.len() {
                    let parts = [&wire[..first], &wire[first..second], &wire[second..]].map(str::as_bytes);
                    assert_eq!(read(&parts).unwrap(), Some(hash(text)), "{parts:?}");
                }
            }
        }
    }

    #[test]
    fn the_end_is_open_while_the_dot_comes_last() {
        for wire in ["", "hello", "hello\n", "..", "hello.", "hello\n..", "hello\n..\n", "..\n..."] {
            assert_eq!(read(&[wire.as_bytes()]).unwrap(), None, "{wire:?}");
        }
    }

    #[test]
    fn anything_but_a_dot_after_the_dot_is_behind_the_end() {
        for behind in ["PASS", "FAIL", "\n", "x"] {
            let wire = format!("hello\n.{behind}");
            let mut text = Text::new();
            assert_eq!(text.read(wire.as_bytes()), Ok(Some(behind.as_bytes())));
            assert_eq!(text.sign(&Key::new(b"")).to_string(), hash("hello"));
        }
    }

    #[test]
    fn what_is_not_ascii_is_named_by_line_and_column() {
        for (wire, line, column) in [("é", 1, 1), ("a\nbé", 2, 2), ("a\n\n..é", 3, 2), ("..ab\u{7f}é", 1, 5)] {
            for cut in 0..wire.len() {
                let (one, two) = wire.as_bytes().split_at(cut);
                assert_eq!(read(&[one, two]), Err(TextError::NotAscii { line, column }), "{wire} at {cut}");
            }
        }
    }

    #[test]
    fn lines_and_messages_are_bounded() {
        let longest = vec![b'x'; LINE_BYTES];
        assert_eq!(read(&[&longest, b"\n."]), Ok(Some(hash(&"x".repeat(LINE_BYTES)))));
        assert_eq!(read(&[b"\n", &longest, b"x"]), Err(TextError::LongLine { line: 2 }));
        let mut line = vec![b'x'; LINE_BYTES - 1];
        line.push(b'\n');
        let mut lines = vec![line.as_slice(); MESSAGE_BYTES / LINE_BYTES];
        lines.push(b".");
        assert!(read(&lines).unwrap().is_some());
        lines.insert(0, b"\n");
        assert_eq!(read(&lines), Err(TextError::LongMessage { line: MESSAGE_BYTES / LINE_BYTES + 1 }));
    }

    #[test]
    fn a_line_is_read_as_it_was_sent() {
        for line in ["", ".", "..", ".x", "x", "x."] {
            assert_eq!(read(&[&to_wire(line.as_bytes())]), Ok(Some(hash(line))), "{line:?}");
        }
    }
}
