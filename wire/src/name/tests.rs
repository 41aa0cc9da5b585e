use unicode_normalization::UnicodeNormalization;

use super::*;

fn name(raw: &str) -> Result<String, NameError> {
    raw.parse::<RoomName>().map(|name| name.as_str().to_owned())
}

fn skeleton(raw: &str) -> Skeleton {
    raw.parse::<UserName>().unwrap().skeleton()
}

fn same(a: &str, b: &str) -> bool {
    skeleton(a).same(&skeleton(b))
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

/// Names with invisible characters that change their appearance. Each counts as the same name as without them.
#[test]
fn meaningful_invisible_characters_are_kept() {
    for ordinary in [
        // Joiners: Persian, Sinhala, Marathi, Malayalam, Bengali, Kannada
        "علی\u{200c}رضا",
        "می\u{200c}خواهم",
        "ශ\u{dca}\u{200d}රී",
        "श\u{930}\u{94d}\u{200d}या",
        "राज\u{94d}\u{200c}य",
        "രാജന\u{d4d}\u{200d}",
        "র\u{200d}\u{9cd}যাচেল",
        "ಸೂರ\u{200d}\u{ccd}ಯ",
        // Emoji: sequences, skin tones, flags of regions, keycaps
        "Ana 🏳\u{fe0f}\u{200d}🌈",
        "👩🏽\u{200d}💻",
        "👩\u{200d}❤\u{fe0f}\u{200d}💋\u{200d}👨",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦",
        "👨🏿\u{200d}🦰",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "🏴\u{200d}☠\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "☎\u{fe0e}",
        // Variants of Mongolian letters and of ideographs
        "ᠰᠠᠷ\u{180e}ᠠ",
        "ᠠ\u{180b}ᠨ",
        "葛\u{e0100}城",
    ] {
        assert_eq!(name(ordinary).as_deref(), Ok(ordinary), "{ordinary:?}");
        let invisible = |c: &char| matches!(c, '\u{180b}'..='\u{180f}' | '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{e0020}'..='\u{e01ef}');
        let bare = ordinary.chars().filter(|c| !invisible(c)).collect::<String>();
        assert!(bare != ordinary && same(ordinary, &bare), "{ordinary:?} and {bare:?}");
    }
}

#[test]
fn meaningless_invisible_characters_are_dropped() {
    for (raw, canonical) in [
        // At either end, as pasting leaves them
        ("\u{feff}Ana", "Ana"),
        ("\u{200e}Ana\u{200f}", "Ana"),
        ("\u{2068}Ana\u{2069}", "Ana"),
        ("Ana\u{ad}", "Ana"),
        ("Ana\u{fe0f}", "Ana"),
        ("\u{200d}Ana\u{200c}", "Ana"),
        ("\u{200b} \u{2060}Ana \u{200b}", "Ana"),
        ("\u{3164}Ana\u{ffa0}", "Ana"),
        // Inside
        ("Anto\u{ad}nia", "Antonia"),
        ("A\u{200b}n\u{2060}a", "Ana"),
        ("Ana \u{202e}boB", "Ana boB"),
        ("A\u{34f}\u{fe00}n\u{e0100}a", "Ana"),
        ("A\u{200d}na", "Ana"),
        ("A\u{e0041}na", "Ana"),
        ("علی \u{200c}رضا", "علی رضا"),
        ("د\u{200c}ا", "دا"),
        ("1\u{200d}2", "12"),
        ("1\u{fe0f}2", "12"),
        ("👩\u{200d}\u{200d}💻", "👩\u{200d}💻"),
        ("👩\u{ad}\u{200d}\u{ad}💻", "👩\u{200d}💻"),
        ("👩\u{200d} 💻", "👩 💻"),
        ("🍵\u{1f3fd}\u{200d}💻", "🍵\u{1f3fd}💻"),
        ("राज\u{94d}\u{200c}", "राज\u{94d}"),
        ("™\u{fe0f}", "TM"),
        // Flag tags that name no region, or lack the end tag
        ("🏴\u{e0067}\u{e0062}\u{e007f}", "🏴"),
        ("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}", "🏴"),
        ("👩\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", "👩"),
        // The rest is normalised: it composes, and marks are reordered
        ("e\u{ad}\u{301}", "é"),
        ("e\u{200c}\u{301}", "é"),
        ("a\u{301}\u{fe0f}\u{323}", "ạ\u{301}"),
    ] {
        assert_eq!(name(raw).as_deref(), Ok(canonical), "{raw:?}");
        assert_eq!(name(canonical).as_deref(), Ok(canonical), "canonical twice: {raw:?}");
    }
}

#[test]
fn invalid_names_are_refused() {
    for (raw, error) in [
        ("", NameError::Empty),
        (" \u{a0}\u{2003}\n", NameError::Empty),
        ("\u{3164}\u{2800}", NameError::Empty),
        ("\u{200b}\u{feff}\u{ad}\u{200d}\u{fe0f}", NameError::Empty),
        (" .. ", NameError::Dots),
        (".\u{200b}.", NameError::Dots),
        ("\u{ff0e}", NameError::Dots),
        ("a\u{0}b", NameError::Unseen),
        ("a\u{1b}[2J", NameError::Unseen),
        ("\u{fff9}Ana", NameError::Unseen),
        ("a\u{e000}", NameError::Unseen),
        ("a\u{378}", NameError::Unseen),
        ("a\u{e0000}", NameError::Unseen),
    ] {
        assert_eq!(name(raw), Err(error), "{raw:?}");
    }
    assert_eq!(name(&"x".repeat(limits::NAME_CHARS)).map(|n| n.len()), Ok(limits::NAME_CHARS));
    assert_eq!(name(&"x".repeat(limits::NAME_CHARS + 1)), Err(NameError::TooLong));
    assert_eq!(name(&" ".repeat(limits::NAME_BYTES + 1)), Err(NameError::TooLong));
    // NFKC turns this code point into eighteen. The limit applies to the result.
    assert_eq!(name(&"\u{fdfa}".repeat(4)), Err(NameError::TooLong));
}

#[test]
fn marks_on_a_letter_are_bounded() {
    for written in [
        "Nguyễn Thị Phượng",
        "e\u{302}\u{323}\u{301}",
        "הַשָּׁמַ֖יִם",
        "ש\u{5bc}\u{5b8}\u{5c1}\u{596}\u{5bd}",
        "น้ำทิพย์",
        "གྲྭ་པ་བརྒྱུད",
        "ཀྵྨྲྱུཾ",
        "လျှို့ဝှက်",
        "ٱللَّهُۥ",
    ] {
        assert!(name(written).is_ok(), "{written:?}");
    }
    let most = limits::NAME_MARKS;
    let mark = "\u{335}";
    assert!(name(&format!("a{}b{}", mark.repeat(most), mark.repeat(most))).is_ok());
    assert_eq!(name(&format!("a{}", mark.repeat(63))), Err(NameError::Marks));
    assert_eq!(name(&format!("ana {}", "\u{20dd}".repeat(most + 1))), Err(NameError::Marks));
    // A joiner does not split a run of marks. A space does.
    assert_eq!(name(&format!("ब{}\u{200d}{}", "\u{94d}".repeat(most), "\u{94d}")), Err(NameError::Marks));
    assert!(name(&format!("a{} {}", mark.repeat(most), mark.repeat(most))).is_ok());
}

#[test]
fn lookalikes_are_the_same_name() {
    for (a, b) in [
        ("Ana", "aNA"),
        ("Ana", "Аnа"),
        ("paypal", "PaypaI"),
        ("paypal", "paypa1"),
        ("STRASSE", "straße"),
        ("modern", "rnodern"),
        ("Ana", "A\u{34f}na"),
        ("Ωmega", "ωmega"),
        ("علی\u{200c}رضا", "علیرضا"),
        ("❤\u{fe0f}", "❤"),
    ] {
        assert!(same(a, b), "{a} and {b}");
    }
    for (a, b) in [("Ana", "Anna"), ("Ana", "Ána"), ("Ana B", "AnaB")] {
        assert!(!same(a, b), "{a} and {b}");
    }
}

/// Random texts of every kind of character that the steps distinguish.
#[test]
fn random_texts_have_one_canonical_form() {
    const KINDS: &[&str] = &[
        "aIl1.#*09éßﬁ™",
        " \t\u{a0}\u{3000}\u{2028}",
        "\u{301}\u{323}\u{327}\u{5b8}\u{5c1}\u{20e3}\u{20dd}\u{1d165}\u{302e}",
        "\u{200c}\u{200d}\u{200d}\u{200c}",
        "\u{fe0f}\u{fe0e}\u{fe00}\u{e0100}\u{180b}\u{180e}",
        "\u{ad}\u{34f}\u{200b}\u{200e}\u{202e}\u{2060}\u{2066}\u{feff}\u{3164}\u{ffa0}\u{115f}\u{2800}",
        "رعلیدا\u{640}\u{64b}\u{670}\u{6c0}\u{622}\u{653}\u{654}\u{a872}\u{10acd}\u{1e900}\u{1e94a}\u{1e94b}",
        "රශකरषরಯय\u{dca}\u{94d}\u{9cd}\u{ccd}\u{93c}\u{9bc}\u{951}\u{958}\u{1cd0}\u{0f71}\u{0f84}\u{f90}",
        "👩👨💻❤🏳🌈🦰☠🍵⚕\u{1f3fd}\u{1f3ff}🇩🇪👍",
        "🏴🏴\u{e0067}\u{e0062}\u{e0065}\u{e0031}\u{e007f}\u{e0041}\u{e0001}",
        "ᠰᠠᠡᠨ\u{180f}\u{18a9}葛城\u{f900}\u{20000}각\u{1100}\u{1161}\u{11a8}",
        "\u{0}\u{e000}\u{378}\u{600}\u{fff9}\u{110bd}",
    ];
    let kinds = KINDS.iter().map(|kind| kind.chars().collect::<Vec<_>>()).collect::<Vec<_>>();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from((state >> 16) % 0xffff).unwrap() % below
    };
    let mut previous: Option<Skeleton> = None;
    let mut good = 0;
    for round in 0..10_000 {
        // Three kinds per text, so that their rules interact. The kind that is always refused appears in few texts
        // only.
        let of = (0..3).map(|_| random(kinds.len() - usize::from(round % 16 != 0))).collect::<Vec<_>>();
        let text = (0..=random(14)).map(|_| {
            let kind = &kinds[of[random(of.len())]];
            kind[random(kind.len())]
        });
        let raw = text.collect::<String>();
        let Ok(once) = name(&raw) else { continue };
        good += 1;
        assert_eq!(name(&once).as_deref(), Ok(once.as_str()), "{raw:?}: canonical twice");
        assert_eq!(once.nfkc().collect::<String>(), once, "{raw:?}: NFKC");
        assert_eq!(name(&once.nfd().collect::<String>()).as_deref(), Ok(once.as_str()), "{raw:?}: typed decomposed");
        assert!(once.chars().count() <= limits::NAME_CHARS && once.trim() == once, "{raw:?}");

        let with = |invisible: char| once.chars().flat_map(|c| [c, invisible]).collect::<String>();
        assert_eq!(name(&with('\u{ad}')).as_deref(), Ok(once.as_str()), "{raw:?}: soft hyphens");
        let skeleton = skeleton(&once);
        for invisible in ['\u{200c}', '\u{200d}', '\u{fe0f}', '\u{e0061}'] {
            let Ok(joined) = name(&with(invisible)) else { continue };
            assert!(skeleton.same(&self::skeleton(&joined)), "{raw:?}: {once:?} and {joined:?}");
        }
        if let Some(previous) = previous.replace(skeleton.clone()) {
            assert_eq!(previous.same(&skeleton), skeleton.same(&previous), "{raw:?}");
        }
    }
    assert!(good > 5_000, "only {good} texts are names");
}

/// Texts of the greatest length that would take quadratic time if every character scanned its neighbourhood.
#[test]
fn longest_texts_finish() {
    for unit in [
        "\u{fdfa}",
        "\u{200c}",
        "ل\u{200c}",
        "\u{94d}\u{200d}",
        "🏴\u{e0067}",
        "🏴",
        "\u{301}\u{323}",
        "👩\u{200d}",
        "র\u{200d}",
    ] {
        let most = limits::NAME_BYTES / unit.len();
        let _ = name(&unit.repeat(most));
        // Many joiners behind many marks: each joiner would scan back over all marks.
        let _ = name(&format!("ل{}{}", "\u{64b}".repeat(200), "\u{200c}".repeat(200)));
    }
}

#[test]
fn debug_shows_only_the_length() {
    assert_eq!(format!("{:?}", "Ana".parse::<UserName>().unwrap()), "UserName(3 bytes)");
}

#[test]
fn account_names_ignore_case() {
    let person = |text: &str| text.parse::<PersonName>().unwrap();
    assert!(person("Ana") == person("ana") && person("ANA ") == person("ana"));
    assert!(person("Straße") == person("STRASSE"));
    assert!(person("Ana") != person("Anna"));
    assert_eq!(person(person("İstanbul").as_str()), person("İstanbul"), "folding it again changes nothing");
    assert!("\u{200b}".parse::<PersonName>().is_err());
}
