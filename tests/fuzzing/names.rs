use unicode_normalization::UnicodeNormalization;
use wire::{RoomName, UserName, limits};

/// The input is several names, one per line.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let names = text.split('\n').take(4).filter_map(canonical).collect::<Vec<_>>();
    for one in &names {
        for other in &names {
            let same = one.skeleton().same(&other.skeleton());
            assert_eq!(same, other.skeleton().same(&one.skeleton()), "{one:?} and {other:?}", one = one.as_str());
            assert!(same || one != other, "{one:?}", one = one.as_str());
        }
    }
}

/// Returns the canonical form of a valid name. Checks that it is stable and does not depend on how the name was typed.
fn canonical(raw: &str) -> Option<RoomName> {
    let name = raw.parse::<RoomName>();
    assert_eq!(
        raw.parse::<UserName>().map(|name| name.as_str().to_owned()),
        name.clone().map(|name| name.as_str().to_owned())
    );
    let name = name.ok()?;
    let text = name.as_str();
    assert_eq!(text.parse::<RoomName>().as_ref(), Ok(&name), "{text:?}");
    assert!(!text.is_empty() && text.len() <= limits::NAME_BYTES && text.chars().count() <= limits::NAME_CHARS);
    for typed in [raw.nfc().collect::<String>(), raw.nfd().collect(), format!(" {raw}\t")] {
        if let Ok(other) = typed.parse::<RoomName>() {
            assert_eq!(other.as_str(), text, "{raw:?}");
        }
    }
    Some(name)
}
