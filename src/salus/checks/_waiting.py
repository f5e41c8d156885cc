"""Which threads have not moved and wait for a lock, who holds it, and whether they wait for each other.

1. A thread has not moved when it is in the same frame at the same instruction as at the last look **and** the kernel
   has not run it since (its context switches are the same): a thread that takes a much wanted lock again and again is
   often seen at the same instruction, and moves.
2. Of those that have not moved, the source says whether they are at the taking of a lock (``_lock_sites``).
3. Who holds the lock: an ``RLock`` says so itself; of a plain ``Lock`` it is whose stack stands where the source
   holds it.
4. Threads that wait in a circle, none of which has moved, are deadlocked: that is proof. Any other is only waiting.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import NamedTuple

from salus.checks._host import text_of
from salus.checks._lock_sites import Wanted, found, held, wanted
from salus.stacks import Place, frames_of_others, stack_of, walk

_OWNER = re.compile(r"owner=(\d+)")
_DEEPEST = 100
_MOST_SITES = 512


class Spot(NamedTuple):
    """Where a thread was at a look; no reference to its frame.

    Attributes:
        frame: its identity.
        instruction: in its code.
        site: file, function and instruction: what is known about one frame holds for all that are there.
    """

    frame: int
    instruction: int
    site: tuple[str, str, int]


@dataclass(slots=True)
class Still:
    """A thread that has not moved.

    Attributes:
        spot: where it is.
        since: monotonic time of the first look that saw it there.
        switches: how often the kernel has begun and ended to run it; None where that cannot be read.
    """

    spot: Spot
    since: float
    switches: int | None = None


@dataclass(slots=True)
class Waiter:
    """A thread that has not moved and waits for a lock.

    Attributes:
        identifier: of the thread.
        name: of the thread.
        lock: as it is written where it waits.
        place: where it waits.
        lines: its stack.
        waited: seconds for which it was seen to.
        holder: the thread that holds the lock, or None where that is not known.
        entered: it waits at a ``with``.
        locked: identity of the lock; None where it could not be found.
        proven: it is part of a circle.
    """

    identifier: int
    name: str
    lock: str
    place: Place
    lines: tuple[str, ...]
    waited: float
    holder: int | None = None
    entered: bool = False
    locked: int | None = None
    proven: bool = False


@dataclass(slots=True)
class Found:
    """What one look found.

    Attributes:
        waiters: all that wait for a lock and have not moved since the last look.
        circles: those that wait for each other, each in the order of its waiting.
        holders: name and stack of those who hold what others wait for, and do not wait themselves.
        undecided: of some that are at a lock nobody knows yet whether they stand still: examine them again.
    """

    waiters: list[Waiter] = field(default_factory=list)
    circles: list[list[Waiter]] = field(default_factory=list)
    holders: dict[int, tuple[str, Place, tuple[str, ...]]] = field(default_factory=dict)
    undecided: bool = False


class Standstill:
    """Remembers where every thread was, from look to look."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._still: dict[int, Still] = {}
        self._at_lock: dict[tuple[str, str, int], bool] = {}

    def suspects(self, now: float) -> list[int]:
        """Look at all threads but this one; return those that have not moved and may be at a lock."""
        still: dict[int, Still] = {}
        suspects = []
        for identifier, frame in frames_of_others().items():
            spot, before = _spot(frame), self._still.get(identifier)
            if before is None or before.spot[:2] != spot[:2]:
                still[identifier] = Still(spot, now)
                continue
            still[identifier] = before
            if self._at_lock.get(spot.site, True):
                suspects.append(identifier)
        self._still = still
        return suspects

    def examine(self, suspects: list[int], now: float) -> Found:
        """Find out what suspects wait for. May read files: call it in a thread."""
        threads = {each.ident: each for each in threading.enumerate() if each.ident is not None}
        frames = frames_of_others()
        seen = Found()
        locks: dict[int, object] = {}
        for identifier in suspects:
            frame, still = frames.get(identifier), self._still.get(identifier)
            if frame is None or still is None or _spot(frame)[:2] != still.spot[:2]:
                continue
            what = self._classified(frame, still.spot)
            if what is None or self._has_run(still, threads.get(identifier), now, seen):
                continue
            seen.waiters.append(waiter := _waiter(identifier, frame, what, now - still.since, threads))
            if (lock := found(frame, what.path)) is not None:
                locks[identifier], waiter.locked = lock, id(lock)
        _find_holders(seen, locks, frames, threads)
        _find_circles(seen)
        return seen

    def _classified(self, frame: FrameType, spot: Spot) -> Wanted | None:
        what = wanted(frame)
        if len(self._at_lock) >= _MOST_SITES:
            self._at_lock.clear()
        self._at_lock[spot.site] = what is not None
        return what

    def _has_run(self, still: Still, thread: threading.Thread | None, now: float, seen: Found) -> bool:
        """Tell whether the kernel has run it since the last time, and begin anew then."""
        switches = _switches(thread.native_id) if thread else None
        before, still.switches = still.switches, switches
        if before is None and switches is not None:  # asked for the first time: the next time can tell
            seen.undecided = True
            return True
        if before != switches:
            still.since = now
            return True
        return False


def _spot(frame: FrameType) -> Spot:
    code = frame.f_code
    return Spot(id(frame), frame.f_lasti, (code.co_filename, code.co_qualname, frame.f_lasti))


def _switches(thread: int | None) -> int | None:
    if thread is None:
        return None
    try:
        lines = text_of(f"/proc/self/task/{thread}/status").splitlines()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def _waiter(
    identifier: int, frame: FrameType, what: Wanted, waited: float, threads: Mapping[int, threading.Thread]
) -> Waiter:
    stack = stack_of(frame)
    return Waiter(
        identifier=identifier,
        name=_name(identifier, threads),
        lock=what.text,
        place=stack.culprit,
        lines=stack.lines,
        waited=waited,
        entered=what.entered,
    )


def _name(identifier: int, threads: Mapping[int, threading.Thread]) -> str:
    return threads[identifier].name if identifier in threads else f"thread {identifier}"


def _find_holders(
    seen: Found, locks: Mapping[int, object], frames: Mapping[int, FrameType], threads: Mapping[int, threading.Thread]
) -> None:
    """Find who holds what is waited for; only the stacks of those who wait hold still for sure."""
    searched = {id(lock): lock for lock in locks.values()}
    holders = {key: int(owner[1]) for key, lock in searched.items() if (owner := _OWNER.search(repr(lock)))}
    if len(holders) < len(searched):
        for identifier, frame in frames.items():
            for lock in (lock for each in walk(frame, _DEEPEST) for lock in held(each)):
                holders.setdefault(id(lock), identifier)
    waiting = {waiter.identifier for waiter in seen.waiters}
    for waiter in seen.waiters:
        waiter.holder = holders.get(waiter.locked) if waiter.locked is not None else None
        if waiter.holder is not None and waiter.holder not in waiting and waiter.holder in frames:
            stack = stack_of(frames[waiter.holder])
            seen.holders[waiter.holder] = (_name(waiter.holder, threads), stack.culprit, stack.lines)


def _find_circles(seen: Found) -> None:
    by_thread = {waiter.identifier: waiter for waiter in seen.waiters}
    done: set[int] = set()
    for start in by_thread:
        path: list[int] = []
        at: int | None = start
        while at is not None and at in by_thread and at not in done and at not in path:
            path.append(at)
            at = by_thread[at].holder
        if at in path:
            circle = [by_thread[each] for each in path[path.index(at) :]]
            for waiter in circle:
                waiter.proven = True
            seen.circles.append(circle)
        done.update(path)
