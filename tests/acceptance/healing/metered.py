"""A server that only its metrics betray: ``python -I -S metered.py PORT FOLDER``.

Once the file ``stick`` is in FOLDER it takes that away and is stuck until it is started anew: it answers as always, and
its metric ``stuck`` is 1.
"""

import os
import socket
import sys
from pathlib import Path

port, folder = int(sys.argv[1]), Path(sys.argv[2])
with (folder / "starts").open("a") as starts:
    starts.write(f"{os.getpid()}\n")
stuck = 0
with socket.create_server(("127.0.0.1", port), backlog=64) as door:
    while True:
        visitor, _ = door.accept()
        with visitor:
            visitor.settimeout(1)
            try:
                visitor.recv(4096)
                if (folder / "stick").exists():
                    (folder / "stick").unlink()
                    stuck = 1
                body = b"stuck %d\n" % stuck
                head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"
                visitor.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            except OSError:
                continue
