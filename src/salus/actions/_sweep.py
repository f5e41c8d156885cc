"""Find and remove old files below one folder, without ever leaving it.

1. The folder is opened step by step from ``/``, each step relative to the one before and never through a link.
2. The walk goes down the same way, stays on the same mount, and remembers candidates: the oldest regular files, each
   with the identity (device and inode) of itself and of its folder.
3. Removal opens each folder again the same way, and removes a name only where both identities still hold, relative to
   the open folder. So nothing that is swapped for a link in between leads outside: not before, not after, not during.
"""

from __future__ import annotations

import fnmatch
import heapq
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import NamedTuple

from salus.units import Amount

_STEP = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Passing through a folder needs no right to read it.
_PASS = _STEP | getattr(os, "O_PATH", os.O_RDONLY)
_EXAMPLES = 10

Identity = tuple[int, int]


class StoppedError(Exception):
    """The sweep was told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What to remove.

    Attributes:
        before: files last changed before this moment (seconds since the epoch).
        patterns: names, as in a shell.
        depth: levels of folders below the folder; 0 stays in it.
        keep: so many of the newest matching files stay, however old.
        most_files: remove no more than these.
        most_bytes: stop when this much was freed; None for no bound.
        free_at_least: stop as soon as the filesystem has this much room; None for no bound.
        spare_open: leave files alone that a process has open.
        dry_run: remove nothing, and report what would go.
        avoid: folders that are not entered.
    """

    before: float
    patterns: tuple[str, ...] = ("*",)
    depth: int = 0
    keep: int = 0
    most_files: int = 10_000
    most_bytes: int | None = None
    free_at_least: Amount | None = None
    spare_open: bool = False
    dry_run: bool = False
    avoid: frozenset[Identity] = frozenset()


@dataclass(slots=True)
class Report:
    """What was done.

    Attributes:
        files: removed (or, in a dry run, to be removed).
        bytes: freed by that; a file with another name elsewhere frees nothing.
        seen: files looked at.
        spared: old files that a process has open.
        changed: candidates that were not the same any more when their turn came.
        errors: what could not be removed or entered, the first few.
        failures: how many could not.
        examples: names of removed files, the first few.
        missing: folders that are not there.
    """

    files: int = 0
    bytes: int = 0
    seen: int = 0
    spared: int = 0
    changed: int = 0
    failures: int = 0
    errors: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def failed(self, what: str, error: OSError) -> None:
        """Count a failure and keep the first few."""
        self.failures += 1
        if len(self.errors) < _EXAMPLES:
            self.errors.append(f"{what}: {error.strerror}")


class Folder(NamedTuple):
    """A folder below the one that is swept: the way to it, and its identity."""

    way: tuple[str, ...]
    identity: Identity


class Candidate(NamedTuple):
    """A file that may go. Sorts oldest first."""

    changed: float
    folder: Folder
    name: str
    identity: Identity


class Sweep:
    """One pass over one folder: ``collect``, then ``remove``."""

    def __init__(self, path: Path, orders: Orders, report: Report, stop: Event) -> None:
        """Add to ``report``; raise StoppedError soon after ``stop`` is set."""
        self._path = path
        self._orders = orders
        self._report = report
        self._stop = stop
        self._wanted = re.compile("|".join(fnmatch.translate(pattern) for pattern in orders.patterns))
        # The oldest candidates (a heap with the youngest of them on top) and the newest files.
        self._old: list[tuple[float, Candidate]] = []
        self._new: list[tuple[float, Identity]] = []

    # ── Walk ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def collect(self) -> None:
        """Walk and remember candidates.

        Raises:
            OSError: the folder itself cannot be read.
            StoppedError: told to stop.
        """
        with opened(self._path) as top:
            self._walk(top, Folder((), _identity(os.fstat(top))), _mount(top))

    def _walk(self, descriptor: int, folder: Folder, mount: str) -> None:
        below = []
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if self._stop.is_set():
                    raise StoppedError
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.name)
                elif entry.is_file(follow_symlinks=False) and self._wanted.match(entry.name):
                    with suppress(FileNotFoundError):
                        self._consider(folder, entry.name, entry.stat(follow_symlinks=False))
        if len(folder.way) < self._orders.depth:
            for name in below:
                self._enter(descriptor, Folder((*folder.way, name), folder.identity), mount)

    def _enter(self, descriptor: int, folder: Folder, mount: str) -> None:
        name = folder.way[-1]
        try:
            inner = os.open(name, os.O_RDONLY | _STEP, dir_fd=descriptor)
        except FileNotFoundError:
            return
        except OSError as error:
            self._report.failed("/".join(folder.way), error)
            return
        try:
            found = os.fstat(inner)
            same_device = found.st_dev == folder.identity[0]
            if same_device and _mount(inner) == mount and _identity(found) not in self._orders.avoid:
                self._walk(inner, Folder(folder.way, _identity(found)), mount)
        finally:
            os.close(inner)

    def _consider(self, folder: Folder, name: str, found: os.stat_result) -> None:
        self._report.seen += 1
        identity = _identity(found)
        if self._orders.keep:
            _push(self._new, (found.st_mtime, identity), self._orders.keep)
        if found.st_mtime < self._orders.before:
            candidate = Candidate(found.st_mtime, folder, name, identity)
            _push(self._old, (-found.st_mtime, candidate), self._orders.most_files + self._orders.keep)

    # ── Remove ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def remove(self) -> None:
        """Remove the candidates, oldest first, until something says that it is enough.

        Raises:
            OSError: the folder itself cannot be opened any more.
            StoppedError: told to stop.
        """
        kept = {identity for _, identity in self._new}
        spared = open_files(self._stop) if self._orders.spare_open and self._old else frozenset()
        with opened(self._path) as top:
            for candidate in sorted(candidate for _, candidate in self._old):
                if self._stop.is_set():
                    raise StoppedError
                if self._enough(top):
                    return
                if candidate.identity in spared:
                    self._report.spared += 1
                elif candidate.identity not in kept:
                    self._try(top, candidate)

    def _enough(self, top: int) -> bool:
        orders, report = self._orders, self._report
        if report.files >= orders.most_files or (orders.most_bytes is not None and report.bytes >= orders.most_bytes):
            return True
        if orders.free_at_least is None:
            return False
        room = os.fstatvfs(top)
        free = room.f_bavail * room.f_frsize + (report.bytes if orders.dry_run else 0)
        return free >= orders.free_at_least.of(room.f_blocks * room.f_frsize)

    def _try(self, top: int, candidate: Candidate) -> None:
        name = "/".join((*candidate.folder.way, candidate.name))
        try:
            freed = self._remove(top, candidate)
        except FileNotFoundError:
            return
        except OSError as error:
            self._report.failed(name, error)
            return
        if freed is None:
            self._report.changed += 1
            return
        self._report.files += 1
        self._report.bytes += freed
        if len(self._report.examples) < _EXAMPLES:
            self._report.examples.append(name)

    def _remove(self, top: int, candidate: Candidate) -> int | None:
        """Return bytes freed, or None when it is not the same file any more."""
        with _below(top, candidate.folder.way) as folder:
            if _identity(os.fstat(folder)) != candidate.folder.identity:
                return None
            found = os.stat(candidate.name, dir_fd=folder, follow_symlinks=False)
            same = _identity(found) == candidate.identity and stat.S_ISREG(found.st_mode)
            if not same or found.st_mtime >= self._orders.before:
                return None
            if not self._orders.dry_run:
                os.unlink(candidate.name, dir_fd=folder)
            return found.st_size if found.st_nlink == 1 else 0


# ── Opening without following ─────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a folder by its absolute path, following no link on the whole way."""
    root = os.open("/", _PASS)
    try:
        with _below(root, path.parts[1:]) as folder:
            yield folder
    finally:
        os.close(root)


@contextmanager
def _below(descriptor: int, way: tuple[str, ...]) -> Iterator[int]:
    """Open a folder some steps below an open one, following no link."""
    current = os.open(".", (_PASS if way else os.O_RDONLY | _STEP), dir_fd=descriptor)
    try:
        for number, name in enumerate(way, start=1):
            inner = os.open(name, _PASS if number < len(way) else os.O_RDONLY | _STEP, dir_fd=current)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino


def _mount(descriptor: int) -> str:
    """Return the mount an open folder is on: a bind mount has the device of what it shows, and another number here."""
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as lines:  # noqa: PTH123 -- one per folder
            return next((line.split()[1] for line in lines if line.startswith("mnt_id:")), "")
    except OSError:
        return ""


def open_files(stop: Event) -> frozenset[Identity]:
    """Return the identities of regular files that processes have open, as far as this one may see them."""
    found: set[Identity] = set()
    for pid in os.listdir("/proc") if os.path.isdir("/proc/self/fd") else ():  # noqa: PTH112, PTH208
        if stop.is_set():
            raise StoppedError
        if not pid.isdecimal():
            continue
        with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as descriptors:
            for descriptor in descriptors:
                with suppress(OSError):
                    if os.readlink(descriptor.path).startswith("/"):  # noqa: PTH115
                        found.add(_identity(os.stat(descriptor.path)))  # noqa: PTH116
    return frozenset(found)


def _push(heap: list, entry: tuple, most: int) -> None:  # type: ignore[type-arg]
    """Keep the ``most`` biggest entries."""
    if len(heap) < most:
        heapq.heappush(heap, entry)
    else:
        heapq.heappushpop(heap, entry)
