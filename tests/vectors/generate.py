#!/usr/bin/env python3
"""Makes the test vectors of the protocol "cloakroom/1": keys.json and messages.json, beside this file.

Needs Python 3.9 or later and three packages:

    pip install argon2-cffi cryptography PyNaCl
    python3 generate.py

It was written from docs/PROTOCOL.md alone, independent of the Rust code, so that agreement with these vectors says
something. All inputs are fixed; every run writes the same bytes. Nonces are fixed too, which only vectors may do.

Both files are a list of objects. Bytes are lower-case hex; room, password and text are JSON strings.

keys.json: `room` (raw), `password`, `server_salt`, `room_id` are the inputs. Where `expect` is "ok", the names and keys
that follow from them are given; otherwise it is the failure: "bad_room_name", "password_too_short",
"password_too_long".

messages.json: `message_key`, `sender`, `counter`, `sealed` are what the receiver has. `expect` is "text", then opening
gives `text`, and sealing `text` with `nonce` gives `padded` and `sealed`; or it is the failure:
  "does_not_open"  `text`, `nonce` and `padded` are what the sender sealed, before something was altered;
  "malformed"      it opens to `padded`, which is not well formed; `content` is what the sender padded;
  "unknown"        it opens to `padded`, whose `content` is of an unknown version or kind.
"""

import hashlib
import json
import struct
import unicodedata
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

HERE = Path(__file__).resolve().parent


class Refused(Exception):
    """The input is refused; the argument is the name of the failure."""


def fixed(label, length):
    """Bytes that stand in for random ones: the start of SHA-256 of a label."""
    return hashlib.sha256(("vector " + label).encode()).digest()[:length]


# 1. Names

# The property White_Space. str.isspace() is not the same: it takes U+001C to U+001F too.
WHITE_SPACE = set(map(chr, [0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
                            0x2028, 0x2029, 0x202F, 0x205F, 0x3000]))
BLANK = set(map(chr, [0x2800, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x180E), 0x180F, 0x3164,
                      *range(0xFE00, 0xFE10), 0xFFA0, *range(0xE0100, 0xE01F0)]))


def canonical(raw):
    if len(raw.encode()) > 1024:
        raise Refused("bad_room_name")
    folded = "".join(" " if c in WHITE_SPACE else c for c in unicodedata.normalize("NFKC", raw))
    name = " ".join(word for word in folded.split(" ") if word)
    if any(unicodedata.category(c) in ("Cc", "Cf", "Co", "Cs", "Cn") for c in name):
        raise Refused("bad_room_name")
    if all(c in WHITE_SPACE or c in BLANK for c in name):
        raise Refused("bad_room_name")
    if len(name) > 64 or name in (".", ".."):
        raise Refused("bad_room_name")
    return name


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
    stretched = hash_secret_raw(secret, argon_salt, time_cost=3, memory_cost=65536, parallelism=1, hash_len=32,
                                type=Type.ID, version=0x13)
    room_secret = extract(bytes(32), stretched)  # for HMAC, 32 zero bytes and an empty key are the same
    return {
        "canonical_room": name,
        "argon_salt": argon_salt,
        "stretched": stretched,
        "room_secret": room_secret,
        "verifier": expand(room_secret, b"cloakroom/1 verifier", room_name),
        "message_key": expand(room_secret, b"cloakroom/1 message", room_id),
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
    ("bidi control in the room", "tea\u202emoor", GOOD, "bad_room_name"),
    ("joiner in the room", "\U0001f469\u200d\U0001f680", GOOD, "bad_room_name"),
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


# 5. Messages

TEXT = b"\x01\x01"


def padme(length):
    if length < 256:
        return 256
    e = length.bit_length() - 1
    s = e.bit_length()  # floor(log2 e) + 1
    step = 1 << (e - s)
    return (length + step - 1) // step * step


def pad(content):
    return (content + b"\x80").ljust(padme(len(content) + 1), b"\x00")


def aad(sender, counter):
    return b"\x01" + struct.pack(">IQ", sender, counter)


def seal(key, nonce, sender, counter, padded):
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(padded, aad(sender, counter), nonce, key)


def read(key, sender, counter, sealed):
    """What a receiver makes of a sealed message: ("text", text), or a failure and None."""
    if len(sealed) < 40:
        return "does_not_open", None
    try:
        padded = crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[24:], aad(sender, counter), sealed[:24], key)
    except CryptoError:
        return "does_not_open", None
    content = padded.rstrip(b"\x00")
    if not content.endswith(b"\x80") or pad(content[:-1]) != padded:
        return "malformed", None
    content = content[:-1]
    if not content:
        return "malformed", None
    if content[0] != 1:
        return "unknown", None
    if len(content) < 2:
        return "malformed", None
    if content[1] != 1:
        return "unknown", None
    try:
        text = content[2:].decode("utf-8", "strict")
    except UnicodeDecodeError:
        return "malformed", None
    return ("text", text) if 1 <= len(text) <= 10000 else ("malformed", None)


GOOD_TEXTS = [
    # what it shows, text; a content has two bytes more
    ("one character", "x"),
    ("words", "Good evening, Ana."),
    ("emoji, with joiner and variation selector", "\U0001f469\u200d\U0001f680 \u2764\ufe0f"),
    ("not normalised: decomposed and full-width stay so", "Cafe\u0301 \uff34"),
    ("markup is text", "<b>&amp;</b>\n\t<script>alert(1)</script>"),
    ("white space only", " \n"),
    ("a byte order mark at the start is kept", "\ufeffmark"),
    ("ends in the byte 0x80", "\u00c0"),
    ("ends in the bytes 0x80 0x00 0x00", "\u00c0\x00\x00"),
    ("right to left", "\u05e9\u05dc\u05d5\u05dd \u202babc\u202c"),
    ("content of 253 bytes", "a" * 251),
    ("content of 254 bytes", "b" * 252),
    ("content of 255 bytes: fills 256", "c" * 253),
    ("content of 256 bytes: the first that needs 272", "d" * 254),
    ("content of 257 bytes", "e" * 255),
    ("content of 271 bytes: fills 272", "f" * 269),
    ("content of 272 bytes: needs 288", "g" * 270),
    ("content of 511 bytes: fills 512", "h" * 509),
    ("content of 512 bytes: needs 544", "i" * 510),
    ("content of 1,023 bytes: fills 1,024", "j" * 1021),
    ("content of 1,024 bytes: needs 1,088", "k" * 1022),
    ("10,000 characters in 10,000 bytes", "0123456789" * 1000),
    ("10,000 characters in 40,000 bytes", "\U0001f375\U0001f600" * 5000),
]


def message_vectors():
    key = fixed("message key", 32)
    vectors = []

    def add(name, expect, what, padded, sealed, nonce, sender=7, counter=1, message_key=key):
        """`what` is {"text": …} or {"content": …}; sender, counter and key are the receiver's."""
        result, text = read(message_key, sender, counter, sealed)
        assert result == expect, (name, result)
        assert expect != "text" or text == what["text"], name
        vectors.append({"name": name, "message_key": message_key, "sender": sender, "counter": counter, "nonce": nonce,
                        **what, "padded": padded, "sealed": sealed, "expect": expect})

    def good(name, text, sender=7, counter=1):
        nonce = fixed("nonce " + name, 24)
        padded = pad(TEXT + text.encode())
        add(name, "text", {"text": text}, padded, seal(key, nonce, sender, counter, padded), nonce, sender, counter)

    for at, (name, text) in enumerate(GOOD_TEXTS):
        good(name, text, counter=at + 1)
    good("the greatest sender", "x", sender=2**32 - 1)
    good("a counter above 32 bits", "x", sender=1, counter=2**32 + 2)
    good("the greatest counter that a double holds", "x", sender=0x01020304, counter=2**53 - 1)

    # Does not open. Each starts from this one, as sent by member 7 with counter 3.
    text = "Good evening, Ana."
    nonce = fixed("nonce to alter", 24)
    padded = pad(TEXT + text.encode())
    sealed = seal(key, nonce, 7, 3, padded)

    def closed(name, altered=sealed, sender=7, counter=3, message_key=key):
        add(name, "does_not_open", {"text": text}, padded, altered, nonce, sender, counter, message_key)

    def flip(at):
        altered = bytearray(sealed)
        altered[at] ^= 1
        return bytes(altered)

    add("the one that the next are made from", "text", {"text": text}, padded, sealed, nonce, 7, 3)
    closed("altered: first byte of the nonce", flip(0))
    closed("altered: last byte of the nonce", flip(23))
    closed("altered: first byte of the ciphertext", flip(24))
    closed("altered: last byte of the ciphertext", flip(-17))
    closed("altered: first byte of the tag", flip(-16))
    closed("altered: last byte of the tag", flip(-1))
    closed("other sender", sender=8)
    closed("other counter", counter=4)
    closed("sender and counter exchanged", sender=3, counter=7)
    closed("other key", message_key=fixed("other message key", 32))
    closed("one byte missing", sealed[:-1])
    closed("one byte too many", sealed + b"\x00")
    closed("truncated to 40 bytes", sealed[:40])
    closed("truncated to 39 bytes", sealed[:39])
    closed("truncated to the nonce", sealed[:24])
    closed("truncated to 1 byte", sealed[:1])
    closed("sealed with another version in the aad", nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(
        padded, b"\x02" + aad(7, 3)[1:], nonce, key))
    closed("sealed without aad", nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(padded, b"", nonce, key))

    # Opens, but to something that is not well formed or not known.
    def opens(name, expect, content, padded=None):
        nonce = fixed("nonce " + name, 24)
        padded = pad(content) if padded is None else padded
        add(name, expect, {"content": content}, padded, seal(key, nonce, 7, 1, padded), nonce)

    hello = TEXT + b"hello"
    opens("padding: none", "malformed", hello, hello)
    opens("padding: none, at the right length", "malformed", TEXT + b"a" * 254, TEXT + b"a" * 254)
    opens("padding: zeros without a mark", "malformed", hello, hello.ljust(256, b"\x00"))
    opens("padding: mark only, shorter than 256", "malformed", hello, hello + b"\x80")
    opens("padding: one byte short of 256", "malformed", hello, pad(hello)[:-1])
    opens("padding: one byte more than 256", "malformed", hello, pad(hello) + b"\x00")
    opens("padding: 272 where 256 is right", "malformed", hello, pad(hello) + bytes(16))
    opens("padding: 512 where 256 is right", "malformed", hello, pad(hello) + bytes(256))
    opens("padding: 273 where 272 is right", "malformed", TEXT + b"a" * 254, pad(TEXT + b"a" * 254) + b"\x00")
    opens("padding: 0x01 after the mark, at the end", "malformed", hello, pad(hello)[:-1] + b"\x01")
    opens("padding: 0x01 after the mark, at once", "malformed", hello, (hello + b"\x80\x01").ljust(256, b"\x00"))
    opens("padding: a second mark makes the first one content", "malformed", hello,
          (hello + b"\x80\x80").ljust(256, b"\x00"))
    opens("padding: 0x81 for a mark", "malformed", hello, (hello + b"\x81").ljust(256, b"\x00"))
    opens("padded is empty: 40 bytes sealed", "malformed", b"", b"")
    opens("padded is zeros only", "malformed", b"", bytes(256))
    opens("content is empty", "malformed", b"")
    opens("content without a kind", "malformed", b"\x01")
    opens("bad UTF-8: 0xff", "malformed", TEXT + b"a\xffb")
    opens("bad UTF-8: lone continuation byte", "malformed", TEXT + b"\x80")
    opens("bad UTF-8: cut short", "malformed", TEXT + b"\xe2\x82")
    opens("bad UTF-8: overlong", "malformed", TEXT + b"\xc0\xaf")
    opens("bad UTF-8: surrogate", "malformed", TEXT + b"\xed\xa0\x80")
    opens("bad UTF-8: above U+10FFFF", "malformed", TEXT + b"\xf4\x90\x80\x80")
    opens("empty text", "malformed", TEXT)
    opens("10,001 characters", "malformed", TEXT + b"a" * 10001)
    opens("unknown kind 2", "unknown", b"\x01\x02hello")
    opens("unknown kind 0", "unknown", b"\x01\x00hello")
    opens("unknown kind 255, with bytes that are not UTF-8", "unknown", b"\x01\xff\xff\xfe")
    opens("unknown kind 2, empty body", "unknown", b"\x01\x02")
    opens("unknown content version 2", "unknown", b"\x02\x01hello")
    opens("unknown content version 0", "unknown", b"\x00\x01hello")
    opens("unknown content version 2 with an unknown kind", "unknown", b"\x02\x09\xff")
    return vectors


def write(name, vectors):
    names = [vector["name"] for vector in vectors]
    assert len(set(names)) == len(names), "names of vectors are unique"
    plain = [{key: value.hex() if isinstance(value, bytes) else value for key, value in vector.items()}
             for vector in vectors]
    (HERE / name).write_bytes((json.dumps(plain, indent=2, ensure_ascii=True) + "\n").encode())


if __name__ == "__main__":
    write("keys.json", key_vectors())
    write("messages.json", message_vectors())
