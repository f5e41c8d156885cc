"""Services as the ledger tells of them, but for what Salus did to them then: the replay does that itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from salus.model import Event, RecoveryRecord
from salus.ports import Service
from salus.simulate.backtest.course import EARLY, Course
from salus.simulate.backtest.parts import ReplayService
from salus.simulate.backtest.spells import acted
from salus.simulate.backtest.tracks import History
from salus.store.past import SERVICES

_AFTERWARDS = timedelta(seconds=1)


class Services:
    """All services of a replay."""

    def __init__(self, history: History, courses: Mapping[str, Sequence[Course]]) -> None:
        """Stand beside the checks, by their target."""
        self._history = history
        self._courses = courses
        self.by_name: dict[str, Service] = {}

    def plan(self) -> None:
        """Let each be what it was at the beginning, and plan what happens to it."""
        loop, past = asyncio.get_running_loop(), self._history.past
        for event in past.before:
            if event.kind in SERVICES and (service := self._service(event.service)):
                service.hear(event, follow=True)
        done = _times_of_recoveries(past.recoveries, past.until)
        for event in past.events:
            if event.kind in SERVICES and (service := self._service(event.service)):
                own = any(began <= event.at <= ended for began, ended in done.get(f"service:{event.service}", ()))
                # A look may have seen it before it was told: a service says that it ended, or was stopped, when it has.
                loop.call_at(max(0.0, self._history.at(event.at) - EARLY), self._hear, service, event, own)

    def _service(self, name: str | None) -> ReplayService | None:
        found = self.by_name.get(name or "")
        return found if isinstance(found, ReplayService) else None

    def _hear(self, service: ReplayService, event: Event, own: bool) -> None:
        now = asyncio.get_running_loop().time()
        healed = any(course.well_at <= now for course in self._courses.get(f"service:{event.service}", ()))
        service.hear(event, follow=not own and not healed)

    def settle(self, target: str) -> None:
        """Let the service of a target be what it is in truth: no check of it is in trouble any more."""
        room, _, name = target.partition(":")
        service = self._service(name) if room == "service" else None
        if service is not None and service.status.state is not service.in_truth:
            service.be(service.in_truth)


def _times_of_recoveries(
    recoveries: Sequence[RecoveryRecord], until: datetime
) -> dict[str, list[tuple[datetime, datetime]]]:
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    for record in recoveries:
        if acted(record):
            ended = (record.finished_at or until) + _AFTERWARDS
            for target in record.targets:
                found.setdefault(target, []).append((record.decided_at, ended))
    return found
