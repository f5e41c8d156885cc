"""All checks at one moment, gone through once for all pages that are being written."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from salus.model import CheckReport, Overall, Status
from salus.ports import Clock, View

_AT_ONCE = 200
_REST = 10
_SHORTEST = 0.02


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of all checks.

    Attributes:
        overall: all of them in one word.
        reports: by name.
        counts: how many have each status.
        worries: those that are not well and have been looked at; what a person has paused worries nobody.
        tags, services: those that there are, by name.
    """

    overall: Overall
    reports: Sequence[CheckReport]
    counts: Mapping[Status, int]
    worries: Sequence[CheckReport]
    tags: Sequence[str]
    services: Sequence[str]


class Surveyor:
    """Goes through the checks, letting others run in between; who asks a moment later gets the same survey.

    Where the truth changes all the time, a survey is good for ten times as long as it took.
    """

    def __init__(self, view: View, clock: Clock) -> None:
        """Survey a view."""
        self._view = view
        self._clock = clock
        self._turn = asyncio.Lock()
        self._version: int | None = None
        self._until = 0.0
        self._survey: Survey | None = None

    async def survey(self) -> Survey:
        """Return how all checks are."""
        async with self._turn:
            version, now = self._view.version, self._clock.monotonic()
            if self._survey is None or (version != self._version and now >= self._until):
                self._survey = await self._go()
                took = self._clock.monotonic() - now
                self._version, self._until = version, now + max(_SHORTEST, _REST * took)
            return self._survey

    async def _go(self) -> Survey:
        reports: list[CheckReport] = []
        counts: Counter[Status] = Counter()
        worries: list[CheckReport] = []
        tags: set[str] = set()
        services: set[str] = set()
        for count, name in enumerate(self._view.names(), 1):
            if not count % _AT_ONCE:
                await self._clock.sleep(0)
            report = self._view.check(name)
            if report is None:
                continue
            spec, state = report.spec, report.state
            reports.append(report)
            counts[state.status] += 1
            if state.status is not Status.HEALTHY and state.last is not None and report.paused is None:
                worries.append(report)
            tags.update(spec.tags)
            if spec.service:
                services.add(spec.service)
        return Survey(self._view.overall(), reports, counts, worries, sorted(tags), sorted(services))
