"""A web server with moods: ``python -I -S service.py PORT MOOD``.

The file MOOD speaks: ``fail`` lets it answer 500, ``slow 2`` lets it take two seconds. A new copy is in a good mood
again, unless the file begins with ``always``.
"""

import socket
import sys
import threading
from pathlib import Path

port, mood = int(sys.argv[1]), Path(sys.argv[2])


def words() -> list[str]:
    """Return what the file says."""
    try:
        return mood.read_text().split()
    except OSError:
        return []


def serve(visitor: socket.socket) -> None:
    """Answer one request."""
    with visitor:
        visitor.settimeout(5)
        try:
            visitor.recv(4096)
            said = words()
            if "slow" in said:
                threading.Event().wait(float(said[said.index("slow") + 1]))
            code = b"500 Broken" if "fail" in said else b"200 OK"
            visitor.sendall(b"HTTP/1.1 " + code + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        except OSError:
            return


if words()[:1] != ["always"]:
    mood.unlink(missing_ok=True)
sys.stdout.write(f"serves on port {port}\n")
sys.stdout.flush()
with socket.create_server(("127.0.0.1", port), backlog=64) as door:
    while True:
        threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()
