"""What happens to Salus and its healing: which events begin an alert, and which end it.

A happening is about a subject: the check or rule of its event, or the scope that its reason names. What begins and ends
with the same subject is one trouble.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from salus.model import Event, EventKind, Happening, Outcome, Status


@dataclass(frozen=True, slots=True)
class Course:
    """How a happening runs.

    Attributes:
        begins: kinds of events that begin it.
        ends: kinds of events that end it.
        subject: the field of an event that says what it is about; empty for Salus as a whole.
        ends_well: it also ends when its check is healthy again.
        lasts: seconds after which it ends by itself, for what no event ends; 0 never.
    """

    begins: frozenset[EventKind]
    ends: frozenset[EventKind] = frozenset()
    subject: str = ""
    ends_well: bool = False
    lasts: float = 0.0


def _course(begins: EventKind, *ends: EventKind, subject: str = "", well: bool = False, lasts: float = 0.0) -> Course:
    return Course(frozenset({begins}), frozenset(ends), subject, well, lasts)


_K = EventKind
COURSES: Mapping[Happening, Course] = {
    Happening.EXHAUSTED: _course(_K.RULE_EXHAUSTED, _K.RULE_RESET, subject="rule", well=True),
    Happening.RECURRING: _course(_K.RULE_RECURRING, _K.RULE_STEADY, _K.RULE_RESET, subject="rule"),
    Happening.RECOVERED: _course(_K.RECOVERY_FINISHED, subject="rule"),
    Happening.NOT_RECOVERED: _course(_K.RECOVERY_FINISHED, _K.RULE_RESET, subject="rule", well=True),
    Happening.STORM_BRAKE: _course(_K.STORM_STARTED, _K.STORM_ENDED, subject="reason"),
    Happening.APPROVAL_WANTED: _course(
        _K.APPROVAL_WANTED, _K.APPROVAL_ANSWERED, _K.APPROVAL_EXPIRED, _K.RULE_RESET, subject="rule"
    ),
    Happening.CIRCUIT_OPEN: _course(_K.CIRCUIT_OPENED, _K.CIRCUIT_CLOSED, subject="reason"),
    Happening.RIVAL_HEALER: _course(_K.RIVAL_DETECTED, subject="check", lasts=3600.0),
    Happening.SHARED_CAUSE: _course(_K.SHARED_CAUSE_FOUND, _K.SHARED_CAUSE_GONE, subject="message"),
    Happening.OVERLOADED: _course(_K.OVERLOAD_STARTED, _K.OVERLOAD_ENDED),
    Happening.HEALING_OFF: _course(_K.HEALING_OFF, _K.HEALING_ON),
    Happening.PAUSED: _course(_K.PAUSED, _K.RESUMED),
    Happening.LEDGER_FAILED: _course(_K.STORE_FAILED, _K.STORE_RECOVERED),
    Happening.CONFIG_REJECTED: _course(_K.CONFIG_REJECTED, _K.CONFIG_RELOADED),
    Happening.CHANNEL_FAILED: _course(_K.CHANNEL_FAILED, _K.CHANNEL_RECOVERED, subject="reason"),
}

_HEALED = Outcome.RECOVERED.value
_NO_VERDICT = frozenset({Outcome.CANCELLED.value})


def begins(happening: Happening, event: Event) -> bool:
    """Tell whether an event begins a happening."""
    if event.kind not in COURSES[happening].begins:
        return False
    if happening is Happening.RECOVERED:
        return event.reason == _HEALED
    if happening is Happening.NOT_RECOVERED:
        return event.reason != _HEALED and event.reason not in _NO_VERDICT
    return True


def ends(happening: Happening, event: Event) -> bool:
    """Tell whether an event ends a happening."""
    course = COURSES[happening]
    if event.kind in course.ends:
        return True
    if happening is Happening.NOT_RECOVERED and event.kind in course.begins:
        return event.reason == _HEALED
    return course.ends_well and event.kind is EventKind.STATUS_CHANGED and event.new == Status.HEALTHY.value


def subject_of(happening: Happening, event: Event) -> str:
    """Return what an event is about, as far as this happening is concerned."""
    field = COURSES[happening].subject
    found = getattr(event, field) if field else ""
    return str(found or "")


def of_one_check(happening: Happening) -> bool:
    """Tell whether a happening is about one check; what several may share is one trouble, whoever met it first."""
    return COURSES[happening].subject in ("rule", "check")


def end_in_words(event: Event) -> str:
    """Say how something ended, by the event that ended it."""
    if event.kind is EventKind.CONFIG_RELOADED:
        return "the config was mended, and is in force"
    return event.message or "it is over"


def about_check(happening: Happening, event: Event) -> bool:
    """Tell whether an event ends a happening of every subject of its check: the check is well."""
    return COURSES[happening].ends_well and event.kind is EventKind.STATUS_CHANGED


WORTH_A_LOOK: frozenset[EventKind] = frozenset(
    {EventKind.STATUS_CHANGED, *(kind for course in COURSES.values() for kind in (*course.begins, *course.ends))}
)
"""Kinds of events that any happening may begin or end with."""
