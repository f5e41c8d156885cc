"""What goes wrong with a ledger file, said so that a person knows what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from salus.errors import StoreUnreadableError, StoreUnwritableError

_ASIDE = (
    "Restore it from a backup, or set it aside with 'salus ledger reset' (nothing is deleted) and start afresh; "
    "until then automatic recovery stays off"
)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DENIED = (errno.EACCES, errno.EPERM)


def unreadable(path: Path, what: str, remedy: str = _ASIDE) -> StoreUnreadableError:
    """Return the error for a ledger that is there and cannot be trusted."""
    return StoreUnreadableError(f"the ledger {path} {what}", remedy=remedy)


def unwritable(path: Path, what: str, remedy: str) -> StoreUnwritableError:
    """Return the error for a ledger that cannot be written at this moment."""
    return StoreUnwritableError(f"the ledger {path} {what}", remedy=remedy)


def refused(path: Path, what: str) -> StoreUnwritableError:
    """Return the error for rows that the ledger will never take, however often they are tried."""
    error = unwritable(path, what, "this is a fault in Salus: please report it")
    error.permanent = True
    return error


def code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, 0 where it gave none."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def reading(path: Path, error: sqlite3.Error) -> StoreUnreadableError:
    """Say why reading failed."""
    found = code(error)
    if found in _BROKEN:
        return unreadable(path, f"is damaged ({error})")
    if found in _BUSY:
        return unreadable(
            path, f"is locked by another process ({error})", "Try again; find the holder with fuser or lsof"
        )
    if found in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
        what = f"cannot be opened by this user ({error})"
        return unreadable(path, what, "Use the user that runs Salus, and give it the folder and its files")
    return unreadable(path, f"cannot be read ({error})")


def writing(path: Path, error: sqlite3.Error) -> StoreUnwritableError:
    """Say why writing failed."""
    found = code(error)
    if found == sqlite3.SQLITE_FULL:
        return unwritable(path, f"cannot grow: the disk is full ({error})", "Free space on its file system")
    if found in _BUSY:
        remedy = "Is another Salus using this state folder? Find the holder with fuser or lsof"
        return unwritable(path, f"is locked by another process ({error})", remedy)
    if found in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        remedy = "Give the user that runs Salus the folder and its files, on a file system that can be written"
        return unwritable(path, f"is read-only for this user ({error})", remedy)
    if found in (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG):
        return refused(path, f"refused the rows ({error})")
    return unwritable(path, f"cannot be written ({error})", "Look at the disk and at the system's log")


def touching(path: Path, error: OSError) -> StoreUnreadableError:
    """Say why the file could not even be looked at."""
    what = f"cannot be opened ({error.strerror or error})"
    if error.errno in _DENIED:
        return unreadable(path, what, "Use the user that runs Salus, and give it the folder and its files")
    return unreadable(path, what)


def creating(path: Path, error: OSError) -> StoreUnwritableError:
    """Say why the file could not be made."""
    what = f"cannot be created ({error.strerror or error})"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return unwritable(path, what, "Free space on its file system")
    remedy = "Give the user that runs Salus a state folder it can write (salus.state_dir in the config)"
    return unwritable(path, what, remedy)
