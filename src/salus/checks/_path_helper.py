"""A small program of its own (``python -I -S``) that touches paths, because touching a path can hang for ever.

It reads requests from standard input and answers on standard output, one JSON object a line:

1. ``{"id": 7, "op": "space", "path": "/data", "alarm": 15.0, ...}`` forks a child that does the work, writes
   ``{"id": 7, "ok": {...}}`` or ``{"id": 7, "error": [errno, text]}`` and ends. So each probe hangs alone.
2. ``{"kill": 7}`` kills that child.
3. ``{"gone": 7, "status": 0}`` is written when a child has really ended: one that waits inside the kernel can be
   killed only when the kernel lets go of it.
4. At the end of input the children are killed and the program ends, so it never outlives its Salus. Should it be
   killed itself, each child's alarm (a timer of the kernel, which no hung code can miss) ends the child.

Standard library only, and nothing of Salus: it must start fast and stay small.
"""
# Without pathlib it starts faster and stays smaller.
# ruff: noqa: PTH108, PTH116, PTH118, PTH123

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

# Writes up to this size are atomic on a pipe that several processes share.
_ATOMIC = 4096
_CHUNK = 1 << 20
_ENTRIES = 1_000_000


# ── What a child does ─────────────────────────────────────────────────────────────────────────────────────────────────


def space(path: str) -> dict[str, Any]:
    """Say how much room there is, in bytes and in inodes, for one who is not root."""
    room = os.statvfs(path)
    used = (room.f_blocks - room.f_bfree) * room.f_frsize
    free = room.f_bavail * room.f_frsize
    inodes_used = room.f_files - room.f_ffree
    return {
        "used": used,
        "free": free,
        "inodes_used": inodes_used,
        "inodes_free": room.f_favail,
        "read_only": bool(room.f_flag & os.ST_RDONLY),
    }


def write(path: str, name: str, size: int) -> dict[str, Any]:
    """Write a new file in the folder, see it on the disk, read it back, remove it."""
    target = os.path.join(path, name)
    data = os.urandom(size)
    began = _now()
    descriptor = _create(target)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
        written = _now()
        # Otherwise the answer would come from memory.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        back = _read_exactly(descriptor, size)
        read = _now()
    finally:
        os.close(descriptor)
        os.unlink(target)
    return {
        "same": back == data,
        "write_seconds": written - began,
        "read_seconds": read - written,
        "remove_seconds": _now() - read,
        "total_seconds": _now() - began,
    }


def _create(target: str) -> int:
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(target, flags, 0o600)
    except FileExistsError:
        # Left behind by a probe of this very check that was killed in the middle.
        os.unlink(target)
        return os.open(target, flags, 0o600)


def _read_exactly(descriptor: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size and (part := os.pread(descriptor, size - len(parts), len(parts))):
        parts += part
    return bytes(parts)


def file(path: str, **want: Any) -> dict[str, Any]:
    """Say what a file is and, where that is asked, what is in it."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"exists": False}
    answer: dict[str, Any] = {
        "exists": True,
        "size": found.st_size,
        "modified": found.st_mtime,
        "directory": (found.st_mode & 0o170000) == 0o040000,
        "identity": f"{found.st_dev}:{found.st_ino}",
    }
    if want.get("sha256"):
        answer["sha256"] = _digest(path)
    if any(want.get(key) for key in ("contains", "not_contains", "matches", "format")):
        answer |= _contents(path, want)
    return answer


def _digest(path: str) -> str:
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        while part := stream.read(_CHUNK):
            digest.update(part)
    return digest.hexdigest()


def _contents(path: str, want: dict[str, Any]) -> dict[str, Any]:
    limit, tail = int(want["max_read"]), int(want.get("tail") or 0)
    with open(path, "rb") as stream:
        if tail and stream.seek(0, os.SEEK_END) > tail:
            stream.seek(-tail, os.SEEK_END)
        elif tail:
            stream.seek(0)
        raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise OSError(errno.EFBIG, f"more than {limit} bytes would have to be read: raise max_read, or set tail")
    answer: dict[str, Any] = {}
    if text := want.get("contains"):
        answer["contains"] = text.encode() in raw
    if text := want.get("not_contains"):
        answer["not_contains"] = text.encode() not in raw
    if pattern := want.get("matches"):
        import re

        answer["matches"] = re.search(pattern, raw.decode(errors="replace"), re.MULTILINE) is not None
    if form := want.get("format"):
        answer["format"] = _parse(form, raw)
    return answer


def _parse(form: str, raw: bytes) -> str:
    """Return what is wrong with the file's syntax, or an empty string."""
    try:
        if form == "json":
            json.loads(raw)
        else:
            import tomllib

            tomllib.loads(raw.decode())
    except ValueError as error:  # also what the decoders of JSON, TOML and UTF-8 raise
        return str(error)[:300] or type(error).__name__
    except RecursionError:
        return "nested too deeply"
    return ""


def directory(path: str, pattern: str = "", ages: bool = False) -> dict[str, Any]:
    """Say what a folder is, what may be done with it, and what is in it."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"exists": False}
    if (found.st_mode & 0o170000) != 0o040000:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    readable = os.access(path, os.R_OK | os.X_OK)
    answer: dict[str, Any] = {
        "exists": True,
        "readable": readable,
        "writable": os.access(path, os.W_OK | os.X_OK),
        "entries": None,
    }
    return answer | (_entries(path, pattern, ages) if readable else {})


def _entries(path: str, pattern: str, ages: bool) -> dict[str, Any]:
    matches = None
    if pattern:
        import fnmatch
        import re

        matches = re.compile(fnmatch.translate(pattern)).match
    count, times = 0, []
    with os.scandir(path) as entries:
        for entry in entries:
            if matches and not matches(entry.name):
                continue
            count += 1
            if count >= _ENTRIES:
                break
            if ages:
                try:
                    times.append(os.lstat(entry.path).st_mtime)
                except FileNotFoundError:
                    continue
    return {"entries": count, "newest": max(times, default=None), "oldest": min(times, default=None)}


OPERATIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "space": space,
    "write": write,
    "file": file,
    "directory": directory,
}


def _now() -> float:
    return time.perf_counter()  # noqa: TID251 -- another process has no Clock to ask


# ── The program ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _child(request: dict[str, Any]) -> None:
    """Do one piece of work in a forked child, and end."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, request.pop("alarm"))
    number, operation = request.pop("id"), OPERATIONS[request.pop("op")]
    answer: dict[str, Any]
    try:
        answer = {"id": number, "ok": operation(**request)}
    except OSError as error:
        answer = {"id": number, "error": [error.errno or errno.EIO, error.strerror or str(error)]}
    except Exception as error:  # noqa: BLE001 -- whatever it was must reach the one who asked
        answer = {"id": number, "error": [0, f"{type(error).__name__}: {error}"[:300]]}
    os.write(1, json.dumps(answer).encode()[: _ATOMIC - 1] + b"\n")


class Program:
    """Forks children, kills them, and tells when they are gone."""

    def __init__(self) -> None:
        """Wake up whenever a child ends."""
        self._children: dict[int, int] = {}
        self._buffer = b""
        self._wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def run(self) -> None:
        """Serve until the end of input."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if 0 in ready and not self._receive():
                break
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _receive(self) -> bool:
        received = os.read(0, 65536)
        *lines, self._buffer = (self._buffer + received).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "kill" in request:
                self._kill(request["kill"])
            else:
                self._fork(request)
        return bool(received)

    def _fork(self, request: dict[str, Any]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            self._tell({"id": request["id"], "error": [0, f"cannot fork a probe: {error.strerror}"]})
            self._tell({"gone": request["id"], "status": 0})
            return
        if pid:
            self._children[pid] = request["id"]
            return
        try:
            _child(request)
        finally:
            os._exit(0)

    def _kill(self, number: int) -> None:
        for pid, child in self._children.items():
            if child == number:
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._tell({"gone": self._children.pop(pid, 0), "status": os.waitstatus_to_exitcode(status)})

    @staticmethod
    def _tell(message: dict[str, Any]) -> None:
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    try:
        Program().run()
    finally:
        # Nothing is worth being flushed, and nothing may delay the end.
        os._exit(0 if sys.exc_info()[0] is None else 1)
