"""Services as the ledger tells of them, but for what Salus did to them then: the replay does that itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from salus.model import Event, EventKind, RecoveryRecord
from salus.ports import Service
from salus.simulate.backtest.course import EARLY, Course
from salus.simulate.backtest.parts import ReplayService, is_stop_by_person
from salus.simulate.backtest.spells import acted
from salus.simulate.backtest.tracks import History
from salus.store.past import SERVICES

_AFTERWARDS = timedelta(seconds=1)


class Services:
    """All services of a replay."""

    def __init__(self, history: History, courses: Mapping[str, Sequence[Course]]) -> None:
        """Stand beside the checks, by their target; ``plan`` once there is an engine."""
        self._history = history
        self._courses = courses
        self.by_name: dict[str, Service] = {}
        self._renew: Callable[[str], None]

    def plan(self, renew: Callable[[str], None]) -> None:
        """Let each be what it was at the beginning, and plan what happens to it.

        Args:
            renew: counts afresh for a service that a person has started.
        """
        self._renew = renew
        loop, past = asyncio.get_running_loop(), self._history.past
        for event in past.before:
            if event.kind in SERVICES and (service := self._service(event.service)):
                service.hear(event, follow=True)
        done = _times_of_recoveries(past.recoveries, past.until)
        stopped = {name for name, service in self.by_name.items() if not service.status.wanted}
        for event in past.events:
            if event.kind in SERVICES and (service := self._service(event.service)):
                own = any(began <= event.at <= ended for began, ended in done.get(f"service:{event.service}", ()))
                # A look may have seen it before it was told: a service says that it ended, or was stopped, when it has.
                # But what a person had stopped was left alone until they had started it.
                early = 0.0 if event.service in stopped else EARLY
                if is_stop_by_person(event):
                    stopped.add(event.service or "")
                elif event.kind in (EventKind.SERVICE_STARTED, EventKind.SERVICE_ADOPTED):
                    stopped.discard(event.service or "")
                loop.call_at(max(0.0, self._history.at(event.at) - early), self._hear, service, event, own)

    def _service(self, name: str | None) -> ReplayService | None:
        found = self.by_name.get(name or "")
        return found if isinstance(found, ReplayService) else None

    def _hear(self, service: ReplayService, event: Event, own: bool) -> None:
        now = asyncio.get_running_loop().time()
        healed = any(course.well_at <= now for course in self._courses.get(f"service:{event.service}", ()))
        stopped = not service.status.wanted
        service.hear(event, follow=not own and not healed)
        if stopped and service.status.wanted:
            self._renew(service.status.name)

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
