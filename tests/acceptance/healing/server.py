"""A web server that can be told to misbehave: ``python -I -S server.py PORT FOLDER``.

Files in FOLDER speak: ``broken`` lets it answer 500, ``crash`` lets it end 0.1 s after its start.
"""

import os
import socket
import sys
import time

port, folder = int(sys.argv[1]), sys.argv[2]
with open(os.path.join(folder, "starts"), "a") as starts:
    starts.write(f"{os.getpid()} {time.monotonic()}\n")
if os.path.exists(os.path.join(folder, "crash")):
    time.sleep(0.1)
    sys.exit(1)
with socket.create_server(("127.0.0.1", port), backlog=64) as door:
    while True:
        visitor, _ = door.accept()
        with visitor:
            visitor.settimeout(1)
            try:
                visitor.recv(4096)
                code = b"500 Broken" if os.path.exists(os.path.join(folder, "broken")) else b"200 OK"
                visitor.sendall(b"HTTP/1.1 " + code + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            except OSError:
                continue
