"""The address of a Unix socket, however deep its folder lies.

A socket's path may have 107 bytes and no more; a state folder may be deeper than that. Through ``/proc/self/fd`` the
folder is named by an open descriptor, and only the last part of the path counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST = 107


@contextmanager
def address(path: Path) -> Iterator[str]:
    """Give what ``bind`` and ``connect`` take for that path, while the block runs.

    Raises:
        OSError: its folder is not there or cannot be entered.
    """
    text = str(path)
    if len(os.fsencode(text)) <= _LONGEST:
        yield text
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
