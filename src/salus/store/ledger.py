"""The ledger as a file: look at it without touching it, make a new one, open it, set a broken one aside."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from threading import Event, Timer

from salus.clock import SystemClock
from salus.ports import Clock
from salus.store.faults import code, creating, reading, touching, unreadable, writing
from salus.store.schema import APPLICATION_ID, Schema

CHECK_SECONDS = 1.0  # a start may spend this long on proving that the file is sound
_BUSY_MILLISECONDS = 2000  # how long another process (an upgrade, a person with a shell) may hold us up
_PAGE_MIN = 512  # no SQLite file is smaller
_SIDES = ("-wal", "-shm")


# ── Looking, without touching ─────────────────────────────────────────────────────────────────────────────────────────


def inspect(path: Path, schema: Schema, check_seconds: float = CHECK_SECONDS) -> str | None:
    """Prove that a ledger can be trusted, and return its revision; None when there is none yet.

    Args:
        path: the file.
        schema: what this Salus knows.
        check_seconds: the structure is checked for at most this long (0: not at all); a bigger file in part.

    Raises:
        StoreUnreadableError: it is there and cannot be trusted. Nothing was written to it.
    """
    if not _there(path):
        return None
    db = connect_reader(path)
    try:
        _check_owner(path, db)
        if check_seconds > 0:
            _check_structure(path, db, check_seconds)
        return _revision(path, db, schema)
    finally:
        db.close()


def _there(path: Path) -> bool:
    """Look at the file before SQLite does: SQLite would take an empty one for a new one.

    It is not opened here: closing it again would drop the locks that SQLite holds on it in this process.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        if _size(_side(path, "-wal")):
            raise unreadable(
                path, "is gone, and its newest rows (the -wal file beside it) cannot be read alone"
            ) from None
        return False
    except OSError as error:
        raise touching(path, error) from error
    if stat.S_ISDIR(found.st_mode):
        raise unreadable(path, "is a directory")
    if not stat.S_ISREG(found.st_mode):
        raise unreadable(path, "is not a regular file")
    if found.st_size < _PAGE_MIN:
        raise unreadable(path, f"is cut off: {found.st_size} bytes are left of it")
    return True


def _check_owner(path: Path, db: sqlite3.Connection) -> None:
    try:
        (owner,) = db.execute("PRAGMA application_id").fetchone()
    except sqlite3.Error as error:
        raise reading(path, error) from error
    if owner != APPLICATION_ID:
        remedy = "Move that file away, or give Salus another state folder (salus.state_dir in the config)"
        raise unreadable(path, f"belongs to another program (application id {owner:#x})", remedy)


def _check_structure(path: Path, db: sqlite3.Connection, limit: float) -> None:
    late = Event()

    def stop() -> None:
        late.set()
        db.interrupt()

    timer = Timer(limit, stop)
    timer.daemon = True
    timer.start()
    try:
        problems = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
    except sqlite3.Error as error:
        if code(error) == sqlite3.SQLITE_INTERRUPT:
            return  # a big file: what was seen in that time is sound
        raise reading(path, error) from error
    finally:
        timer.cancel()
        timer.join()  # an interruption that comes late would hit the next statement
    if problems != ["ok"] and not late.is_set():
        raise unreadable(path, f"is damaged ({'; '.join(problems)})")


def _revision(path: Path, db: sqlite3.Connection, schema: Schema) -> str:
    try:
        found = [row[0] for row in db.execute("SELECT version_num FROM alembic_version")]
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise unreadable(path, "has no schema revision") from error
        raise reading(path, error) from error
    if len(found) != 1:
        raise unreadable(path, f"has {len(found)} schema revisions instead of one")
    if found[0] not in schema.revisions:
        remedy = "Use the Salus that wrote it, or a newer one; before each upgrade the old ledger was kept as .bak"
        raise unreadable(path, f"was written by a newer Salus (schema revision {found[0]})", remedy)
    return str(found[0])


# ── Opening ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a ledger that is there, for reading only.

    Raises:
        StoreUnreadableError: it cannot be opened.
    """
    try:
        return _try_reader(path, "mode=ro")
    except sqlite3.Error as error:
        if _size(_side(path, "-wal")):
            raise reading(path, error) from error
    # In a folder that we may not write SQLite cannot make its -shm file. Nobody has rows under way (no -wal), so the
    # file may be taken as it is.
    try:
        return _try_reader(path, "immutable=1")
    except sqlite3.Error as error:
        raise reading(path, error) from error


def _try_reader(path: Path, how: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False)
    try:
        db.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        db.execute("PRAGMA query_only = ON")
        db.execute("PRAGMA cache_size = -1024")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open a ledger that is there and sound, for writing, and prove that it can be written.

    ``synchronous = NORMAL`` in WAL mode: a committed row survives a kill of this process at any instant. A loss of
    power may take the last commits with it (never the file's soundness); what Salus supervised then died with it.

    Raises:
        StoreUnwritableError: it cannot be written now.
    """
    try:
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise writing(path, error) from error
    try:
        db.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA cache_size = -1024")
        # Checkpoints are made by the reading thread, so that no writer waits for a disk. It cannot catch up with rows
        # that come without a pause: then the writer makes one itself, at 16 MB.
        db.execute("PRAGMA wal_autocheckpoint = 4000")
        db.execute("PRAGMA journal_size_limit = 8388608")
        db.execute("BEGIN IMMEDIATE")
        db.execute("ROLLBACK")
    except sqlite3.Error as error:
        db.close()
        raise writing(path, error) from error
    return db


def checkpoint(path: Path) -> None:
    """Move rows from the -wal file into the ledger, without holding up writers. Does what it can and never raises."""
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        finally:
            db.close()
    except sqlite3.Error:
        return  # a full disk, most likely: the next write says so


# ── Making, setting aside ─────────────────────────────────────────────────────────────────────────────────────────────


def create(path: Path, schema: Schema) -> None:
    """Make an empty ledger, whole or not at all: it gets its name only when it is complete and on disk.

    So an empty or half-made file under that name is always damage, and never a start that was cut short.

    Raises:
        StoreUnwritableError: it cannot be made.
    """
    draft = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in (draft, _side(draft, "-wal"), _side(draft, "-shm"), _side(draft, "-journal")):
            old.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _fill(draft, schema)
        _sync(draft)
        draft.rename(path)
        _sync(path.parent)
    except sqlite3.Error as error:
        raise writing(path, error) from error
    except OSError as error:
        raise creating(path, error) from error


def _fill(draft: Path, schema: Schema) -> None:
    db = sqlite3.connect(draft, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = OFF")  # the whole file is synced once, when it is complete
        db.executescript(schema.snapshot.read_text(encoding="utf-8"))
        db.execute("PRAGMA journal_mode = WAL")
    finally:
        db.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(path: Path, clock: Clock | None = None) -> Path:
    """Rename a broken ledger, with the files that belong to it, so that the next start makes a new one.

    Call it only while no Salus uses the folder (``salus.store.lock.Lock``).

    Args:
        path: the ledger.
        clock: tells the time for the new name.

    Returns:
        Its new name: ``<name>.broken-<time>``.

    Raises:
        StoreUnreadableError: there is nothing to set aside.
        StoreUnwritableError: it cannot be renamed.
    """
    stamp = f"{(clock or SystemClock()).now():%Y%m%dT%H%M%SZ}"
    target, count = path.with_name(f"{path.name}.broken-{stamp}"), 1
    while any(_exists(_side(target, side)) for side in ("", *_SIDES)):
        count += 1
        target = path.with_name(f"{path.name}.broken-{stamp}-{count}")
    parts = [side for side in ("", *_SIDES) if _exists(_side(path, side))]
    if not parts:
        raise unreadable(path, "is not there", "There is nothing to set aside")
    try:
        # The ledger goes first: if we die in between, what is left over is refused by the next start, not trusted.
        for side in parts:
            _side(path, side).rename(_side(target, side))
    except OSError as error:
        raise creating(path, error) from error
    return target


def _side(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _exists(path: Path) -> bool:
    return os.path.lexists(path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
