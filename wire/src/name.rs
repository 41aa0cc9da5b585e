//! Room and user names: canonical form, and when two names are the same.

use core::{fmt, str::FromStr};

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::limits;

/// Why a text cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing in it can be seen.
    #[error("the name is empty")]
    Empty,
    /// More than [`limits::NAME_CHARS`] characters or [`limits::NAME_BYTES`] bytes.
    #[error("the name has more than {} characters", limits::NAME_CHARS)]
    TooLong,
    /// `.` or `..`, which an address cannot carry.
    #[error("the name is only a dot or two")]
    Dots,
    /// A control or format character, or a code point that is no character.
    #[error("the name contains characters that cannot be seen")]
    Unseen,
}

/// The canonical form: NFKC; white space folded to single spaces and trimmed; no character of the
/// general categories Cc, Cf, Co, Cs or Cn (a code point without a meaning today could normalise
/// otherwise tomorrow, and the name is key material); neither `.` nor `..`.
fn canonical(raw: &str) -> Result<String, NameError> {
    if raw.len() > limits::NAME_BYTES {
        return Err(NameError::TooLong);
    }
    let mut name = String::with_capacity(raw.len());
    let mut chars = 0;
    let mut visible = false;
    let mut space = false;
    for c in raw.nfkc() {
        if c.is_whitespace() {
            space = !name.is_empty();
            continue;
        }
        if is_unseen(c) {
            return Err(NameError::Unseen);
        }
        if space {
            name.push(' ');
            chars += 1;
            space = false;
        }
        name.push(c);
        chars += 1;
        visible |= !is_blank(c);
        if chars > limits::NAME_CHARS {
            return Err(NameError::TooLong);
        }
    }
    match name.as_str() {
        _ if !visible => Err(NameError::Empty),
        "." | ".." => Err(NameError::Dots),
        _ => Ok(name),
    }
}

fn is_unseen(c: char) -> bool {
    matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    )
}

/// Default-ignorable code points outside Cf (Unicode, DerivedCoreProperties), and the blank braille
/// pattern: fine inside a name, but a name of nothing else would be blank.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{2800}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}'
    )
}

/// What makes two names the same: their case-folded confusable skeletons (UTS 39, section 4).
///
/// Folding and shaping do not commute (`I` looks like `l` but folds to `i`), so both orders are
/// kept, and two names are the same when either agrees.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Skeleton {
    /// The skeleton of the case-folded name, folded again: `Ana` and `aNa`.
    pub folded: String,
    /// The case-folded skeleton of the name as it stands: `Paypal` and `PaypaI`.
    pub shaped: String,
}

impl Skeleton {
    fn of(name: &str) -> Self {
        let fold = caseless::default_case_fold_str;
        let shape = |name: &str| unicode_security::skeleton(name).collect::<String>();
        Self { folded: fold(&shape(&fold(name))), shaped: fold(&shape(name)) }
    }

    /// Whether two people would take one name for the other.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.folded == other.folded || self.shaped == other.shaped
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The canonical name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// What this name is compared by.
            #[must_use]
            pub fn skeleton(&self) -> Skeleton {
                Skeleton::of(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(raw: &str) -> Result<Self, NameError> {
                canonical(raw).map(Self)
            }
        }

        /// Names are kept out of logs: only the length is shown.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({} bytes)", stringify!($name), self.0.len())
            }
        }
    };
}

name! {
    /// A canonical room name.
    RoomName
}
name! {
    /// A canonical user name.
    UserName
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> Result<String, NameError> {
        raw.parse::<RoomName>().map(|name| name.as_str().to_owned())
    }

    fn same(a: &str, b: &str) -> bool {
        a.parse::<UserName>().unwrap().skeleton().same(&b.parse::<UserName>().unwrap().skeleton())
    }

    #[test]
    fn canonical_form() {
        for (raw, canonical) in [
            ("Book club", "Book club"),
            ("  Book \t\n club\u{3000}", "Book club"),
            ("Ａｎａ", "Ana"),
            ("e\u{301}té", "été"),
            ("ﬁne", "fine"),
            ("<b>Ana</b>", "<b>Ana</b>"),
            ("שלום", "שלום"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
        ] {
            assert_eq!(name(raw).as_deref(), Ok(canonical), "{raw:?}");
            assert_eq!(name(canonical).as_deref(), Ok(canonical), "canonical twice: {raw:?}");
        }
    }

    #[test]
    fn refused() {
        for (raw, error) in [
            ("", NameError::Empty),
            (" \u{a0}\u{2003}\n", NameError::Empty),
            ("\u{3164}\u{2800}", NameError::Empty),
            (" .. ", NameError::Dots),
            ("\u{ff0e}", NameError::Dots),
            ("a\u{0}b", NameError::Unseen),
            ("a\u{1b}[2J", NameError::Unseen),
            ("ana\u{202e}", NameError::Unseen),
            ("a\u{200d}b", NameError::Unseen),
            ("\u{feff}ana", NameError::Unseen),
            ("a\u{e000}", NameError::Unseen),
            ("a\u{378}", NameError::Unseen),
            ("a\u{e0041}", NameError::Unseen),
        ] {
            assert_eq!(name(raw), Err(error), "{raw:?}");
        }
        assert_eq!(name(&"x".repeat(limits::NAME_CHARS)).map(|n| n.len()), Ok(limits::NAME_CHARS));
        assert_eq!(name(&"x".repeat(limits::NAME_CHARS + 1)), Err(NameError::TooLong));
        assert_eq!(name(&" ".repeat(limits::NAME_BYTES + 1)), Err(NameError::TooLong));
        // One code point that NFKC turns into eighteen: the bound holds for what comes out.
        assert_eq!(name(&"\u{fdfa}".repeat(4)), Err(NameError::TooLong));
    }

    #[test]
    fn looks_the_same() {
        for (a, b) in [
            ("Ana", "aNA"),
            ("Ana", "Аnа"),
            ("paypal", "PaypaI"),
            ("paypal", "paypa1"),
            ("STRASSE", "straße"),
            ("modern", "rnodern"),
            ("Ana", "A\u{34f}na"),
            ("Ωmega", "ωmega"),
        ] {
            assert!(same(a, b), "{a} and {b}");
        }
        for (a, b) in [("Ana", "Anna"), ("Ana", "Ána"), ("Ana B", "AnaB")] {
            assert!(!same(a, b), "{a} and {b}");
        }
    }

    #[test]
    fn never_printed() {
        assert_eq!(format!("{:?}", "Ana".parse::<UserName>().unwrap()), "UserName(3 bytes)");
    }
}
