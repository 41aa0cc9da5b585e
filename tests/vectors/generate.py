#!/usr/bin/env python3
"""Makes the test vectors of the protocol "cloakroom/1", beside this file: all but room.json.

Needs Python 3.9 or later and five packages, two of them for the tables of Unicode 18:

    pip install argon2-cffi cryptography PyNaCl regex unicodedata2
    python3 generate.py

It was written from docs/PROTOCOL.md alone, independent of the Rust code, so that agreement with these vectors says
something. Only the list of words is the program's own. All inputs are fixed; every run writes the same bytes. Nonces
are fixed too, which only vectors may do.

Each file is a list of objects. Bytes are lower-case hex; room, password and text are JSON strings.

keys.json: `room` (raw), `password`, `server_salt`, `room_id` are the inputs. Where `expect` is "ok", the names and keys
that follow from them are given; otherwise it is the failure: "bad_room_name", "password_too_short",
"password_too_long".

people.json: `person` (raw), `password`, `server_salt` are the inputs; `name_as_kept` and the `verifier` that the gate is
shown follow from them.

names.json: `raw` is a name as it is typed, and `expect` its canonical form, or null where the name is refused.

knocks.json: `door_key`, `room_id`, `generation`, `member_id`, `knock` are what the one at the door has. `expect` is
"opens", then opening gives `key_package`, and sealing that with `nonce` gives `knock`; or it is "does_not_open", and
`nonce` and `key_package` are what was sealed, before something was altered. The key packages are any bytes: these
vectors are of the seal alone.

safety.json: the `fingerprint` of a `signature_key`; and the safety `words` of an epoch, which follow from its
`authenticator`, `room_id`, `generation` and `number`, by way of `argon_salt` and `stretched`. Two have `stretched`
alone: they show which numbers are left out.

contents.json: `padded` is what the receiver has. By `expect` it is:
  "text"       `text` with `counter`, and padding these gives `padded` again;
  "here"       the same, without a text; "cancelled" too;
  "picture"    the same, with `media`, `width`, `height`, `length`, `hash`, `alt` in place of a text;
  "piece"      the same, with `index` and `bytes`;
  "unknown"    of an unknown version or kind, with `counter`; `content` is what the sender padded;
  "malformed"  not well formed; `content` is what the sender padded.
"""

import json
from pathlib import Path

from contents import content_vectors
from group import knock_vectors, safety_vectors
from keys import key_vectors, person_vectors
from names import name_vectors

HERE = Path(__file__).resolve().parent


def write(name, vectors):
    names = [vector["name"] for vector in vectors]
    assert len(set(names)) == len(names), "names of vectors are unique"
    plain = [{key: value.hex() if isinstance(value, bytes) else value for key, value in vector.items()}
             for vector in vectors]
    (HERE / name).write_bytes((json.dumps(plain, indent=2, ensure_ascii=True) + "\n").encode())


if __name__ == "__main__":
    write("keys.json", key_vectors())
    write("people.json", person_vectors())
    write("names.json", name_vectors())
    write("knocks.json", knock_vectors())
    write("safety.json", safety_vectors())
    write("contents.json", content_vectors())
