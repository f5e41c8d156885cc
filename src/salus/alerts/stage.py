"""The shape of a stage that may keep an alert from being told, never its resolution: one question, one reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from salus.model import Alert, Hush, InhibitRule, RouteSpec, Silence, Suppression, TimeInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that a decision to tell may look at.

    Attributes:
        alert: what would be told.
        route: by which it would go.
        now: the instant.
        silences: all that there are.
        maintenance: what is being done to its check or service, and until when; None where nothing is.
        intervals: time intervals by name.
        roots: open and pending alerts about what its check depends on.
        inhibit: rules by which alerts keep others quiet.
        sources: returns the alerts that may keep one quiet by one of these rules.
        cooldown: seconds, of its alert rule.
        told_before: when its fingerprint was last told as firing to this channel, or None.
    """

    alert: Alert
    route: RouteSpec
    now: datetime
    silences: Sequence[Silence] = ()
    maintenance: tuple[str, datetime | None] | None = None
    intervals: Mapping[str, TimeInterval] = field(default_factory=dict)
    roots: Sequence[Alert] = ()
    inhibit: Sequence[InhibitRule] = ()
    sources: Callable[[InhibitRule, Alert], Iterable[Alert]] = lambda *_: ()
    cooldown: float = 0.0
    told_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """What a stage says: why the alert is not told now, and until when that holds at least."""

    detail: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One question that every alert passes before it is told.

    Attributes:
        reason: what it hushes with: every stage has one reason, and every reason one stage.
        question: what it asks, for people who ask why nobody heard.
        ask: returns what keeps the alert quiet, or None.
    """

    reason: Suppression
    question: str
    ask: Callable[[Case], Word | None]

    def hush(self, case: Case) -> Hush | None:
        """Return why the alert is not told, or None when it may go on to the next stage."""
        word = self.ask(case)
        return None if word is None else Hush(reason=self.reason, detail=word.detail, until=word.until)
