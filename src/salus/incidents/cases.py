"""One incident while it grows, and what of it is hot: what else turns bad there belongs to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from salus.model import Status
from salus.model.history import Incident

MOST_RECOVERIES = 100
MOST_SERVICES = 100
LONGEST = 200  # characters of a message in a title


@dataclass(slots=True)
class Spell:
    """How one check is in an incident: bad, or how bad it was.

    Attributes:
        began: when it turned bad the first time.
        since: when it turned bad the last time.
        service: what it is about, as it was then.
        status: bad while it is bad; healthy when it is well again.
        worst: the worst verdict.
        message: what was said with that.
        held: what it holds, by which what hangs together with it is found.
    """

    began: datetime
    since: datetime
    service: str | None
    status: Status
    worst: Status
    message: str
    held: tuple[str, ...] = ()

    def turns(self, status: Status, message: str) -> None:
        """Take one more bad verdict."""
        self.status = status
        if status.at_least(self.worst):
            self.worst, self.message = status, message


@dataclass(slots=True)
class Run:
    """A recovery, as far as incidents need it; ``attached`` when it holds its targets for an incident."""

    id: str
    at: datetime
    outcome: str | None = None
    attached: bool = False
    targets: tuple[str, ...] = ()


@dataclass(slots=True)
class Case:
    """One incident. ``into`` is what it was merged into; ``retired`` when nothing can be added to it any more."""

    number: int
    started: datetime
    root: str = ""
    ended: datetime | None = None
    checks: dict[str, Spell] = field(default_factory=dict)
    failing: int = 0
    services: dict[str, None] = field(default_factory=dict)
    recoveries: dict[str, Run] = field(default_factory=dict)
    detected: float | None = None
    into: Case | None = None
    retired: bool = False

    def now(self) -> Case:
        """Return the incident that this one is part of by now."""
        case = self
        while case.into is not None:
            case = case.into
        return case

    def touch(self, service: str | None) -> None:
        """Remember a service that it is about."""
        if service and len(self.services) < MOST_SERVICES:
            self.services[service] = None

    def add(self, run: Run) -> None:
        """Remember a recovery."""
        self.recoveries[run.id] = run
        if len(self.recoveries) > MOST_RECOVERIES:
            del self.recoveries[next(iter(self.recoveries))]

    def absorb(self, others: Sequence[Case]) -> None:
        """Take up younger ones, of which none has a check of another."""
        every = [self, *others]
        spells = [item for case in every for item in case.checks.items()]
        self.checks = dict(sorted(spells, key=lambda item: item[1].began))
        self.started = min(case.started for case in every)
        self.failing = sum(case.failing for case in every)
        ends = [case.ended for case in every if case.ended is not None]
        self.ended = max(ends) if ends and not self.failing else None
        runs = sorted((run for case in every for run in case.recoveries.values()), key=lambda run: run.at)
        self.recoveries = {run.id: run for run in runs[-MOST_RECOVERIES:]}
        self.detected = next((case.detected for case in every if case.detected is not None), None)
        for case in others:
            case.into = self
            for service in case.services:
                self.touch(service)

    def incident(self) -> Incident:
        """Write it down as it stands."""
        last = next(reversed(self.recoveries.values()), None)
        return Incident(
            id=write_id(self.number),
            title=title(self),
            started_at=self.started,
            ended_at=self.ended,
            status=Status.UNHEALTHY if Status.UNHEALTHY in self._worst() else Status.DEGRADED,
            checks=tuple(self.checks),
            failing=tuple(name for name, spell in self.checks.items() if spell.status.bad),
            root=self.root,
            services=tuple(self.services),
            recoveries=tuple(self.recoveries),
            outcome=last.outcome if last else None,
            detected=self.detected,
        )

    def _worst(self) -> Iterator[Status]:
        return (spell.worst for spell in self.checks.values())


def title(case: Case) -> str:
    """Say in one line what is, or was, wrong."""
    total, failing = len(case.checks), case.failing
    if total == 1:
        spell = case.checks[case.root]
        word = f"is {spell.status.value}" if failing else f"was {spell.worst.value}"
        said = " ".join(spell.message[:LONGEST].split())
        return f"{case.root} {word}{f': {said}' if said else ''}"
    if not failing:
        return f"{total} checks failed, {case.root} first"
    count = (
        f"{total} checks are" if failing == total else f"{failing} of {total} checks {'is' if failing == 1 else 'are'}"
    )
    return f"{count} failing, {case.root} first"


def write_id(number: int) -> str:
    """Return the id of an incident: that of the event with which it began, shorter."""
    return f"{number:x}"


def read_id(text: str) -> int | None:
    """Return the number that an id stands for; None where it is no id."""
    if not 0 < len(text) <= 16 or not set(text) <= set("0123456789abcdef"):
        return None
    return int(text, 16)


@dataclass(slots=True)
class Handle:
    """What an incident can be taken hold of by: a check, a service, all that needs one of these, a storm.

    Attributes:
        case: the incident.
        held: how many bad checks and running recoveries hold it.
        until: until when it is hot after that.
    """

    case: Case | None = None
    held: int = 0
    until: datetime | None = None

    def hot(self, now: datetime) -> Case | None:
        """Return the incident that whatever turns bad here belongs to, if there is one."""
        if self.case is None:
            return None
        self.case = self.case.now()
        if self.case.retired or not (self.held or (self.until is not None and now <= self.until)):
            return None
        return self.case
