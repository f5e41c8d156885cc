"""What holds healing for a while: modes, pauses, maintenance, brakes, circuits, rivals, approvals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from salus.model.checks import NOTHING, Json


class Mode(StrEnum):
    """How far a rule may go. The most careful of the rule's and of the whole holds."""

    OBSERVE = "observe"  # says what it would do, and does nothing
    APPROVE = "approve"  # waits for a person
    AUTO = "auto"  # acts

    def most_careful(self, other: Mode) -> Mode:
        """Return the one that does less."""
        return min(self, other, key=list(Mode).index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which checks are meant. Nothing at all means nothing; everything must be spelled out.

    Attributes:
        checks: these checks.
        tags: checks that have one of these tags.
        services: checks of these services.
        everything: all checks.
    """

    checks: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    everything: bool = False

    def __bool__(self) -> bool:
        """Tell whether anything can be meant."""
        return bool(self.everything or self.checks or self.tags or self.services)

    def __str__(self) -> str:
        """Say it in a few words."""
        if self.everything:
            return "everything"
        named = (("check", self.checks), ("tag", self.tags), ("service", self.services))
        return "; ".join(f"{word} {', '.join(names)}" for word, names in named if names) or "nothing"

    def takes(self, check: str, tags: tuple[str, ...], services: tuple[str, ...]) -> bool:
        """Tell whether a check with these tags, on these services, is meant."""
        return (
            self.everything
            or check in self.checks
            or any(tag in self.tags for tag in tags)
            or any(service in self.services for service in services)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """Things of which only some may be out of service at a time because of Salus.

    Attributes:
        name: unique among groups.
        members: which checks belong to it; its size is the number of their targets.
        max_unavailable: this many; None does not bind.
        max_unavailable_share: this share of them (0 to 1), rounded down, at least one; None does not bind.
    """

    name: str
    members: Selector
    max_unavailable: int | None = None
    max_unavailable_share: float | None = None

    def allowed(self, size: int) -> int:
        """Return how many of ``size`` members may be out of service: the smaller of both bounds."""
        bounds = [size]
        if self.max_unavailable is not None:
            bounds.append(self.max_unavailable)
        if self.max_unavailable_share is not None:
            bounds.append(max(1, int(size * self.max_unavailable_share + 1e-9)))
        return min(bounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A person has stopped all automatic recovery, or has set one check aside.

    Attributes:
        since: when it began.
        until: when it ends by itself; None: not before somebody resumes it.
        reason: one line for people.
        by: who said so.
        check: the one check that nobody looks at; empty where all recovery is meant.
    """

    since: datetime
    until: datetime | None = None
    reason: str = ""
    by: str = ""
    check: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeOverride:
    """A person has set how far one rule may go, in the place of what the config says."""

    mode: Mode
    since: datetime
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceSpec:
    """A window that comes again and again.

    Attributes:
        name: unique among windows.
        cron: when it begins: five fields, ``minute hour day month weekday``.
        duration: seconds it lasts.
        time_zone: IANA name in which ``cron`` is read.
        members: what is being worked on.
        description: one line for people.
    """

    name: str
    cron: str
    duration: float
    time_zone: str = "UTC"
    members: Selector = field(default_factory=Selector)
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A window of time in which somebody works on something, so that nothing there is healed.

    Attributes:
        id: unique; the name of a window in the config, or what an ad hoc one was called.
        since: when it began (or begins).
        until: when it ends.
        members: what is being worked on.
        reason: one line for people.
        by: who said so; empty for a window of the config.
    """

    id: str
    since: datetime
    until: datetime
    members: Selector
    reason: str = ""
    by: str = ""


class Answer(StrEnum):
    """Where a request for approval stands."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a rule in the mode ``approve`` asks of a person.

    Attributes:
        id: unique; a person answers to it.
        answer: where it stands.
        asked_at: when.
        expires_at: when the question, or the permission, lapses.
        answered_at: when a person answered.
        by: who.
        note: what they said.
    """

    id: str
    asked_at: datetime
    expires_at: datetime
    answer: Answer = Answer.WAITING
    answered_at: datetime | None = None
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """A storm brake that is on.

    Attributes:
        scope: ``all``, or ``tag:<tag>``.
        since: when it went on.
        probe_at: from when one recovery may go through, to see whether healing helps.
        probes: how many did without helping.
        probing: id of the recovery that is let through now, or None.
        names: what turned bad together, the first few.
    """

    scope: str
    since: datetime
    probe_at: datetime
    probes: int = 0
    probing: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A circuit breaker around one action.

    Attributes:
        action: the action's kind and options, as one word.
        failures: in a row.
        opened_at: since when it is open; None while it is closed.
        retry_at: from when one run is let through (half-open).
        trials: half-open runs that failed.
    """

    action: str
    failures: int = 0
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    trials: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """One small thing that must survive a death of Salus: a pause, a window, a brake.

    Attributes:
        key: unique, such as ``pause`` or ``maintenance:deploy-42``.
        value: what is remembered; None forgets it.
    """

    key: str
    value: Mapping[str, Json] | None = field(default_factory=lambda: NOTHING)
