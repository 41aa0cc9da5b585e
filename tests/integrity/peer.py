"""The integrity protocol as old programs speak it, written from the table in docs/INTEGRITY.md alone.

peer.py client PORT SENDS CASES    CASES is JSON: lists of lines, each with the key that signs it
peer.py server KEYS_FILE SENDS     serves one client, on the port that it prints first

Like old programs, both take what one recv() returns for what the other side sent. SENDS says how they send: each row
of the table, or each reply, on its own (`apart`); what belongs together in one send (`joined`); or each byte on its
own (`bytes`).
"""

import hashlib
import json
import socket
import sys

READ = 1 << 16


def signature(text, key):
    return hashlib.sha256((text + key).encode("ascii")).hexdigest()


def send(peer, sends, *parts):
    if sends == "joined":
        parts = ["".join(parts)]
    elif sends == "bytes":
        parts = "".join(parts)
    for part in parts:
        peer.sendall(part.encode())


def connected(peer):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def client(port, sends, cases):
    peer = connected(socket.create_connection(("127.0.0.1", int(port))))
    send(peer, sends, "HELLO")
    assert peer.recv(READ) == b"260 OK"
    for lines, key in json.loads(cases):
        # A line with a number in it is that many times the same letter.
        lines = ["x" * line if isinstance(line, int) else line for line in lines]
        stuffed = ["." + line if line.startswith(".") else line for line in lines]
        send(peer, sends, "DATA", "".join(line + "\n" for line in stuffed) + ".")
        reply = peer.recv(READ)
        if reply == b"270 SIG":
            reply += peer.recv(READ)
        if not reply:
            print("closed")
            return
        assert reply.startswith(b"270 SIG"), reply
        passes = reply[7:].decode("ascii") == signature("".join(lines), key)
        send(peer, sends, "PASS" if passes else "FAIL")
        assert peer.recv(READ) == b"260 OK"
        print("PASS" if passes else "FAIL")
    send(peer, sends, "QUIT")
    assert peer.recv(READ) == b""


def server(keys_file, sends):
    with open(keys_file, encoding="ascii") as file:
        keys = file.read().splitlines()
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    peer = connected(listener.accept()[0])
    assert peer.recv(5) == b"HELLO"
    send(peer, sends, "260 OK")
    while (command := peer.recv(4)) == b"DATA":
        text = ""
        while not text.endswith("\n."):
            text += peer.recv(READ).decode("ascii")
        lines = text[:-1].splitlines()
        lines = [line[1:] if line.startswith(".") else line for line in lines]
        if not keys:
            print("no key is left")
            return
        send(peer, sends, "270 SIG", signature("".join(lines), keys.pop(0)))
        verdict = peer.recv(4)
        assert verdict in (b"PASS", b"FAIL"), verdict
        print(verdict.decode("ascii"))
        send(peer, sends, "260 OK")
    assert command == b"QUIT", command
    assert peer.recv(READ) == b""


if __name__ == "__main__":
    {"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
