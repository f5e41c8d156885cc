"""One page as one kind of visitor sees it: written region by region, and only where something has changed.

1. Equal visitors (the same address, the same role, the same path in front) share one ``Watch``: fifty of them cost one.
2. A region is written anew when its key has changed; it counts as changed when its text has.
3. Every region knows at which version it last changed. Whoever has seen version n gets the regions changed since: so a
   slow reader misses nothing, and nothing is ever queued for it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace

from salus.ports import Clock
from salus.surfaces import wire
from salus.surfaces.dashboard.page import Page, PageView, Region, Rows, Visit
from salus.surfaces.dashboard.writer import Writer

_SLICE = 0.001
"""Seconds after which the writing lets others run."""
_REST = 4
_SHORTEST = 0.05
_MOST_MESSAGES = 16
_AT_ONCE = 2
_HEAVIEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Written:
    """The text of one region, what it was written from, and the version in which it last changed."""

    key: Hashable
    html: str
    version: int


class Watch:
    """Keeps one page written."""

    def __init__(self, view: PageView, visit: Visit, writer: Writer, clock: Clock) -> None:
        """Write what ``view`` shows to visitors like this one."""
        self._view = view
        self._visit = visit
        self._writer = writer
        self._clock = clock
        self.stamp = secrets.token_hex(6)
        self.version = 0
        self.page: Page | None = None
        self.cost = 0.0
        self.weight = 0
        self._written: dict[str, Written] = {}
        self._orders: dict[str, tuple[tuple[str, ...], int]] = {}
        self._title = ("", 0)
        self._at: float | None = None
        self._messages: dict[int, bytes] = {}
        self._turn = asyncio.Lock()

    @property
    def known(self) -> bool:
        """Tell whether it is written for people who are known."""
        return self._visit.caller.role is not None

    @property
    def mark(self) -> str:
        """Return what a reader says to go on from here."""
        return f"{self.stamp}-{self.version}"

    def fresh(self) -> bool:
        """Tell whether it was written a moment ago: whoever asks faster than that gets the same again."""
        if self._at is None:
            return False
        return self._clock.monotonic() - self._at < max(_SHORTEST, _REST * self.cost)

    async def refresh(self) -> None:
        """Write what has changed; raises what the view raises, and then nothing has changed.

        Once at a time: two that are written at once would both be the same version, and a reader of the first would
        never get the second.
        """
        async with self._turn:
            began = self._clock.monotonic()
            page = await self._view.page(replace(self._visit, now=self._clock.now()))
            await self._take(page)
            self._at = self._clock.monotonic()
            self.cost = self._at - began

    async def _take(self, page: Page) -> None:
        version = self.version + 1
        written: dict[str, Written] = {}
        orders: dict[str, tuple[tuple[str, ...], int]] = {}
        since = self._clock.monotonic()
        for part in page.parts:
            for region in part.rows if isinstance(part, Rows) else (part,):
                written[region.id] = self._write(region, version)
                if self._clock.monotonic() - since > _SLICE:
                    await self._clock.sleep(0)
                    since = self._clock.monotonic()
            if isinstance(part, Rows):
                ids, before = tuple(row.id for row in part.rows), self._orders.get(part.id)
                orders[part.id] = before if before and before[0] == ids else (ids, version)
        title = self._title if page.title == self._title[0] else (page.title, version)
        changed = [title[1], *(one.version for one in written.values()), *(one[1] for one in orders.values())]
        self._written, self._orders, self._title, self.page = written, orders, title, page
        self.weight = sum(len(one.html) for one in written.values())
        if max(changed) == version:
            self.version = version
            self._messages.clear()

    def _write(self, region: Region, version: int) -> Written:
        before = self._written.get(region.id)
        if before and region.key is not None and before.key == region.key:
            return before
        html = self._writer.region(region, self._visit)
        return Written(region.key, html, before.version if before and before.html == html else version)

    # ── what readers get ──────────────────────────────────────────────────────────────────────────────────────────────

    def region(self, name: str) -> str:
        """Return the text of a region, or of a list of them with what is around it."""
        if name in self._orders and self.page:
            rows = next(part for part in self.page.parts if isinstance(part, Rows) and part.id == name)
            inside = "".join(self._written[row.id].html for row in rows.rows)
            return self._writer.around(rows.id, rows.tag, rows.classes, inside, rows=True)
        return self._written[name].html

    def since(self, mark: str) -> bytes:
        """Return what has changed since a reader saw ``mark``, as JSON; empty where nothing has."""
        stamp, _, number = mark.partition("-")
        seen = int(number) if stamp == self.stamp and number.isascii() and number.isdigit() and len(number) < 16 else 0
        if seen >= self.version:
            return b""
        if (known := self._messages.get(seen)) is not None:
            return known
        message = wire.encode(self._changed(seen))
        if len(self._messages) < _MOST_MESSAGES:  # whoever makes marks up gets what they ask for, and nothing is kept
            self._messages[seen] = message
        return message

    def _changed(self, seen: int) -> Mapping[str, object]:
        told: dict[str, object] = {
            "set": {name: self._writer.plain(one.html) for name, one in self._written.items() if one.version > seen},
            "rows": {name: ids for name, (ids, version) in self._orders.items() if version > seen},
        }
        if self._title[1] > seen:
            told["title"] = self._title[0]
        return told


class Watches:
    """The pages that are being looked at, and those that were a moment ago.

    Attributes:
        turns: whoever has one may write a page: those who are known, and by themselves strangers, so that nobody known
            waits for a crowd of them. Each is written in slices of a millisecond, so this is how many such slices
            everybody else waits for, however many people load pages at the same time.
    """

    def __init__(self, *, most: int = 64, heaviest: int = _HEAVIEST) -> None:
        """Keep at most so many that nobody listens to, and at most so many characters of them."""
        self.turns = {known: asyncio.Semaphore(_AT_ONCE if known else 1) for known in (True, False)}
        self._most = most
        self._heaviest = heaviest
        self._watches: dict[Hashable, Watch] = {}
        self._listened: dict[Watch, int] = {}

    def get(self, key: Hashable, make: Callable[[], Watch]) -> Watch:
        """Return the watch of equal visitors."""
        watch = self._watches.pop(key, None) or make()
        self._watches[key] = watch  # the last one is the one used last
        self._tidy(watch)
        return watch

    def _tidy(self, watch: Watch) -> None:
        idle = [
            (one, found) for one, found in self._watches.items() if found not in self._listened and found is not watch
        ]
        weight = sum(found.weight for _, found in idle)
        for place, (key, found) in enumerate(idle):
            if len(idle) - place < self._most and weight <= self._heaviest:
                return
            del self._watches[key]
            weight -= found.weight

    def __len__(self) -> int:
        """Count them."""
        return len(self._watches)

    def listen(self, watch: Watch) -> bool:
        """Note a reader; tells whether it is the first one."""
        self._listened[watch] = self._listened.get(watch, 0) + 1
        return self._listened[watch] == 1

    def leave(self, watch: Watch) -> None:
        """Note that a reader has gone."""
        left = self._listened.get(watch, 1) - 1
        if left:
            self._listened[watch] = left
        else:
            self._listened.pop(watch, None)

    def listened(self, watch: Watch) -> bool:
        """Tell whether anybody listens to it."""
        return watch in self._listened
