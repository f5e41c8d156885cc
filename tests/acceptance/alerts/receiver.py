"""A receiver of webhooks that forgets nothing, and misbehaves as it is told: ``python -I -S receiver.py PORT FOLDER``.

``trouble`` in FOLDER says how it is: ``fine``, ``slow`` (0.3 s to an answer), ``down`` (nobody listens), ``error``
(500), ``hang`` (no answer), ``torn`` (the connection is reset before the body was read), ``cut`` (the answer ends in
the middle), ``busy`` (429, and come again in a second); ``praise``, ``scold`` and ``refuse`` answer 200, 500 and 400
and repeat in it all that they were told, as careless programs do; ``refer`` redirects to where it was asked. ``obeys``
says what it does by now. Every request is durable in ``requests`` before it is answered, with whether it was taken.
"""

import json
import os
import select
import socket
import struct
import sys
import threading
from pathlib import Path

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
TAKEN = frozenset({"fine", "slow", "praise"})
REPEATING = {"praise": 200, "scold": 500, "refuse": 400}
ANSWERS = {
    "error": b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nonly the",
    "busy": b"HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def answer(how: str, head: bytes, body: bytes) -> bytes:
    target = head.split(b" ")[1]
    if how == "refer":
        return b"HTTP/1.1 302 Elsewhere\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % target
    if how not in REPEATING:
        return ANSWERS.get(how, FINE)
    first = b"HTTP/1.1 %d You said %s\r\n" % (REPEATING[how], target)
    said = b" | ".join(head.split(b"\r\n")) + b" | " + body
    return first + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(said) + said


book = os.open(FOLDER / "requests", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
writing = threading.Lock()


def told() -> str:
    try:
        return (FOLDER / "trouble").read_text().strip()
    except OSError:
        return "fine"


def note(head: str, body: str, how: str) -> None:
    line, *rest = head.split("\r\n")
    pairs = (each.partition(":") for each in rest)
    entry = {
        "line": line,
        "headers": {name.lower(): value.strip() for name, _, value in pairs},
        "body": body,
        "taken": how in TAKEN,
    }
    with writing:
        os.write(book, json.dumps(entry).encode() + b"\n")
        os.fsync(book)


def serve(visitor: socket.socket, how: str, over: threading.Event) -> None:
    with visitor:
        visitor.settimeout(5)
        try:
            got = b""
            while b"\r\n\r\n" not in got:
                if not (more := visitor.recv(65536)):
                    return
                got += more
            head, _, body = got.partition(b"\r\n\r\n")
            if how == "torn":
                note(head.decode("latin-1"), "", how)
                visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            length = int(lengths[0].split(b":")[1]) if lengths else 0
            while len(body) < length:
                if not (more := visitor.recv(65536)):
                    return
                body += more
            note(head.decode("latin-1"), body.decode(), how)
            if how in ("hang", "slow"):
                over.wait(0.3 if how == "slow" else 30)
            if how != "hang":
                visitor.sendall(answer(how, head, body))
        except OSError:
            return


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", PORT), backlog=64)


how, over = told(), threading.Event()
door = None if how == "down" else listen()
(FOLDER / "obeys").write_text(how)
while True:
    if (now := told()) != how:
        how = now
        over.set()  # who hangs, or is slow, is let go
        over = threading.Event()
        if how == "down" and door is not None:
            door.close()
            door = None
        elif how != "down" and door is None:
            door = listen()
        (FOLDER / "obeys").write_text(how)
    if select.select([door] if door else [], [], [], 0.01)[0] and door is not None:
        visitor, _ = door.accept()
        threading.Thread(target=serve, args=(visitor, how, over), daemon=True).start()
