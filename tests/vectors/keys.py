"""keys.json."""

import hashlib
import struct

import unicodedata2 as unicodedata
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from common import Refused, argon2id, fixed
from names import canonical


# 2. From password to keys

def password_bytes(raw):
    password = unicodedata.normalize("NFKC", raw)
    if len(password) < 8:
        raise Refused("password_too_short")
    if len(password.encode()) > 1024:
        raise Refused("password_too_long")
    return password.encode()


def extract(salt, ikm):
    mac = hmac.HMAC(salt, hashes.SHA256())
    mac.update(ikm)
    return mac.finalize()


def expand(secret, label, context):
    info = label + b"\x00" + struct.pack(">H", len(context)) + context
    return HKDFExpand(hashes.SHA256(), 32, info).derive(secret)


def keys(room, password, server_salt, room_id):
    name = canonical(room)
    secret = password_bytes(password)
    room_name = name.encode()
    argon_salt = hashlib.sha256(
        b"cloakroom/1 salt" + struct.pack(">H", len(room_name)) + room_name + server_salt).digest()[:16]
    stretched = argon2id(secret, argon_salt)
    room_secret = extract(bytes(32), stretched)  # for HMAC, 32 zero bytes and an empty key are the same
    return {
        "canonical_room": name,
        "argon_salt": argon_salt,
        "stretched": stretched,
        "room_secret": room_secret,
        "verifier": expand(room_secret, b"cloakroom/1 verifier", room_name),
        "room_psk": expand(room_secret, b"cloakroom/1 psk", room_id),
        "door_key": expand(room_secret, b"cloakroom/1 door", room_id),
    }


GOOD = "correct horse"

KEY_CASES = [
    # what it shows, room, password, expect
    ("ASCII", "tea room", "correct horse battery staple", "ok"),
    ("NFKC: full-width room and password", "\uff34\uff45\uff41\u3000\uff12", "\uff50\uff41\uff53\uff53 \uff57\uff4f\uff52\uff44\uff11", "ok"),
    ("NFKC: decomposed room and password are composed", "Cafe\u0301 Zu\u0308rich", "mot de passe secre\u0300te", "ok"),
    ("the same, composed: all that follows is equal", "Caf\u00e9 Z\u00fcrich", "mot de passe secr\u00e8te", "ok"),
    ("white space is folded in the room, not in the password", "\t tea \u00a0\u2003 and\r\n\u2028toast \u0085", "  two  blanks\t", "ok"),
    ("Cyrillic and Hebrew", "\u0427\u0430\u0439\u043d\u0430\u044f \u05d7\u05d3\u05e8", "\u043f\u0430\u0440\u043e\u043b\u044c \u05e1\u05d9\u05e1\u05de\u05d4", "ok"),
    ("Persian, with a joiner that parts two letters", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", GOOD, "ok"),
    ("Sinhala, with a joiner after a virama", "\u0dc1\u0dca\u200d\u0dbb\u0dd3", GOOD, "ok"),
    ("emoji of several, with joiners", "\U0001f469\U0001f3fd\u200d\U0001f4bb \U0001f3f3\ufe0f\u200d\U0001f308", GOOD, "ok"),
    ("the flag of a region, with tags", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", GOOD, "ok"),
    ("invisible characters around and inside are dropped", "\ufeff\u200etea\u00ad\u202e\u200broom\ufe0f", GOOD, "ok"),
    ("6 marks on a letter", "tea" + "\u0335" * 6, GOOD, "ok"),
    ("emoji, with a variation selector, without a joiner", "\U0001f375\u2764\ufe0f \U0001f600", "\U0001f512\U0001f511" * 4, "ok"),
    ("64 characters in 256 bytes", "\U0001f375" * 64, GOOD, "ok"),
    ("1,024 raw bytes of room, most of them white space", "a" + "\u3000" * 340 + " b ", GOOD, "ok"),
    ("a room that is visible but for one character", "\u2800\u034fx", GOOD, "ok"),
    ("three dots: a name, one dot after another", "...", GOOD, "ok"),
    ("password of 8 characters", GOOD, "12345678", "ok"),
    ("password of 7 characters that are 8 after NFKC", GOOD, "\ufb01abcdef", "ok"),
    ("password of 1,024 bytes", GOOD, "0123456789abcdef" * 64, "ok"),
    ("password of 3,072 bytes that are 1,024 after NFKC", GOOD, "\uff10\uff11\uff12\uff13" * 256, "ok"),
    ("password with a control character and a joiner", GOOD, "line\none\u200djoined\x00", "ok"),

    ("password of 7 characters", GOOD, "1234567", "password_too_short"),
    ("password of 7 characters in 28 bytes", GOOD, "\U0001f511" * 7, "password_too_short"),
    ("password of 8 code points that are 7 after NFKC", GOOD, "abcdefe\u0301", "password_too_short"),
    ("empty password", GOOD, "", "password_too_short"),
    ("password of 1,025 bytes", GOOD, "0123456789abcdef" * 64 + "x", "password_too_long"),
    ("password of 95 bytes that are 1,025 after NFKC", GOOD, "\ufdfa" * 31 + "xy", "password_too_long"),
    ("password of 514 characters in 1,028 bytes", GOOD, "\u00e9" * 514, "password_too_long"),

    ("empty room", "", GOOD, "bad_room_name"),
    ("room of white space only", " \t\u3000\u2028", GOOD, "bad_room_name"),
    ("room of blank characters only", "\u2800 \u3164\uffa0\u115f\ufe0f", GOOD, "bad_room_name"),
    ("room of characters only that are dropped", "\ufeff\u200d\u00ad\U000e0067", GOOD, "bad_room_name"),
    ("7 marks on a letter", "tea" + "\u0335" * 7, GOOD, "bad_room_name"),
    ("7 marks on a letter, around a joiner", "\u092c" + "\u094d" * 6 + "\u200d\u094d", GOOD, "bad_room_name"),
    ("a visible format character in the room", "tea\u0600", GOOD, "bad_room_name"),
    ("control character in the room", "tea\x00room", GOOD, "bad_room_name"),
    ("U+001C in the room: a control character, not white space", "tea\x1croom", GOOD, "bad_room_name"),
    ("private use in the room", "tea\ue000", GOOD, "bad_room_name"),
    ("noncharacter in the room", "tea\ufdd0", GOOD, "bad_room_name"),
    ("room of 65 characters", "x" * 65, GOOD, "bad_room_name"),
    ("room of 4 characters that are 72 after NFKC", "\ufdfa" * 4, GOOD, "bad_room_name"),
    ("room of 1,025 raw bytes that would be 3 characters", "a" + " " * 1023 + "b", GOOD, "bad_room_name"),
    ("one dot", ".", GOOD, "bad_room_name"),
    ("two dots", "..", GOOD, "bad_room_name"),
    ("two dots after NFKC", " \u2025 ", GOOD, "bad_room_name"),
]


def key_vectors():
    vectors = []
    # The two spellings of one room and password have one salt and one id, so that their keys are equal.
    same = {KEY_CASES[3][0]: KEY_CASES[2][0]}
    for name, room, password, expect in KEY_CASES:
        label = same.get(name, name)
        inputs = {"room": room, "password": password, "server_salt": fixed("server salt " + label, 32),
                  "room_id": fixed("room id " + label, 16)}
        try:
            result, derived = "ok", keys(**inputs)
        except Refused as failure:
            result, derived = str(failure), {}
        assert result == expect, (name, result)
        vectors.append({"name": name, **inputs, "expect": expect, **derived})
    return vectors


def person(raw, password, server_salt):
    name = canonical(canonical(raw).casefold()).encode()
    argon_salt = hashlib.sha256(
        b"cloakroom/1 person salt" + struct.pack(">H", len(name)) + name + server_salt).digest()[:16]
    secret = extract(bytes(32), argon2id(password_bytes(password), argon_salt))
    return {"name_as_kept": name.decode(), "verifier": expand(secret, b"cloakroom/1 person verifier", name)}


PERSON_CASES = [
    # what it shows, person, password
    ("ASCII", "ana", "correct horse battery staple"),
    ("a capital first letter, as phones write it: the same person", "Ana", "correct horse battery staple"),
    ("a sharp s folds to two", " Stra\u00dfe ", GOOD),
    ("full-width name and password", "\uff21\uff4e\uff41", "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44"),
    ("a capital I with a dot", "\u0130pek", GOOD),
]


def person_vectors():
    return [{"name": name, "person": raw, "password": password, "server_salt": fixed("person salt", 32),
             **person(raw, password, fixed("person salt", 32))} for name, raw, password in PERSON_CASES]
