//! Access tokens: a file with one line `name:SHA-256 of the token` per token.

use std::fmt::Write as _;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use wire::PersonName;
use zeroize::Zeroizing;

use crate::{StateError, StateFolder};

/// The file's name in the state folder.
pub(crate) const FILE: &str = "tokens";
/// Random bytes in a token.
const TOKEN_BYTES: usize = 24;

/// One line of the file.
pub(crate) struct AccessToken {
    pub(crate) name: PersonName,
    pub(crate) hash: [u8; 32],
}

/// The content of the token file.
#[derive(Default)]
pub struct Tokens(Vec<AccessToken>);

impl Tokens {
    /// Reads the file. A missing file counts as empty.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is malformed.
    pub fn read(folder: &StateFolder) -> Result<Self, StateError> {
        let Some(bytes) = folder.read(FILE)? else { return Ok(Self::default()) };
        Self::parse(&bytes).map_err(|fault| StateError::Content(folder.path(FILE), fault))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())?;
        let lines = text.lines().enumerate().filter(|(_, line)| is_entry(line));
        let tokens = lines.map(|(at, line)| {
            token(line).ok_or_else(|| format!("line {}: expected a name, a colon, and 64 hexadecimal digits", at + 1))
        });
        tokens.collect::<Result<_, _>>().map(Self)
    }

    /// Finds a token. The time does not depend on which token matches.
    pub(crate) fn find(&self, shown: &str) -> Option<&AccessToken> {
        let hash = Sha256::digest(shown.trim());
        let mut found = None;
        for token in &self.0 {
            if bool::from(token.hash.ct_eq(&hash)) {
                found = Some(token);
            }
        }
        found
    }

    pub(crate) fn named(&self, name: &str) -> Option<&AccessToken> {
        self.0.iter().find(|token| token.name.as_str() == name)
    }

    /// Returns the tokens' names.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|token| token.name.as_str())
    }

    /// Creates a token with this name and returns it. Returns `None` if the name is taken.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn add(folder: &StateFolder, name: PersonName) -> Result<Option<Zeroizing<String>>, StateError> {
        let _lock = folder.lock()?;
        let tokens = Self::read(folder)?;
        if tokens.named(name.as_str()).is_some() {
            return Ok(None);
        }
        if name.as_str().starts_with('#') {
            return Err(StateError::Content(folder.path(FILE), "a line that begins with # is a comment".to_owned()));
        }
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|error| folder.failed(FILE, error))?;
        let token = Zeroizing::new(Base64UrlUnpadded::encode_string(bytes.as_slice()));
        let mut text = lines(folder)?.into_iter().map(|line| line + "\n").collect::<String>();
        text.push_str(name.as_str());
        text.push(':');
        for byte in Sha256::digest(token.as_bytes()) {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
        folder.write(FILE, text.as_bytes())?;
        Ok(Some(token))
    }

    /// Revokes a token. Returns false if the name is not listed.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn revoke(folder: &StateFolder, name: &PersonName) -> Result<bool, StateError> {
        let _lock = folder.lock()?;
        if Self::read(folder)?.named(name.as_str()).is_none() {
            return Ok(false);
        }
        let is_other = |line: &String| !is_entry(line) || token(line).is_none_or(|token| token.name != *name);
        let text = lines(folder)?.into_iter().filter(is_other).map(|line| line + "\n").collect::<String>();
        folder.write(FILE, text.as_bytes())?;
        Ok(true)
    }
}

/// Returns the file's lines, including comments.
fn lines(folder: &StateFolder) -> Result<Vec<String>, StateError> {
    let bytes = folder.read(FILE)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

fn is_entry(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with('#')
}

fn token(line: &str) -> Option<AccessToken> {
    // Splits at the last colon, because a name may contain colons.
    let (name, digits) = line.trim_end().rsplit_once(':')?;
    let mut hash = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(AccessToken { name: name.parse().ok()?, hash })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::folder;

    #[test]
    fn tokens_are_valid_until_revoked() {
        let folder = folder("tokens");
        let name = |text: &str| text.parse::<PersonName>().unwrap();
        let token = Tokens::add(&folder, name("Reading: circle")).unwrap().unwrap();
        let other = Tokens::add(&folder, name("choir")).unwrap().unwrap();
        assert!(Tokens::add(&folder, name("Choir")).unwrap().is_none(), "the name is taken");
        assert!(Tokens::add(&folder, name("#1")).is_err(), "it would be a comment");
        let kept = folder.read(FILE).unwrap().unwrap();
        folder.write(FILE, &[b"# ours\n\n", kept.as_slice()].concat()).unwrap();
        let found =
            |token: &str| Tokens::read(&folder).unwrap().find(token).map(|token| token.name.as_str().to_owned());
        assert_eq!(found(&token).as_deref(), Some("reading: circle"));
        assert_eq!(found(&format!(" {}\n", *token)).as_deref(), Some("reading: circle"), "as it was pasted");
        assert_eq!(found("x"), None);
        assert!(Tokens::revoke(&folder, &name("reading: circle")).unwrap());
        assert!(!Tokens::revoke(&folder, &name("reading: circle")).unwrap());
        assert_eq!(found(&token), None);
        assert_eq!(found(&other).as_deref(), Some("choir"));
        let kept = folder.read(FILE).unwrap().unwrap();
        assert!(kept.starts_with(b"# ours\n\nchoir:"), "comments stay");
        assert!(!kept.windows(other.len()).any(|window| window == other.as_bytes()), "only its hash is kept");
    }

    #[test]
    fn error_names_the_malformed_line() {
        let fault = |text: &str| Tokens::parse(text.as_bytes()).err();
        assert_eq!(fault(&format!("# all\n\nana:{}\n", "ab".repeat(32))), None);
        for line in [
            "ana",
            "ana:",
            "ana:xyz",
            &format!("ana:{}", "é".repeat(32)),
            &format!("ana:{}", "+1".repeat(32)),
            &format!(":{}", "ab".repeat(32)),
        ] {
            let fault = fault(&format!("# all\n{line}\n"));
            assert!(fault.as_deref().is_some_and(|fault| fault.starts_with("line 2: ")), "{line}: {fault:?}");
        }
    }
}
