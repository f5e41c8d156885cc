"""One Salus per state folder: a lock that the kernel lets go of when its holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Self

from salus.errors import FolderInUseError
from salus.store.faults import creating

NAME = "salus.lock"
_PAUSE = 0.01
_TRIES, _TRIES_AFTER_DEATH = 5, 300
_ASKING: set[int] = set()
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class Lock:
    """The right to be the one agent of a state folder. Reading the ledger does not need it.

    Children never inherit it: the descriptor closes on exec.
    """

    def __init__(self, file: Path) -> None:
        """Stand before the folder; nothing happens yet.

        Args:
            file: the lock file in that folder, ``<state_dir>/salus.lock``; or the folder, if it is there.
        """
        self._path = _lock_file(file)
        self._descriptor: int | None = None
        self._trying: int | None = None

    @property
    def held(self) -> bool:
        """Tell whether this object holds the folder."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the folder, making it if need be; at once if it is held by this object already.

        Raises:
            FolderInUseError: another Salus holds it; the message names its pid.
            StoreUnwritableError: the lock file cannot be made.
        """
        if self._descriptor is not None:
            return
        self._trying = descriptor = self._open()
        try:
            _flock(descriptor)
        except OSError as error:
            self._trying = None
            holder = _read(descriptor)
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise creating(self._path, error) from error
            raise self._taken(holder) from error
        self._descriptor, self._trying = descriptor, None
        self._sign(descriptor)

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            if error.errno in _READ_ONLY and self._path.exists():
                try:
                    return os.open(self._path, os.O_RDONLY)  # a read-only folder still has one agent at most
                except OSError as second:
                    raise creating(self._path, second) from second
            raise creating(self._path, error) from error

    def _taken(self, holder: str) -> FolderInUseError:
        who = f"the Salus with pid {holder}" if holder else "another Salus"
        remedy = f"Stop that one first ('kill {holder}'), or " if holder else "Stop that one first, or "
        return FolderInUseError(
            f"the state folder {self._path.parent} is in use by {who}",
            remedy=f"{remedy}give this one another folder (salus.state_dir in the config)",
        )

    @staticmethod
    def _sign(descriptor: int) -> None:
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            return  # the lock counts; the pid in it is a courtesy

    def release(self) -> None:
        """Let go of the folder; the file stays, so that nobody can lock a file that is just being removed."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @property
    def descriptor(self) -> int | None:
        """Return the file descriptor that holds it, or is about to: a child made by a bare fork closes its copy."""
        return self._trying if self._descriptor is None else self._descriptor

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def holder(file: Path) -> int | None:
    """Return the pid of the Salus that uses a state folder, or None when none does.

    Args:
        file: the lock file, or the folder.

    Returns:
        Its pid; -1 when it is so young that it has not said it yet.
    """
    try:
        descriptor = os.open(_lock_file(file), os.O_RDONLY)
    except OSError:
        return None
    _ASKING.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        pid = _read(descriptor)
        return int(pid) if pid.isdigit() else -1
    finally:
        _ASKING.discard(descriptor)
        os.close(descriptor)
    return None


def _after_fork() -> None:
    """Close, in a child made by a fork, what another thread was just asking through: the lock would live on in it."""
    while _ASKING:
        os.close(_ASKING.pop())


os.register_at_fork(after_in_child=_after_fork)


def _flock(descriptor: int) -> None:
    """Lock it, trying for a moment: whoever asks ``holder`` holds it for an instant too.

    Trying longer if who signed it is dead: a Salus killed between fork and exec leaves a child that holds its lock too,
    until that child has time for the exec.
    """
    tries = 0
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tries += 1
            if tries > (_TRIES if _signer_lives(descriptor) else _TRIES_AFTER_DEATH):
                raise
            Event().wait(_PAUSE)


def _signer_lives(descriptor: int) -> bool:
    pid = _read(descriptor)
    return not pid.isdigit() or Path("/proc", pid).exists()


def _lock_file(place: Path) -> Path:
    return place / NAME if place.is_dir() else place


def _read(descriptor: int) -> str:
    try:
        return os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    except OSError:
        return ""
