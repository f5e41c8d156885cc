"""In this room a call that blocks the event loop is an error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx


@pytest.fixture(autouse=True)
def _loop_is_never_blocked() -> Iterator[BlockBuster]:
    """Raise where code of salus sleeps, reads a file or a socket on the loop instead of beside it."""
    with blockbuster_ctx(scanned_modules=["salus"]) as blockbuster:
        yield blockbuster
