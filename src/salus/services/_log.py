"""The output of a service: a file that the service itself writes to, so that a kill of Salus breaks no pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

from salus.options import Options
from salus.units import Size

_CHUNK = 65536
_LINE = 2000
_SOONEST, _LATEST = 0.5, 10.0


class LogOptions(Options, frozen=True, kw_only=True):
    """How much of a service's output is kept.

    Attributes:
        max_size: the file is rotated when it has grown beyond this.
        keep: how many rotated files are kept.
    """

    max_size: Size = Size(10 * 2**20)
    keep: int = 5

    def problems(self) -> list[tuple[str, str]]:
        """Refuse bounds that bound nothing."""
        found = []
        if self.max_size < 4096:
            found.append(("max_size", "must be at least 4KiB"))
        if not 0 <= self.keep <= 1000:
            found.append(("keep", "must be between 0 and 1000"))
        return found


class OutputLog:
    """``output.log`` in a folder of its own, rotated by copying and truncating while the service goes on writing.

    The service holds the file opened for appending, so what it writes after a truncation lands at the new end. What it
    writes in the moment between the last copied byte and the truncation (microseconds) is lost.
    """

    def __init__(self, folder: Path, options: LogOptions) -> None:
        """Keep the output in ``folder``, which is made when it is first needed."""
        self.path = folder / "output.log"
        self._options = options
        self._timer: asyncio.TimerHandle | None = None
        self._size_before = 0
        self._delay = _LATEST

    def open(self) -> int:
        """Return a descriptor to append to. The caller closes it.

        Raises:
            OSError: the file cannot be made.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            return os.open(self.path, flags, 0o600)
        except FileNotFoundError:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self.path, flags, 0o600)

    def size(self) -> int:
        """Return how many bytes it holds."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def tail(self, lines: int) -> list[str]:
        """Return the last lines, oldest first, each bounded; of the rotated file too where this one is short."""
        found = _tail(self.path, lines)
        if len(found) < lines:
            found = _tail(self._copy(1), lines - len(found)) + found
        return found

    # ── Rotation ──────────────────────────────────────────────────────────────────────────────────────────────────

    def watch(self) -> None:
        """Begin to look at the size, on the running loop: ever more seldom while it grows slowly, often when fast."""
        self.release()
        self._size_before = self.size()
        self._schedule(_SOONEST)

    def release(self) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def rotate(self) -> None:
        """Copy it aside and empty it; drop the oldest copy. A disk that is full gets room instead of a copy."""
        keep = self._options.keep
        with contextlib.suppress(FileNotFoundError):
            self._copy(max(keep, 1)).unlink()
        for number in range(keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._copy(number).rename(self._copy(number + 1))
        try:
            source = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            with contextlib.suppress(OSError):
                if keep:
                    self._copy_from(source)
            os.ftruncate(source, 0)
        finally:
            os.close(source)

    def _copy_from(self, source: int) -> None:
        with os.fdopen(os.dup(source), "rb") as reader, self._copy(1).open("wb") as writer:
            self._copy(1).chmod(0o600)
            shutil.copyfileobj(reader, writer, 2**20)
            writer.flush()
            while rest := os.read(source, 2**20):  # written while we copied; the position is shared
                os.write(writer.fileno(), rest)

    def _copy(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _schedule(self, delay: float) -> None:
        self._delay = delay
        self._timer = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        size = self.size()
        if size > self._options.max_size:
            self._timer = None
            asyncio.get_running_loop().run_in_executor(None, self.rotate).add_done_callback(self._rotated)
            return
        growth = max(0, size - self._size_before) / self._delay
        self._size_before = size
        room = (self._options.max_size - size) / growth if growth else _LATEST
        self._schedule(min(_LATEST, 2 * self._delay, max(_SOONEST, room)))

    def _rotated(self, done: asyncio.Future[None]) -> None:
        if not done.cancelled():
            done.exception()  # a folder that went away: the next look tells by its size whether it matters
            self._size_before = 0
            self._schedule(_SOONEST)


def _tail(path: Path, lines: int) -> list[str]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _CHUNK))
            found = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    if size > _CHUNK and len(found) > 1:
        del found[0]  # its beginning is not in what was read
    return [line[:_LINE] for line in found[-lines:]] if lines > 0 else []


def folder_name(name: str) -> Path:
    """Return a name that stays inside the folder, whatever the service is called."""
    safe = "".join(letter if letter.isalnum() or letter in "-_.@" else f"%{ord(letter):02x}" for letter in name)
    return Path(safe if safe.strip(".") else safe.replace(".", "%2e"))
