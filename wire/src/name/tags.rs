//! Tag characters, which spell the region of a flag (UTS 51, section 1.4.8).

const TAG_END: char = '\u{e007f}';

/// True for the tags that occur in names: printable ASCII, and the end tag.
pub(super) fn is_tag(c: char) -> bool {
    matches!(c, '\u{e0020}'..=TAG_END)
}

/// Returns how many leading characters are the tags of a region's flag: two letters, one to four letters or digits, and
/// the end tag.
pub(super) fn region_tags(tags: &[char]) -> usize {
    let is_tag_letter = |c: &char| matches!(c, '\u{e0061}'..='\u{e007a}');
    let is_tag_digit = |c: &char| matches!(c, '\u{e0030}'..='\u{e0039}');
    let region = tags.iter().take_while(|c| is_tag_letter(c) || is_tag_digit(c)).count();
    let is_region = (3..=6).contains(&region) && tags.iter().take(2).all(is_tag_letter);
    if is_region && tags.get(region) == Some(&TAG_END) { region + 1 } else { 0 }
}
