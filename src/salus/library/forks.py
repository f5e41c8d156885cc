"""What a bare fork leaves in the child, and who sees to it: threads stay behind in the parent, descriptors do not."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from typing import Protocol

_LEFT_BEHIND: list[object] = []  # nothing of them may be finalised in a child


class Forked(Protocol):
    """What has to hear of a fork."""

    def forked(self) -> None:
        """Let go of what only the parent may hold."""
        ...


_ALL: weakref.WeakSet[Forked] = weakref.WeakSet()


def tell(one: Forked) -> None:
    """Tell an object of every fork, in the child, for as long as it lives."""
    _ALL.add(one)


def leave_behind(one: object, descriptors: Iterable[int]) -> None:
    """Keep an object of the parent's from being finalised, and let go of its descriptors."""
    _LEFT_BEHIND.append(one)
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for number in descriptors:
        os.dup2(nowhere, number, inheritable=False)  # not closed: an object that nobody uses still has the number
    os.close(nowhere)


def _after_fork() -> None:
    for one in list(_ALL):
        one.forked()


os.register_at_fork(after_in_child=_after_fork)
