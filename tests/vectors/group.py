"""knocks.json and safety.json."""

import hashlib
import struct
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from common import argon2id, fixed

WORDS = (Path(__file__).resolve().parents[2] / "web-crypto/src/words.txt").read_text("ascii").splitlines()


# 5. The group

def group_id(room_id, generation):
    return room_id + struct.pack(">I", generation)


def aad(room_id, generation, member_id):
    return b"\x01" + group_id(room_id, generation) + struct.pack(">I", member_id)


def seal(door_key, nonce, aad, key_package):
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(key_package, aad, nonce, door_key)


def hear(door_key, room_id, generation, member_id, knock):
    """The key package in a knock, or None."""
    if len(knock) < 40:
        return None
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(
            knock[24:], aad(room_id, generation, member_id), knock[:24], door_key)
    except CryptoError:
        return None


def knock_vectors():
    key, room = fixed("door key", 32), fixed("room id at the door", 16)
    vectors = []

    def add(name, expect, key_package, knock, nonce, door_key=key, room_id=room, generation=3, member_id=7):
        """Key, room, generation and member are those of the one at the door."""
        heard = hear(door_key, room_id, generation, member_id, knock)
        assert heard == (key_package if expect == "opens" else None), name
        vectors.append({"name": name, "door_key": door_key, "room_id": room_id, "generation": generation,
                        "member_id": member_id, "nonce": nonce, "key_package": key_package, "knock": knock,
                        "expect": expect})

    def good(name, length, generation=3, member_id=7):
        nonce = fixed("nonce " + name, 24)
        key_package = hashlib.shake_256(("vector key package " + name).encode()).digest(length)
        knock = seal(key, nonce, aad(room, generation, member_id), key_package)
        add(name, "opens", key_package, knock, nonce, generation=generation, member_id=member_id)

    good("one byte", 1)
    good("64 bytes: a whole block", 64)
    good("65 bytes", 65)
    good("2,600 bytes: about as long as a key package", 2600)
    good("a knock of 8,192 bytes", 8152)
    good("the first generation, the first member", 100, generation=0, member_id=1)
    good("the greatest generation and member", 100, generation=2**32 - 1, member_id=2**32 - 1)
    good("every byte of generation and member has its place", 100, generation=0x01020304, member_id=0x05060708)

    # Does not open. Each starts from this one, of member 7 at the door of generation 3.
    nonce = fixed("nonce to alter", 24)
    key_package = hashlib.shake_256(b"vector key package to alter").digest(100)
    knock = seal(key, nonce, aad(room, 3, 7), key_package)
    add("the one that the next are made from", "opens", key_package, knock, nonce)

    def closed(name, altered=knock, **at_the_door):
        add(name, "does_not_open", key_package, altered, nonce, **at_the_door)

    def flip(at):
        altered = bytearray(knock)
        altered[at] ^= 1
        return bytes(altered)

    closed("other key", door_key=fixed("other door key", 32))
    closed("other room", room_id=fixed("other room id", 16))
    closed("the generation after", generation=4)
    closed("the generation before", generation=2)
    closed("other member", member_id=8)
    closed("generation and member exchanged", generation=7, member_id=3)
    closed("altered: first byte of the nonce", flip(0))
    closed("altered: last byte of the nonce", flip(23))
    closed("altered: first byte of the ciphertext", flip(24))
    closed("altered: last byte of the ciphertext", flip(-17))
    closed("altered: first byte of the tag", flip(-16))
    closed("altered: last byte of the tag", flip(-1))
    closed("one byte missing", knock[:-1])
    closed("one byte too many", knock + b"\x00")
    closed("truncated to 40 bytes", knock[:40])
    closed("truncated to 39 bytes", knock[:39])
    closed("truncated to the nonce", knock[:24])
    closed("truncated to 1 byte", knock[:1])
    closed("sealed with another version in the aad", seal(key, nonce, b"\x02" + aad(room, 3, 7)[1:], key_package))
    closed("sealed without the generation in the aad",
           seal(key, nonce, b"\x01" + room + struct.pack(">I", 7), key_package))
    closed("sealed without aad", seal(key, nonce, b"", key_package))
    return vectors


def fingerprint(signature_key):
    number = int.from_bytes(hashlib.sha256(b"cloakroom/1 fingerprint" + signature_key).digest()[:13], "big")
    digits = str(number % 10**30).rjust(30, "0")
    return number, " ".join(digits[at:at + 5] for at in range(0, 30, 5))


def places(stretched):
    """The first six numbers that are not left out, and how many were left out before the sixth."""
    numbers = struct.unpack(">16H", stretched)
    at = [place for place, number in enumerate(numbers) if number < 62208][:6]
    return [numbers[place] % 7776 for place in at], at[5] - 5


def safety(authenticator, room_id, generation, number):
    salt = hashlib.sha256(
        b"cloakroom/1 safety" + group_id(room_id, generation) + struct.pack(">Q", number)).digest()[:16]
    stretched = argon2id(authenticator, salt)
    return {"argon_salt": salt, "stretched": stretched, "words": in_words(stretched)}


def in_words(stretched):
    return " ".join(WORDS[place] for place in places(stretched)[0])


def safety_vectors():
    vectors = []

    def of_key(name, fits=lambda number, digits: True):
        """The first key of these that fits."""
        for attempt in range(10000):
            private = Ed25519PrivateKey.from_private_bytes(fixed(f"signature key {name} {attempt}", 32))
            key = private.public_key().public_bytes_raw()
            number, digits = fingerprint(key)
            if fits(number, digits):
                vectors.append({"name": name, "signature_key": key, "fingerprint": digits})
                return
        raise AssertionError(name)

    of_key("fingerprint: a key")
    of_key("fingerprint: another key")
    of_key("fingerprint: the number is smaller than 10^30", lambda number, digits: number < 10**30)
    of_key("fingerprint: the number is at least 2 * 10^31", lambda number, digits: number >= 2 * 10**31)
    of_key("fingerprint: zeros at the start", lambda number, digits: digits.startswith("00"))
    of_key("fingerprint: zeros at the start of a later group", lambda number, digits: " 00" in digits)

    def of_epoch(name, label="authenticator", room="room id that is compared", generation=0, number=1):
        inputs = {"authenticator": fixed(label, 32), "room_id": fixed(room, 16), "generation": generation,
                  "number": number}
        vectors.append({"name": name, **inputs, **safety(**inputs)})

    of_epoch("words: an epoch")
    of_epoch("words: the next epoch", number=2)
    of_epoch("words: the next generation", generation=1)
    of_epoch("words: another room", room="other room id that is compared")
    of_epoch("words: another authenticator", "other authenticator")
    of_epoch("words: every byte of generation and number has its place", generation=0x01020304,
             number=0x05060708090a0b)
    of_epoch("words: the greatest generation, and number that a double holds", generation=2**32 - 1,
             number=2**53 - 1)
    for attempt in range(100):
        of_epoch("words: a number is left out", f"authenticator {attempt}")
        if places(vectors[-1]["stretched"])[1]:
            break
        vectors.pop()
    else:
        raise AssertionError("no number is left out")

    def of_numbers(name, *numbers):
        stretched = struct.pack(">16H", *numbers)
        vectors.append({"name": name, "stretched": stretched, "words": in_words(stretched)})

    of_numbers("words: 62,207 is the last number that counts", 62207, 62208, 65535, 0, 7775, 7776, 1, 2, *[3] * 8)
    of_numbers("words: ten are left out", *[62208, 65535] * 5, 5, 4, 3, 2, 1, 0)
    assert len({vector["words"] for vector in vectors if "words" in vector}) == 10
    return vectors
