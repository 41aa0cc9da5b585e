//! The canonical form of a name: PROTOCOL, section 1, with its steps in order.

use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};
use unicode_properties::{
    GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory, emoji::EmojiStatus,
};

use super::{
    NameError,
    joining::{is_transparent, joins_next, joins_previous},
    tags::{is_tag, region_tags},
};
use crate::limits;

const ZWNJ: char = '\u{200c}';
const ZWJ: char = '\u{200d}';
/// Displays the character before it as text.
const TEXT_SELECTOR: char = '\u{fe0e}';
/// Displays the character before it as an emoji.
const EMOJI_SELECTOR: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';
const MONGOLIAN_VOWEL_SEPARATOR: char = '\u{180e}';
const BLACK_FLAG: char = '\u{1f3f4}';
/// Bengali and Kannada RA. A joiner between it and a virama keeps the letter's full form.
const RA: [char; 2] = ['\u{9b0}', '\u{cb0}'];

/// Returns the canonical form of a name.
///
/// The function is idempotent. The characters that decide whether an invisible character is kept are themselves never
/// dropped, and the decision does not depend on the order in which normalisation puts a letter's marks.
pub(super) fn canonical(raw: &str) -> Result<String, NameError> {
    if raw.len() > limits::NAME_BYTES {
        return Err(NameError::TooLong);
    }
    let typed: Vec<char> = raw.chars().filter(|&c| !is_meaningless(c)).nfkd().collect();
    let mut name = String::with_capacity(raw.len());
    let (mut chars, mut marks) = (0, 0);
    let mut visible = false;
    let mut space = false;
    for c in keep_meaningful(&typed).into_iter().nfkc() {
        if c.is_whitespace() {
            space = !name.is_empty();
            continue;
        }
        if is_refused(c) {
            return Err(NameError::Unseen);
        }
        if space {
            name.push(' ');
            chars += 1;
            marks = 0;
            space = false;
        }
        name.push(c);
        chars += 1;
        if chars > limits::NAME_CHARS {
            return Err(NameError::TooLong);
        }
        visible |= c != '\u{2800}';
        marks = match c.general_category() {
            _ if depends_on_context(c) => marks,
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => marks + 1,
            _ => 0,
        };
        if marks > limits::NAME_MARKS {
            return Err(NameError::Marks);
        }
    }
    match name.as_str() {
        _ if !visible => Err(NameError::Empty),
        "." | ".." => Err(NameError::Dots),
        _ => Ok(name),
    }
}

/// True for an invisible character that has no effect in a name in any position: the assigned
/// Default_Ignorable_Code_Point characters (Unicode 18.0) except those of [`depends_on_context`].
fn is_meaningless(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{200b}'
            | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
    )
}

/// True for an invisible character that changes its neighbours' appearance in some positions.
pub(super) fn depends_on_context(c: char) -> bool {
    matches!(c, ZWNJ | ZWJ | TEXT_SELECTOR | EMOJI_SELECTOR | '\u{180b}'..='\u{180f}')
        || is_tag(c)
        || is_ideographic_selector(c)
}

/// True for a character that people cannot see, or that a later Unicode version could normalise differently. A name is
/// key material, so its normal form must not change.
fn is_refused(c: char) -> bool {
    match c.general_category() {
        GeneralCategory::Control
        | GeneralCategory::PrivateUse
        | GeneralCategory::Surrogate
        | GeneralCategory::Unassigned => true,
        GeneralCategory::Format => !depends_on_context(c),
        _ => false,
    }
}

/// Drops the invisible characters that have no effect in their position.
fn keep_meaningful(typed: &[char]) -> Vec<char> {
    let mut kept: Vec<char> = Vec::with_capacity(typed.len());
    let mut rest = typed;
    while let Some((&c, after)) = rest.split_first() {
        rest = after;
        if !depends_on_context(c) || is_meaningful(&kept, c, rest) {
            kept.push(c);
        }
        if c == BLACK_FLAG {
            let (tags, after) = rest.split_at(region_tags(rest));
            kept.extend(tags);
            rest = after;
        }
    }
    kept
}

/// True when the invisible `c` changes the appearance of the characters around it.
fn is_meaningful(before: &[char], c: char, after: &[char]) -> bool {
    let last = before.last().copied().unwrap_or_default();
    let next = after.first().copied().unwrap_or_default();
    match c {
        ZWNJ => separates_letters(before, after) || has_virama(before.iter().rev()) && is_letter(next),
        ZWJ => {
            has_virama(before.iter().rev())
                || RA.contains(&last) && has_virama(after.iter())
                || is_pictograph(next) && ends_in_emoji(before)
        }
        TEXT_SELECTOR => is_pictograph(last),
        EMOJI_SELECTOR => is_pictograph(last) || matches!(last, '0'..='9' | '#' | '*') && next == KEYCAP,
        MONGOLIAN_VOWEL_SEPARATOR => {
            (is_mongolian(last) || is_mongolian_selector(last)) && matches!(next, '\u{1820}' | '\u{1821}')
        }
        _ if is_mongolian_selector(c) => is_mongolian(last),
        _ if is_ideographic_selector(c) => is_ideograph(last),
        _ => false,
    }
}

/// RFC 5892, appendix A.1: true when the letters on both sides would join.
fn separates_letters(before: &[char], after: &[char]) -> bool {
    let is_letter = |c: &&char| !is_transparent(**c);
    // Checks the side after it first: in a run of joiners, only the last one then scans back over `before`.
    after.iter().find(is_letter).is_some_and(|&c| joins_previous(c))
        && before.iter().rev().find(is_letter).is_some_and(|&c| joins_next(c))
}

/// RFC 5892, appendices A.1 and A.2: true when the leading run of marks contains a virama.
fn has_virama<'a>(marks: impl Iterator<Item = &'a char>) -> bool {
    marks.map(|&c| canonical_combining_class(c)).take_while(|&class| class != 0).any(|class| class == 9)
}

/// True when the text ends in an element of an emoji ZWJ sequence (UTS 51, ED-15a).
fn ends_in_emoji(before: &[char]) -> bool {
    match *before {
        [.., base, EMOJI_SELECTOR] => is_pictograph(base),
        [.., base, modifier] if is_modifier(modifier) => matches!(
            base.emoji_status(),
            EmojiStatus::EmojiModifierBase | EmojiStatus::EmojiPresentationAndModifierBase
        ),
        [.., last] => is_pictograph(last),
        [] => false,
    }
}

/// Emoji and Extended_Pictographic: every emoji except the components of keycaps, flags and skin tones.
fn is_pictograph(c: char) -> bool {
    c.is_emoji_char() && !is_modifier(c) && !matches!(c, '0'..='9' | '#' | '*' | '\u{1f1e6}'..='\u{1f1ff}')
}

fn is_modifier(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

fn is_letter(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter
}

fn is_mongolian(c: char) -> bool {
    matches!(c, '\u{1820}'..='\u{1878}')
}

fn is_mongolian_selector(c: char) -> bool {
    matches!(c, '\u{180b}'..='\u{180d}' | '\u{180f}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

fn is_ideographic_selector(c: char) -> bool {
    matches!(c, '\u{e0100}'..='\u{e01ef}')
}
