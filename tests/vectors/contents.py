"""contents.json."""

import hashlib
import struct


# 6. Messages

def padme(length):
    if length < 256:
        return 256
    e = length.bit_length() - 1
    s = e.bit_length()  # floor(log2 e) + 1
    step = 1 << (e - s)
    return (length + step - 1) // step * step


def pad(content):
    return (content + b"\x80").ljust(padme(len(content) + 1), b"\x00")


def encode(kind, counter, body=b"", version=1):
    return struct.pack(">BBQ", version, kind, counter) + body


def read(padded):
    """What a receiver makes of a padded content: the vector's `expect`, and what is told of it."""
    content = padded.rstrip(b"\x00")
    if not content.endswith(b"\x80") or pad(content[:-1]) != padded:
        return "malformed", {}
    content = content[:-1]
    if len(content) < 10:
        return "malformed", {}
    version, kind, counter = struct.unpack(">BBQ", content[:10])
    body = content[10:]
    if version != 1 or kind not in (1, 2, 3, 4, 5):
        return "unknown", {"counter": counter}
    if kind in (2, 5):
        return ("malformed", {}) if body else ({2: "here", 5: "cancelled"}[kind], {"counter": counter})
    if kind == 3:
        return read_picture(counter, body)
    if kind == 4:
        if not 3 <= len(body) <= 2 + PIECE:
            return "malformed", {}
        return "piece", {"counter": counter, "index": int.from_bytes(body[:2], "big"), "bytes": body[2:]}
    try:
        text = body.decode("utf-8", "strict")
    except UnicodeDecodeError:
        return "malformed", {}
    return ("text", {"counter": counter, "text": text}) if 1 <= len(text) <= 10000 else ("malformed", {})


PIECE = 15859
OFFER = ">BHHI32s"


def offer(media, width, height, length, digest, alt=b""):
    return struct.pack(OFFER, media, width, height, length, digest) + alt


def read_picture(counter, body):
    head = struct.calcsize(OFFER)
    if len(body) < head:
        return "malformed", {}
    media, width, height, length, digest = struct.unpack(OFFER, body[:head])
    try:
        alt = body[head:].decode("utf-8", "strict")
    except UnicodeDecodeError:
        return "malformed", {}
    fine = (media in (1, 2) and 1 <= width <= 2048 and 1 <= height <= 2048 and 1 <= length <= 5 * 1024 * 1024
            and len(alt) <= 1000)
    if not fine:
        return "malformed", {}
    return "picture", {"counter": counter, "media": media, "width": width, "height": height, "length": length,
                       "hash": digest, "alt": alt}


GOOD_TEXTS = [
    # what it shows, text; a content has ten bytes more
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
    ("content of 253 bytes", "a" * 243),
    ("content of 254 bytes", "b" * 244),
    ("content of 255 bytes: fills 256", "c" * 245),
    ("content of 256 bytes: the first that needs 272", "d" * 246),
    ("content of 257 bytes", "e" * 247),
    ("content of 271 bytes: fills 272", "f" * 261),
    ("content of 272 bytes: needs 288", "g" * 262),
    ("content of 511 bytes: fills 512", "h" * 501),
    ("content of 512 bytes: needs 544", "i" * 502),
    ("content of 1,023 bytes: fills 1,024", "j" * 1013),
    ("content of 1,024 bytes: needs 1,088", "k" * 1014),
    ("10,000 characters in 10,000 bytes", "0123456789" * 1000),
    ("10,000 characters in 40,000 bytes", "\U0001f375\U0001f600" * 5000),
]


def content_vectors():
    vectors = []

    def add(name, expect, padded, told, sent):
        result, found = read(padded)
        assert (result, found) == (expect, told), (name, result, found)
        vectors.append({"name": name, **told, **sent, "padded": padded, "expect": expect})

    def good(name, text, counter):
        add(name, "text", pad(encode(1, counter, text.encode())), {"counter": counter, "text": text}, {})

    for at, (name, text) in enumerate(GOOD_TEXTS):
        good(name, text, at + 1)
    good("counter 0: it may be dropped", "x", 0)
    good("every byte of the counter has its place", "x", 0x05060708090a0b)
    good("the greatest counter that a double holds", "x", 2**53 - 1)
    add("here", "here", pad(encode(2, 1)), {"counter": 1}, {})
    add("here, with a counter that ends in 0x80 and zeros", "here", pad(encode(2, 0x8000)), {"counter": 0x8000}, {})

    def offered(name, counter, alt, *told):
        body = offer(*told, alt.encode())
        keys = ("media", "width", "height", "length", "hash")
        add(name, "picture", pad(encode(3, counter, body)), {"counter": counter, **dict(zip(keys, told)), "alt": alt}, {})

    digest = hashlib.sha256(b"a picture").digest()
    offered("picture: JPEG", 1, "", 1, 640, 480, 9, digest)
    offered("picture: PNG, with a description", 2, "A cat \U0001f408, asleep.", 2, 2048, 1, 9, digest)
    offered("picture: as large as can be", 3, "\U0001f408" * 1000, 1, 2048, 2048, 5 * 1024 * 1024, b"\xff" * 32)
    offered("picture: as small as can be", 4, "", 2, 1, 1, 1, bytes(32))

    def piece(name, counter, index, data):
        told = {"counter": counter, "index": index, "bytes": data}
        add(name, "piece", pad(encode(4, counter, struct.pack(">H", index) + data)), told, {})

    piece("piece: the first", 5, 0, b"\x00\x80\x00")
    piece("piece: one byte, with an index that no picture has", 6, 0xfffe, b"\x00")
    piece("piece: a full one", 7, 82, bytes(range(256)) * 61 + bytes(PIECE - 256 * 61))
    assert len(pad(encode(4, 7, bytes(2 + PIECE)))) == 12 + PIECE + 1 == 31 * 512
    add("cancelled", "cancelled", pad(encode(5, 8)), {"counter": 8}, {})

    def malformed(name, content, padded=None):
        add(name, "malformed", pad(content) if padded is None else padded, {}, {"content": content})

    hello, full = encode(1, 1, b"hello"), encode(1, 1, b"a" * 246)
    assert (len(pad(hello)), len(full), len(pad(full))) == (256, 256, 272)
    malformed("padding: none", hello, hello)
    malformed("padding: none, at the right length", full, full)
    malformed("padding: zeros without a mark", hello, hello.ljust(256, b"\x00"))
    malformed("padding: mark only, shorter than 256", hello, hello + b"\x80")
    malformed("padding: one byte short of 256", hello, pad(hello)[:-1])
    malformed("padding: one byte more than 256", hello, pad(hello) + b"\x00")
    malformed("padding: 272 where 256 is right", hello, pad(hello) + bytes(16))
    malformed("padding: 512 where 256 is right", hello, pad(hello) + bytes(256))
    malformed("padding: 273 where 272 is right", full, pad(full) + b"\x00")
    malformed("padding: 0x01 after the mark, at the end", hello, pad(hello)[:-1] + b"\x01")
    malformed("padding: 0x01 after the mark, at once", hello, (hello + b"\x80\x01").ljust(256, b"\x00"))
    malformed("padding: a second mark makes the first one content", hello, (hello + b"\x80\x80").ljust(256, b"\x00"))
    malformed("padding: 0x81 for a mark", hello, (hello + b"\x81").ljust(256, b"\x00"))
    malformed("padded is empty", b"", b"")
    malformed("padded is zeros only", b"", bytes(256))
    malformed("padding is wrong, and the kind unknown", encode(9, 1), encode(9, 1))
    malformed("content is empty", b"")
    malformed("content without a kind", b"\x01")
    malformed("content without a counter", b"\x01\x01")
    malformed("counter of 7 bytes", encode(1, 1)[:-1])
    malformed("here with a counter of 7 bytes", encode(2, 1)[:-1])
    malformed("unknown kind without a counter", b"\x01\x09")
    malformed("unknown version without a kind", b"\x02")
    malformed("unknown version with a counter of 7 bytes", encode(1, 1, version=2)[:-1])
    malformed("here with a body", encode(2, 1, b"x"))
    malformed("cancelled with a body", encode(5, 1, b"x"))
    good_offer = offer(1, 640, 480, 9, digest)
    malformed("picture: cut short", encode(3, 1, good_offer[:-1]))
    for name, *told in [
        ("media type 0", 0, 640, 480, 9), ("media type 3", 3, 640, 480, 9), ("no width", 1, 0, 480, 9),
        ("no height", 1, 640, 0, 9), ("too wide", 1, 2049, 480, 9), ("too high", 1, 640, 2049, 9),
        ("no bytes", 1, 640, 480, 0), ("too many bytes", 1, 640, 480, 5 * 1024 * 1024 + 1),
    ]:
        malformed(f"picture: {name}", encode(3, 1, offer(*told, digest)))
    malformed("picture: a description of 1,001 characters", encode(3, 1, good_offer + b"a" * 1001))
    malformed("picture: a description that is not UTF-8", encode(3, 1, good_offer + b"\xff"))
    malformed("piece: no index", encode(4, 1, b"\x00"))
    malformed("piece: no bytes", encode(4, 1, b"\x00\x00"))
    malformed("piece: one byte too many", encode(4, 1, bytes(2 + PIECE + 1)))
    malformed("bad UTF-8: 0xff", encode(1, 1, b"a\xffb"))
    malformed("bad UTF-8: lone continuation byte", encode(1, 1, b"\x80"))
    malformed("bad UTF-8: cut short", encode(1, 1, b"\xe2\x82"))
    malformed("bad UTF-8: overlong", encode(1, 1, b"\xc0\xaf"))
    malformed("bad UTF-8: surrogate", encode(1, 1, b"\xed\xa0\x80"))
    malformed("bad UTF-8: above U+10FFFF", encode(1, 1, b"\xf4\x90\x80\x80"))
    malformed("empty text", encode(1, 1))
    malformed("10,001 characters", encode(1, 1, b"a" * 10001))
    malformed("10,001 characters in 40,004 bytes", encode(1, 1, "\U0001f375".encode() * 10001))

    def unknown(name, kind, counter, body=b"", version=1):
        content = encode(kind, counter, body, version)
        add(name, "unknown", pad(content), {"counter": counter}, {"content": content})

    unknown("unknown kind 6", 6, 1, b"hello")
    unknown("unknown kind 0", 0, 2, b"hello")
    unknown("unknown kind 255, with bytes that are not UTF-8", 255, 3, b"\xff\xfe")
    unknown("unknown kind 6, empty body", 6, 4)
    unknown("unknown kind 6, longer than a text can be", 6, 5, b"a" * 40001)
    unknown("unknown content version 2", 1, 6, b"hello", version=2)
    unknown("unknown content version 0", 1, 7, b"hello", version=0)
    unknown("unknown content version 2, here with a body", 2, 8, b"x", version=2)
    unknown("unknown content version 2 with an unknown kind", 9, 9, b"\xff", version=2)
    return vectors
