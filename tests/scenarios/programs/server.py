"""A small web server that can go wrong in the ordinary ways: ``python -I -S server.py NAME --port PORT [...]``.

It keeps a book of its own beside what Salus says: ``NAME.starts`` gets a line for every copy that begins, and
``NAME.second-copy`` one for every copy that begins while another still runs. Files that a scenario writes speak to it:

    NAME.broken    it answers 500
    NAME.crash     it ends, so many seconds after its start as stand in the file
    NAME.leaks     it loses so many megabytes a second as stand in the file (read at its start)
"""

import argparse
import fcntl
import hashlib
import os
import socket
import sys
import time
from pathlib import Path
from threading import Event, Thread

MOST_LOST = 100


def book(name: str) -> None:
    """Write down that a copy begins, and whether it is the only one."""
    lock = os.open(f"{name}.lock", os.O_RDWR | os.O_CREAT)  # held until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        _append(f"{name}.second-copy", f"{os.getpid()}\n")
    _append(f"{name}.starts", f"{os.getpid()} {time.monotonic():.3f}\n")


def _append(path: str, line: str) -> None:
    with Path(path).open("a", encoding="ascii") as file:
        file.write(line)


def answers(port: int, patience: float) -> bool:
    """Ask what this server needs, as a client with so many seconds of patience."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=patience) as line:
            line.settimeout(patience)
            line.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return line.recv(4096).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def work(milliseconds: float) -> None:
    """Compute for that long of processor time."""
    until = time.thread_time() + milliseconds / 1000
    while time.thread_time() < until:
        hashlib.sha256(b"work" * 4096).digest()


def leak(megabytes_per_second: float) -> None:
    """Lose memory, up to a bound that hurts nobody."""
    lost: list[bytearray] = []
    pause = Event()
    while len(lost) < MOST_LOST:
        lost.append(bytearray(b"\x01" * 2**20))
        pause.wait(1 / megabytes_per_second)
    pause.wait()


def crash(seconds: float) -> None:
    """End after a while."""
    Event().wait(seconds)
    os._exit(1)


def told(name: str, word: str) -> float | None:
    """Return the number in a file that a scenario wrote, or None."""
    file = Path(f"{name}.{word}")
    return float(file.read_text(encoding="ascii")) if file.exists() else None


def answer(options: argparse.Namespace) -> bytes:
    """Say how it is."""
    if options.work:
        work(options.work)
    if Path(f"{options.name}.broken").exists():
        return b"500 Broken"
    if not all(answers(port, options.patience) for port in options.needs):
        return b"503 Service Unavailable"
    return b"200 OK"


def serve(options: argparse.Namespace) -> None:
    """Answer one visitor after the other."""
    with socket.create_server(("127.0.0.1", options.port), backlog=128) as door:
        while True:
            visitor, _ = door.accept()
            with visitor:
                visitor.settimeout(1)
                try:
                    visitor.recv(4096)
                    head = b"HTTP/1.1 " + answer(options)
                    visitor.sendall(head + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                except OSError:
                    continue


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--needs", type=int, nargs="*", default=[], help="ports that must answer, or it answers 503")
    parser.add_argument("--patience", type=float, default=0.3, help="seconds to wait for one of them")
    parser.add_argument("--config", type=Path, help="a file that must begin with 'good', or it ends at its start")
    parser.add_argument("--work", type=float, default=0, help="milliseconds of processor time that an answer takes")
    options = parser.parse_args()
    book(options.name)
    if options.config and not options.config.read_text(encoding="utf-8").startswith("good"):
        sys.exit(f"{options.config}: cannot be understood")
    if (speed := told(options.name, "leaks")) is not None:
        Thread(target=leak, args=(speed,), daemon=True).start()
    if (seconds := told(options.name, "crash")) is not None:
        Thread(target=crash, args=(seconds,), daemon=True).start()
    serve(options)


if __name__ == "__main__":
    main()
