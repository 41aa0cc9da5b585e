"""What several kinds of vectors are made with."""

import hashlib

from argon2.low_level import Type, hash_secret_raw


class Refused(Exception):
    """The input is refused; the argument is the name of the failure."""


def fixed(label, length):
    """Bytes that stand in for random ones: the start of SHA-256 of a label."""
    return hashlib.sha256(("vector " + label).encode()).digest()[:length]


def argon2id(password, salt):
    return hash_secret_raw(password, salt, time_cost=3, memory_cost=65536, parallelism=1, hash_len=32, type=Type.ID,
                           version=0x13)
