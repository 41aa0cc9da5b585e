//! Room and user names: their canonical form, and when two names count as the same.

mod canonical;
mod joining;
mod tags;

use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;

/// Why a text is not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It has no visible character.
    #[error("the name is empty")]
    Empty,
    /// More than [`limits::NAME_CHARS`] characters or [`limits::NAME_BYTES`] bytes.
    #[error("the name has more than {} characters", limits::NAME_CHARS)]
    TooLong,
    /// `.` or `..`, which an address cannot carry.
    #[error("the name is only one or two dots")]
    Dots,
    /// A control or format character, or a code point that is not a character.
    #[error("the name contains invisible characters")]
    Unseen,
    /// More than [`limits::NAME_MARKS`] marks on one letter.
    #[error("the name has a letter with more than {} marks", limits::NAME_MARKS)]
    Marks,
}

/// The case-folded confusable skeletons of a name (UTS 39, section 4), by which names are compared.
///
/// Folding and mapping to the skeleton do not commute (`I` looks like `l` but folds to `i`), so this keeps both orders;
/// two names are the same when either agrees. Joiners, selectors and tags are removed first, because they would keep
/// normalisation from reordering the marks around them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Skeleton {
    /// The skeleton of the case-folded name, folded again: `Ana` and `aNa`.
    pub folded: String,
    /// The case-folded skeleton of the unfolded name: `Paypal` and `PaypaI`.
    pub shaped: String,
}

impl Skeleton {
    fn of(name: &str) -> Self {
        let fold = caseless::default_case_fold_str;
        let shape = |name: &str| unicode_security::skeleton(name).collect::<String>();
        let visible = name.chars().filter(|&c| !canonical::depends_on_context(c)).collect::<String>();
        Self { folded: fold(&shape(&fold(&visible))), shaped: fold(&shape(&visible)) }
    }

    /// True when people could mistake one name for the other.
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

            /// Returns the skeleton by which this name is compared.
            #[must_use]
            pub fn skeleton(&self) -> Skeleton {
                Skeleton::of(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(raw: &str) -> Result<Self, NameError> {
                canonical::canonical(raw).map(Self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        /// Shows only the length, to keep names out of logs.
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

/// The name of an account at a server's gate: a canonical name, case-folded because phone keyboards capitalise the
/// first letter.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonName(String);

impl PersonName {
    /// The folded name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonName {
    type Err = NameError;

    fn from_str(raw: &str) -> Result<Self, NameError> {
        let folded = caseless::default_case_fold_str(&canonical::canonical(raw)?);
        canonical::canonical(&folded).map(Self)
    }
}

impl TryFrom<String> for PersonName {
    type Error = NameError;

    fn try_from(raw: String) -> Result<Self, NameError> {
        raw.parse()
    }
}

impl From<PersonName> for String {
    fn from(name: PersonName) -> Self {
        name.0
    }
}

/// Shows only the length, to keep names out of logs.
impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonName({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
