"""The state folder of one agent, and its id: whatever Salus leaves running carries it."""

from __future__ import annotations

import uuid
from pathlib import Path


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
    file.write_text(made + "\n", encoding="ascii")
    return made
