"""Where the library keeps its state when nobody says so: a folder that this user may write, and nobody else."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from salus.errors import SalusError

_log = logging.getLogger("salus.library")


def state_folder(name: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the state folder of an application, made by now.

    In this order: ``$STATE_DIRECTORY`` (systemd), ``$XDG_STATE_HOME/salus``, ``~/.local/state/salus``; where none of
    them can be written (a container with a read-only root), a folder of this user in the folder for temporary files.

    Raises:
        SalusError: none of them can be written.
    """
    for base, kept in _places(environ):
        folder = base / name
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if not os.access(folder, os.W_OK | os.X_OK) or not _private(folder):
            continue
        if not kept:
            _log.warning("the ledger lies in %s, where it may not outlive a restart; say state_dir to keep it", folder)
        return folder
    message = f"there is no folder in which {name!r} can keep its state"
    raise SalusError(message, remedy=f"HealthSystem({name!r}, state_dir=...) names one that can be written")


def _places(environ: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    if given := environ.get("STATE_DIRECTORY", "").partition(":")[0]:
        yield Path(given), True
    if given := environ.get("XDG_STATE_HOME", ""):
        yield Path(given, "salus"), True
    with suppress(RuntimeError):  # a user without a home
        yield Path.home() / ".local" / "state" / "salus", True
    yield Path(tempfile.gettempdir(), f"salus-{os.getuid()}"), False


def _private(folder: Path) -> bool:
    """Tell whether a folder and the one above it are ours, or cannot be put in place by others."""
    found = folder.stat()
    above = folder.parent.stat()
    ours = found.st_uid == os.geteuid() and above.st_uid in (os.geteuid(), 0)
    return ours and not (found.st_mode | above.st_mode) & stat.S_IWOTH
