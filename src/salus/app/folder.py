"""The state folder of one agent, and its id: whatever Salus leaves running carries it."""

from __future__ import annotations

import logging
import uuid
from pathlib import Path

from salus.errors import SalusError

_log = logging.getLogger("salus.agent")


def make_folder(state_dir: Path) -> None:
    """Make the state folder, for this user alone.

    Raises:
        SalusError: it cannot be made, or is something else.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        remedy = "give it to the user that runs this, or name another folder as salus.state_dir"
        raise SalusError(f"{state_dir} cannot be the state folder: {error.strerror}", remedy=remedy) from error


def state_id(state_dir: Path) -> str:
    """Return the id of this state folder, made once."""
    file = state_dir / "id"
    try:
        known = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        known = ""
    if len(known) == 32 and known.isalnum():
        return known
    made = uuid.uuid4().hex
    try:
        file.write_text(made + "\n", encoding="ascii")
    except OSError as error:  # what is left of checks and actions will not be known again after a crash
        _log.error("cannot keep the id of this Salus in %s: %s", file, error.strerror)
    return made
