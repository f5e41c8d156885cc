"""A web server that can be told to misbehave: ``python -I -S server.py PORT FOLDER``.

Files in FOLDER speak: ``broken`` lets it answer 500, ``crash`` lets it end 0.1 s after its start.
"""

import os
import socket
import sys
import time
from pathlib import Path
from threading import Event

port, folder = int(sys.argv[1]), Path(sys.argv[2])
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()} {time.monotonic()}\n")
if (folder / "crash").exists():
    Event().wait(0.1)
    sys.exit(1)
with socket.create_server(("127.0.0.1", port), backlog=64) as door:
    while True:
        visitor, _ = door.accept()
        with visitor:
            visitor.settimeout(1)
            try:
                visitor.recv(4096)
                code = b"500 Broken" if (folder / "broken").exists() else b"200 OK"
                visitor.sendall(b"HTTP/1.1 " + code + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            except OSError:
                continue
