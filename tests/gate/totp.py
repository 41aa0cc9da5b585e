"""Prints a one-time code (RFC 6238): totp.py BASE32 SECONDS."""

import base64
import hashlib
import hmac
import struct
import sys

secret, seconds = sys.argv[1:]
key = base64.b32decode(secret + "=" * (-len(secret) % 8))
digest = hmac.new(key, struct.pack(">Q", int(seconds) // 30), hashlib.sha1).digest()
at = digest[-1] & 15
print(f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 10**6:06}")
