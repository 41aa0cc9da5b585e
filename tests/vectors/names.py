"""names.json, and the canonical form of names for keys.json."""

import random

import regex
import unicodedata2 as unicodedata

from common import Refused

assert unicodedata.unidata_version == "18.0.0"


def ranges(*parts):
    return {chr(c) for first, last in parts for c in range(first, last + 1)}


# The property White_Space. str.isspace() is not the same: it takes U+001C to U+001F too.
WHITE_SPACE = ranges((0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A),
                     (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000))

# Step 1
DROPPED = ranges((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x200B, 0x200B),
                 (0x200E, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F), (0x3164, 0x3164),
                 (0xFE00, 0xFE0D), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A),
                 (0xE0001, 0xE0001))
# Step 3
TAGS = ranges((0xE0020, 0xE007F))
IDEOGRAPHIC = ranges((0xE0100, 0xE01EF))
MONGOLIAN = ranges((0x180B, 0x180D), (0x180F, 0x180F))
TABLE = TAGS | IDEOGRAPHIC | MONGOLIAN | set("\u180e\u200c\u200d\ufe0e\ufe0f")

JOINED_BEFORE = regex.compile(r"[\p{Joining_Type=L}\p{Joining_Type=D}]\p{Joining_Type=T}*$")
JOINED_AFTER = regex.compile(r"\p{Joining_Type=T}*[\p{Joining_Type=R}\p{Joining_Type=D}]")
PICTOGRAPH = r"[\p{Emoji}&&\p{Extended_Pictographic}]"
ENDS_IN_PICTOGRAPH = regex.compile(PICTOGRAPH + "$", regex.V1)
STARTS_WITH_PICTOGRAPH = regex.compile(PICTOGRAPH, regex.V1)
ENDS_IN_ELEMENT = regex.compile(
    PICTOGRAPH + "\ufe0f?$|\\p{Emoji_Modifier_Base}[\U0001f3fb-\U0001f3ff]$", regex.V1)
ENDS_IN_MONGOLIAN_LETTER = regex.compile("[\u1820-\u1878]$")
ENDS_IN_IDEOGRAPH = regex.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]$")
REGION = regex.compile("[\U000e0061-\U000e007a]{2}[\U000e0061-\U000e007a\U000e0030-\U000e0039]{1,4}\U000e007f")


def has_virama(marks):
    for c in marks:
        if unicodedata.combining(c) == 0:
            return False
        if unicodedata.combining(c) == 9:
            return True
    return False


def stands_well(before, c, after):
    """The table of section 1, but its last line."""
    if c == "\u200c":
        return bool(JOINED_BEFORE.search(before) and JOINED_AFTER.match(after)
                    or has_virama(reversed(before)) and after and unicodedata.category(after[0])[0] == "L")
    if c == "\u200d":
        return bool(has_virama(reversed(before))
                    or before[-1:] in ("\u09b0", "\u0cb0") and has_virama(after)
                    or ENDS_IN_ELEMENT.search(before) and STARTS_WITH_PICTOGRAPH.match(after))
    if c == "\ufe0e":
        return bool(ENDS_IN_PICTOGRAPH.search(before))
    if c == "\ufe0f":
        return bool(ENDS_IN_PICTOGRAPH.search(before)
                    or before and before[-1] in "0123456789#*" and after.startswith("\u20e3"))
    if c in MONGOLIAN:
        return bool(ENDS_IN_MONGOLIAN_LETTER.search(before))
    if c == "\u180e":
        return bool((ENDS_IN_MONGOLIAN_LETTER.search(before) or before[-1:] in MONGOLIAN) and
                    after[:1] in ("\u1820", "\u1821"))
    if c in IDEOGRAPHIC:
        return bool(ENDS_IN_IDEOGRAPH.search(before))
    return False


def without_idle(text):
    """Step 3."""
    kept, at = "", 0
    while at < len(text):
        c = text[at]
        at += 1
        if c not in TABLE or stands_well(kept, c, text[at:]):
            kept += c
        if c == "\U0001f3f4" and (region := REGION.match(text, at)):
            kept += region[0]
            at = region.end()
    return kept


def canonical(raw):
    if len(raw.encode()) > 1024:
        raise Refused("bad_room_name")
    text = "".join(c for c in raw if c not in DROPPED)
    text = without_idle(unicodedata.normalize("NFKD", text))
    text = "".join(" " if c in WHITE_SPACE else c for c in unicodedata.normalize("NFKC", text))
    name = " ".join(word for word in text.split(" ") if word)
    if any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Cn") and c not in TABLE for c in name):
        raise Refused("bad_room_name")
    if not name.strip(" \u2800"):
        raise Refused("bad_room_name")
    seen = "".join(c for c in name if c not in TABLE)
    if regex.search(r"[\p{Mn}\p{Me}]{7}", seen):
        raise Refused("bad_room_name")
    if len(name) > 64 or name in (".", ".."):
        raise Refused("bad_room_name")
    return name


# Names in which everything that is invisible has a meaning: they stay as they are.
STAYING = [
    ("Persian: a joiner that parts", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"),
    ("Persian: with a mark before the joiner", "\u0645\u06cc\u0652\u200c\u062e\u0648\u0627\u0647\u0645"),
    ("Sinhala: virama and joiner", "\u0dc1\u0dca\u200d\u0dbb\u0dd3"),
    ("Marathi: eyelash ra", "\u0936\u0930\u094d\u200d\u092f\u093e"),
    ("Hindi: an explicit virama", "\u0930\u093e\u091c\u094d\u200c\u092f"),
    ("Malayalam: a chillu at the end", "\u0d30\u0d3e\u0d1c\u0d28\u0d4d\u200d"),
    ("Bengali: ra, joiner, virama", "\u09b0\u200d\u09cd\u09af\u09be\u099a\u09c7\u09b2"),
    ("Kannada: ra, joiner, virama", "\u0cb8\u0cc2\u0cb0\u200d\u0ccd\u0caf"),
    ("emoji of two", "Ana \U0001f3f3\ufe0f\u200d\U0001f308"),
    ("emoji of four", "\U0001f469\u200d\u2764\ufe0f\u200d\U0001f48b\u200d\U0001f468"),
    ("emoji with a skin tone", "\U0001f469\U0001f3fd\u200d\U0001f4bb"),
    ("emoji with hair", "\U0001f468\U0001f3ff\u200d\U0001f9b0"),
    ("flag of England", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"),
    ("flag of two letters, not of a region", "\U0001f1e9\U0001f1ea"),
    ("keycap", "1\ufe0f\u20e3"),
    ("a telephone as text", "\u260e\ufe0e"),
    ("Mongolian: a vowel separator", "\u1830\u1820\u1837\u180e\u1820"),
    ("Mongolian: a selector, then the separator", "\u1830\u180b\u180e\u1820"),
    ("an ideograph's variant", "\u845b\U000e0100\u57ce"),
    ("Vietnamese", "Nguy\u1ec5n Th\u1ecb Ph\u01b0\u1ee3ng"),
    ("Hebrew with points and cantillation", "\u05e9\u05b8\u05bc\u05bd\u05c1\u0596\u05de\u05b7"),
    ("Thai", "\u0e17\u0e35\u0e48\u0e19\u0e31\u0e48\u0e19"),
    ("Tibetan: a stack for Sanskrit", "\u0f40\u0fb5\u0fa8\u0fb2\u0fb1\u0f74\u0f7e"),
    ("Burmese", "\u101c\u103b\u103e\u102d\u102f\u1037\u101d\u103e\u1000\u103a"),
]

# raw, expect
OTHERS = [
    ("byte order mark at the start", "\ufeffAna", "Ana"),
    ("direction marks around", "\u200eAna\u200f", "Ana"),
    ("isolates around", "\u2068Ana\u2069", "Ana"),
    ("soft hyphen at the end", "Ana\u00ad", "Ana"),
    ("selector at the end", "Ana\ufe0f", "Ana"),
    ("soft hyphen inside", "Anto\u00adnia", "Antonia"),
    ("zero width space and word joiner inside", "A\u200bn\u2060a", "Ana"),
    ("bidi control inside", "tea\u202emoor", "teamoor"),
    ("grapheme joiner and selectors inside", "A\u034f\ufe00n\U000e0100a", "Ana"),
    ("Hangul fillers", "\u3164A\uffa0na\u115f", "Ana"),
    ("space between characters that are dropped", "\u200b \u2060Ana \u200b", "Ana"),
    ("joiner between Latin letters", "A\u200dna", "Ana"),
    ("joiner between digits, which are Emoji", "1\u200d2", "12"),
    ("parting joiner after a letter that joins nothing", "\u062f\u200c\u0627", "\u062f\u0627"),
    ("parting joiner after a space", "\u0639 \u200c\u0631", "\u0639 \u0631"),
    ("parting joiner at the end, after a virama", "\u0915\u094d\u200c", "\u0915\u094d"),
    ("two joiners in a row", "\U0001f469\u200d\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
    ("two joiners after a virama", "\u0dc1\u0dca\u200d\u200d\u0dbb", "\u0dc1\u0dca\u200d\u0dbb"),
    ("soft hyphens around a joiner", "\U0001f469\u00ad\u200d\u00ad\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
    ("skin tone on a cup", "\U0001f375\U0001f3fd\u200d\U0001f4bb", "\U0001f375\U0001f3fd\U0001f4bb"),
    ("selector after what is no emoji after NFKC", "\u2122\ufe0f", "TM"),
    ("selector after a digit without a keycap", "1\ufe0f2", "12"),
    ("tags of no region", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4"),
    ("tags without an end", "\U0001f3f4\U000e0067\U000e0062\U000e0065", "\U0001f3f4"),
    ("tags after another emoji", "\U0001f469\U000e0067\U000e0062\U000e0065\U000e007f", "\U0001f469"),
    ("what is left composes", "e\u00ad\u0301", "\u00e9"),
    ("what is left composes, after a joiner", "e\u200c\u0301", "\u00e9"),
    ("marks come into their order", "a\u0301\ufe0f\u0323", "\u1ea1\u0301"),
    ("virama behind another mark", "\u0915\u0951\ufe0f\u094d\u200d\u0937", "\u0915\u094d\u0951\u200d\u0937"),
    ("tags between a joiner and a letter", "\u0639\u200c\U000e0061\u0639", "\u0639\u200c\u0639"),
    ("6 marks", "a" + "\u0335" * 6, "a" + "\u0335" * 6),
    ("6 marks on each of two letters", "a" + "\u0335" * 6 + "b" + "\u0335" * 6, "a" + "\u0335" * 6 + "b" + "\u0335" * 6),
    ("7 marks that are 6 after NFKC", "a\u0301" + "\u0335" * 6, "\u00e1" + "\u0335" * 6),
    ("7 marks", "a" + "\u0335" * 7, None),
    ("63 marks", "a" + "\u0301" * 63, None),
    ("enclosing marks", "a" + "\u20dd" * 7, None),
    ("marks on both sides of a joiner", "\u092c" + "\u094d" * 6 + "\u200d\u094d", None),
    ("invisible characters only", "\ufeff\u200d\u00ad\ufe0f\U000e0067", None),
    ("two dots around an invisible one", ".\u200b.", None),
    ("visible format character", "\u0600\u0661", None),
    ("interlinear annotation", "\ufff9Ana", None),
    ("unassigned, though default-ignorable", "Ana\U000e0000", None),
]

# Characters of every kind that the steps tell apart, for texts of any make.
KINDS = [
    "aIl1.#*09\u00e9\u00df\ufb01\u2122",
    " \t\u00a0\u3000\u2028",
    "\u0301\u0323\u0327\u05b8\u05c1\u20e3\u20dd\U0001d165\u302e",
    "\u200c\u200d\u200d\u200c",
    "\ufe0f\ufe0e\ufe00\U000e0100\u180b\u180e",
    "\u00ad\u034f\u200b\u200e\u202e\u2060\u2066\ufeff\u3164\uffa0\u115f\u2800",
    "\u0631\u0639\u0644\u06cc\u062f\u0627\u0640\u064b\u0670\u06c0\u0622\u0653\u0654\ua872\U00010acd\U0001e900\U0001e94b",
    "\u0dbb\u0dc1\u0d9a\u0930\u0937\u09b0\u0cb0\u09af\u0dca\u094d\u09cd\u0ccd\u093c\u09bc\u0951\u0958\u1cd0\u0f71\u0f84",
    "\U0001f469\U0001f468\U0001f4bb\u2764\U0001f3f3\U0001f308\U0001f9b0\u2620\U0001f375\u2695\U0001f3fd\U0001f1e9",
    "\U0001f3f4\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e0031\U000e007f\U000e0041\U000e0001",
    "\u1830\u1820\u1821\u1828\u180f\u18a9\u845b\u57ce\uf900\U00020000\uac01\u1100\u1161\u11a8",
    "\x00\ue000\u0378\u0600\ufff9",
]


def mixtures(count):
    source = random.Random("cloakroom/1 names")
    below = lambda bound: int(source.random() * bound)
    for number in range(count):
        kinds = [KINDS[below(len(KINDS) - (number % 8 != 0))] for _ in range(3)]
        texts = (kinds[below(3)] for _ in range(1 + below(14)))
        yield f"mixture {number}", "".join(text[below(len(text))] for text in texts)


def name_vectors():
    vectors = []
    for name, raw, expect in [(name, raw, raw) for name, raw in STAYING] + OTHERS:
        vectors.append({"name": name, "raw": raw, "expect": expect})
    for name, raw in mixtures(600):
        vectors.append({"name": name, "raw": raw, "expect": outcome(raw)})
    for vector in vectors:
        expect = vector["expect"]
        assert outcome(vector["raw"]) == expect, (vector, outcome(vector["raw"]))
        if expect is not None:
            assert outcome(expect) == expect, ("canonical twice", vector)
            assert unicodedata.normalize("NFKC", expect) == expect, ("NFKC", vector)
    return vectors


def outcome(raw):
    try:
        return canonical(raw)
    except Refused:
        return None
