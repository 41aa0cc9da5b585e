//! The three files: keys, messages, signatures. All are ASCII; lines end with a line feed, or with both a carriage
//! return and a line feed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use zeroize::Zeroizing;

use super::{LINE_BYTES, Signature, text};

/// A file that cannot be used.
#[derive(Debug, Error)]
#[error("{}{problem}", path.display())]
pub struct FileError {
    path: PathBuf,
    problem: Problem,
}

/// What is wrong with a file. Lines and columns count from 1. Nothing of the file is told: it may hold keys.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the error texts say it")]
pub enum Problem {
    #[error(": {0}")]
    Unreadable(#[from] io::Error),
    #[error(":{line}:{column}: not ASCII")]
    NotAscii { line: usize, column: usize },
    #[error(": the file has no {0}")]
    Empty(&'static str),
    #[error(":{line}: expected a key, got an empty line")]
    EmptyKey { line: usize },
    #[error(":{line}: expected the length of a message, such as 42")]
    NoLength { line: usize },
    #[error(":{line}: expected a message on the next line, got the end of the file")]
    NoMessage { line: usize },
    #[error(":{line}: the message is longer than {LINE_BYTES} characters")]
    LongMessage { line: usize },
    #[error(":{line}: expected a signature of {} hexadecimal digits", Signature::DIGITS)]
    NoSignature { line: usize },
}

/// A key. It is wiped when dropped, and has no `Debug` or `Display`, so that it cannot be printed.
pub struct Key(Zeroizing<Vec<u8>>);

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Keys, to be used in this order: one a line.
pub struct Keys(Vec<Key>);

impl Keys {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// When it cannot be read, is not ASCII, or has an empty line between keys or no key.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        read(path, Self::parse)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let keys = filled(bytes, "keys")?;
        let key = |(line, key): (usize, &[u8])| {
            if key.is_empty() { Err(Problem::EmptyKey { line }) } else { Ok(Key::new(key)) }
        };
        keys.into_iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Key> {
        self.0.get(index)
    }
}

/// A message of one line of ASCII.
pub struct Message(Vec<u8>);

impl Message {
    pub(super) fn to_wire(&self) -> Vec<u8> {
        text::to_wire(&self.0)
    }
}

/// Messages, and the lengths that do not fit: a line with the length, then a line with the message, in turn.
pub struct Messages {
    pub(super) messages: Vec<Message>,
    pub(super) warnings: Vec<LengthWarning>,
}

/// A length that is not that of the message after it. Old files count line ends or escapes too.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{line}: the length is {stated}, but the message has {actual} characters")]
pub struct LengthWarning {
    line: usize,
    stated: usize,
    actual: usize,
}

impl Messages {
    /// Reads a file of messages.
    ///
    /// # Errors
    /// When it cannot be read, is not ASCII, has no message, has something else than a number for a length, or has a
    /// message that is missing or too long.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        read(path, Self::parse)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let (mut messages, mut warnings) = (Vec::new(), Vec::new());
        let lines = lines(bytes);
        let mut rest = lines.as_slice();
        while let [(line, length), after @ ..] = rest
            // Empty lines at the file's end are no messages.
            && rest.iter().any(|(_, text)| !text.is_empty())
        {
            let line = *line;
            let stated = str::from_utf8(length).ok().and_then(|length| length.trim().parse().ok());
            let stated = stated.ok_or(Problem::NoLength { line })?;
            let [(message_line, message), after @ ..] = after else { return Err(Problem::NoMessage { line }) };
            let actual = message.len();
            if actual > LINE_BYTES {
                return Err(Problem::LongMessage { line: *message_line });
            }
            if stated != actual {
                warnings.push(LengthWarning { line, stated, actual });
            }
            messages.push(Message(message.to_vec()));
            rest = after;
        }
        if messages.is_empty() { Err(Problem::Empty("messages")) } else { Ok(Self { messages, warnings }) }
    }
}

/// The signatures that are expected: one a line.
pub struct Signatures(pub(super) Vec<Signature>);

impl Signatures {
    /// Reads a file of signatures.
    ///
    /// # Errors
    /// When it cannot be read, has no line, or a line is not 64 hexadecimal digits.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        read(path, Self::parse)
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let signature = |(line, digits): (usize, &[u8])| {
            Signature::from_digits(digits.trim_ascii()).ok_or(Problem::NoSignature { line })
        };
        filled(bytes, "signatures")?.into_iter().map(signature).collect::<Result<_, _>>().map(Self)
    }
}

fn read<T>(path: &Path, parse: impl FnOnce(&[u8]) -> Result<T, Problem>) -> Result<T, FileError> {
    let read = || {
        let bytes = Zeroizing::new(fs::read(path)?);
        is_ascii(&bytes)?;
        parse(&bytes)
    };
    read().map_err(|problem| FileError { path: path.to_owned(), problem })
}

fn is_ascii(bytes: &[u8]) -> Result<(), Problem> {
    for (line, text) in lines(bytes) {
        if let Some(before) = text.iter().position(|byte| !byte.is_ascii()) {
            return Err(Problem::NotAscii { line, column: before + 1 });
        }
    }
    Ok(())
}

/// The lines without their ends, each with its number.
fn lines(bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    });
    (1..).zip(lines).collect()
}

/// The lines without empty ones at the file's end.
fn filled<'a>(bytes: &'a [u8], of: &'static str) -> Result<Vec<(usize, &'a [u8])>, Problem> {
    let mut lines = lines(bytes);
    while lines.pop_if(|(_, line)| line.is_empty()).is_some() {}
    if lines.is_empty() { Err(Problem::Empty(of)) } else { Ok(lines) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Vec<Vec<u8>>, String> {
        let keys = Keys::parse(text.as_bytes()).map_err(|problem| problem.to_string())?;
        Ok(keys.0.iter().map(|key| key.as_bytes().to_vec()).collect())
    }

    fn messages(text: &str) -> Result<Vec<Vec<u8>>, String> {
        let messages = Messages::parse(text.as_bytes()).map_err(|problem| problem.to_string())?;
        Ok(messages.messages.into_iter().map(|message| message.0).collect())
    }

    #[test]
    fn keys_keep_their_order_and_their_blanks() {
        let wanted = vec![b"one".to_vec(), b" two ".to_vec()];
        for text in ["one\n two ", "one\n two \n", "one\r\n two \r\n", "one\n two \n\n\r\n"] {
            assert_eq!(keys(text), Ok(wanted.clone()), "{text:?}");
        }
        assert_eq!(keys("one\n\ntwo"), Err(":2: expected a key, got an empty line".into()));
        assert_eq!(keys("\n"), Err(": the file has no keys".into()));
        assert_eq!(keys(""), Err(": the file has no keys".into()));
    }

    #[test]
    fn messages_come_in_pairs_of_lines() {
        let wanted = vec![b"hello".to_vec(), b".x".to_vec(), Vec::new()];
        for text in ["5\nhello\n2\n.x\n0\n\n", "5\r\nhello\r\n2\r\n.x\r\n0\r\n\r\n", "5\nhello\n2\n.x\n0\n\n\n\n"] {
            assert_eq!(messages(text), Ok(wanted.clone()), "{text:?}");
        }
        assert_eq!(messages("five\nhello"), Err(":1: expected the length of a message, such as 42".into()));
        assert_eq!(messages("5\nhello\n\n2\nhi"), Err(":3: expected the length of a message, such as 42".into()));
        assert_eq!(
            messages("5\nhello\n2"),
            Err(":3: expected a message on the next line, got the end of the file".into())
        );
        assert_eq!(messages("\n\n"), Err(": the file has no messages".into()));
        let long = format!("9\nx\n9\n{}", "x".repeat(LINE_BYTES + 1));
        assert_eq!(messages(&long), Err(format!(":4: the message is longer than {LINE_BYTES} characters")));
    }

    #[test]
    fn a_length_that_does_not_fit_is_a_warning() {
        let messages = Messages::parse(b"5\nhello\n3\nhi\n").unwrap();
        assert_eq!(messages.messages.len(), 2);
        assert_eq!(messages.warnings, [LengthWarning { line: 3, stated: 3, actual: 2 }]);
    }

    #[test]
    fn signatures_are_64_digits_a_line() {
        let digits = "a".repeat(64);
        let text = format!("{digits}\n{digits} \r\n\n");
        assert_eq!(Signatures::parse(text.as_bytes()).unwrap().0.len(), 2);
        let short = Signatures::parse(format!("{digits}\nabc\n").as_bytes()).err().unwrap();
        assert_eq!(short.to_string(), ":2: expected a signature of 64 hexadecimal digits");
    }

    #[test]
    fn what_is_not_ascii_is_named_by_line_and_column() {
        for (text, line, column) in [("é", 1, 1), ("a\nbcé\n", 2, 3), ("\u{feff}a", 1, 1)] {
            let error = is_ascii(text.as_bytes()).err().unwrap().to_string();
            assert_eq!(error, format!(":{line}:{column}: not ASCII"));
        }
        assert!(is_ascii(b"a\x7f\0\n").is_ok());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Keys::read(Path::new("no/such/keys")).err().unwrap().to_string();
        assert!(error.starts_with("no/such/keys: "), "{error}");
    }
}
