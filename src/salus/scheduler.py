"""When each check is looked at next. Pure: a heap of due times on a monotonic clock that somebody else reads.

1. Every check has a *grid*: ``origin + k * interval``. Origins are spread evenly over the interval by the golden
   ratio, so that neighbours never start together (Kronecker sequence; Knuth, TAOCP 3, 6.4, Theorem S). Where there is
   a *beat*, points are put back to it, so that few looks share a wake-up: beside an application, waking is what costs.
2. The first look comes early, in the order of registration, at most ``FIRST_LOOKS_PER_SECOND`` a second, so that a
   30 s interval does not mean 30 s of ignorance; the grid begins after it.
3. A look that ends late is followed by the *next* point of the grid: what was missed is skipped, not caught up.
4. An entry that runs is not due. A nudge while it runs makes it due again the moment it ends.
5. Heap rows are never searched: each carries a ticket, and a row whose ticket is not the entry's own is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

FIRST_LOOKS_PER_SECOND = 1000.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_LEAST_PHASES = 5

Key = TypeVar("Key")


@dataclass(slots=True, eq=False)
class Entry(Generic[Key]):
    """One check in the schedule.

    Attributes:
        key: what the caller schedules.
        interval: seconds between points of its grid.
        origin: one point of its grid.
        due: when it is looked at next; meaningless while it runs.
        ticket: number of its valid heap row.
        running: a look is under way.
        again: look once more as soon as that one ends.
        removed: it has left the schedule.
    """

    key: Key
    interval: float
    origin: float
    due: float = 0.0
    ticket: int = -1
    running: bool = False
    again: bool = False
    removed: bool = False


@dataclass(slots=True)
class Schedule(Generic[Key]):
    """All entries, and which is due next.

    Attributes:
        beat: seconds; points are put back to its multiples on the clock. For a short interval a half, a quarter, ... of
            it is taken, so that at least five different ones are left in an interval. 0: they stay where they are.
    """

    beat: float = 0.0
    _heap: list[tuple[float, int, Entry[Key]]] = field(default_factory=list)
    _tickets: int = 0
    _added: int = 0
    _size: int = 0

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self._size

    def add(self, key: Key, interval: float, now: float, *, begin: float | None = None) -> Entry[Key]:
        """Take in a check.

        Args:
            key: what is handed back when it is due.
            interval: seconds, above zero.
            now: monotonic seconds.
            begin: start of the ramp of first looks; ``now`` unless many are added at once.
        """
        phase = (self._added * _GOLDEN) % 1.0
        first = max(now, begin if begin is not None else now)
        early = first + min(self._added / FIRST_LOOKS_PER_SECOND, phase * interval)
        entry = Entry(key, interval, origin=self._on_beat(first + phase * interval, interval), due=early)
        self._added += 1
        self._size += 1
        self._push(entry, early)
        return entry

    def remove(self, entry: Entry[Key]) -> None:
        """Let a check go; a look under way may still end."""
        if not entry.removed:
            entry.removed = True
            entry.ticket = -1
            self._size -= 1

    def next_due(self) -> float | None:
        """Return when something is due next, or None."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Iterator[Entry[Key]]:
        """Yield what is due and mark it running, earliest first."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, ticket, entry = heappop(heap)
            if ticket == entry.ticket:
                entry.ticket = -1
                entry.running = True
                yield entry

    def finished(self, entry: Entry[Key], now: float, *, again_at: float | None = None) -> None:
        """Put an entry back after its look.

        Args:
            entry: the one that ran.
            now: monotonic seconds.
            again_at: look again then, ahead of the grid (a quick re-check); a time in the past means at once.
        """
        entry.running = False
        if entry.removed:
            return
        if entry.again:
            entry.again = False
            self._push(entry, now)
        elif again_at is not None:
            self._push(entry, max(now, again_at))
        else:
            # A timer may fire a little before its time: the point just served must not come again.
            self._push(entry, self._next_point(entry, max(now, entry.due)))

    def nudge(self, entry: Entry[Key], at: float) -> bool:
        """Make an entry due no later than ``at``; while it runs, once more when it ends. Tells whether it moved."""
        if entry.removed:
            return False
        if entry.running:
            entry.again = True
            return False
        if entry.due <= at:
            return False
        self._push(entry, at)
        return True

    def hold(self, entry: Entry[Key]) -> None:
        """Take an entry out of turn: the caller looks at it itself and says ``finished`` when it is done."""
        entry.running = True
        entry.ticket = -1

    def respread(self, now: float, window: float) -> None:
        """Look at everything once more within ``window`` seconds: after the machine was suspended."""
        self._drop_stale()
        waiting = [row[2] for row in self._heap if row[1] == row[2].ticket]
        for place, entry in enumerate(waiting):
            self._push(entry, min(entry.due, now + window * place / max(1, len(waiting))))
        self._heap = [row for row in self._heap if row[1] == row[2].ticket]
        heapify(self._heap)

    def _on_beat(self, point: float, interval: float) -> float:
        if not self.beat:
            return point
        halvings = max(0, math.ceil(math.log2(_LEAST_PHASES * self.beat / interval)))
        beat = self.beat * 0.5**halvings
        return math.floor(point / beat) * beat

    def _next_point(self, entry: Entry[Key], now: float) -> float:
        steps = math.floor((now - entry.origin) / entry.interval) + 1
        point = entry.origin + steps * entry.interval
        return point if point > now else point + entry.interval

    def _push(self, entry: Entry[Key], due: float) -> None:
        self._tickets += 1
        entry.ticket = self._tickets
        entry.due = due
        heappush(self._heap, (due, self._tickets, entry))

    def _drop_stale(self) -> None:
        heap = self._heap
        while heap and heap[0][1] != heap[0][2].ticket:
            heappop(heap)
