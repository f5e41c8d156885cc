"""What happened in an incident: which events are asked for, and how they are woven into one story."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from salus.incidents.fold import GAP
from salus.model import Event, EventKind
from salus.model.history import Incident
from salus.ports import EventQuery

BEFORE = timedelta(minutes=1)
AFTER = timedelta(minutes=4)
"""How long before and after it something still belongs to it: together less than the least pause between two."""

assert BEFORE + AFTER <= GAP  # noqa: S101 - two incidents of a check never tell the same event
MOST_ASKED = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SUBJECTS = (
    EventKind.STATUS_CHANGED,
    EventKind.CHECK_STUCK,
    EventKind.RECOVERY_STARTED,
    EventKind.RECOVERY_REFUSED,
    EventKind.RECOVERY_CONFIRMED,
    EventKind.RECOVERY_FINISHED,
    EventKind.ACTION_STARTED,
    EventKind.ACTION_FINISHED,
    EventKind.VERIFIED,
    EventKind.RULE_EXHAUSTED,
    EventKind.RULE_RESET,
    EventKind.RULE_RECURRING,
    EventKind.APPROVAL_WANTED,
    EventKind.APPROVAL_ANSWERED,
    EventKind.APPROVAL_EXPIRED,
    EventKind.SERVICE_STARTED,
    EventKind.SERVICE_EXITED,
    EventKind.SERVICE_STOPPED,
    EventKind.SERVICE_FAILED,
    EventKind.FLAPPING_STARTED,
    EventKind.FLAPPING_ENDED,
    EventKind.CIRCUIT_OPENED,
    EventKind.RIVAL_DETECTED,
    EventKind.ALERT_FIRING,
    EventKind.ALERT_ACKNOWLEDGED,
    EventKind.ALERT_RESOLVED,
    EventKind.CHECK_PAUSED,
    EventKind.CHECK_RESUMED,
    EventKind.RULE_MODE_CHANGED,
)
"""What is told of its checks and services."""

AROUND = (
    EventKind.AGENT_STARTED,
    EventKind.AGENT_STOPPED,
    EventKind.CONFIG_RELOADED,
    EventKind.PAUSED,
    EventKind.RESUMED,
    EventKind.MAINTENANCE_STARTED,
    EventKind.MAINTENANCE_ENDED,
    EventKind.STORM_STARTED,
    EventKind.STORM_ENDED,
    EventKind.SHARED_CAUSE_FOUND,
    EventKind.HEALING_OFF,
    EventKind.HEALING_ON,
)
"""What is told of Salus as a whole, for it explains what was done or not."""


def micros(at: datetime) -> int:
    """Return the id that an event of that moment has at least."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def queries(incident: Incident, limit: int) -> list[EventQuery]:
    """Return what to ask a ledger for; of an incident of very many checks the story of the first is told."""
    after = micros(incident.started_at - BEFORE) - 1
    before = micros(incident.ended_at + AFTER) + 1 if incident.ended_at else None
    about = [EventQuery(check=name) for name in incident.checks[:MOST_ASKED]]
    about += [EventQuery(service=name) for name in incident.services[:MOST_ASKED]]
    found = [
        EventQuery(
            check=one.check,
            service=one.service,
            kinds=SUBJECTS,
            after=after,
            before=before,
            oldest_first=True,
            limit=limit,
        )
        for one in about
    ]
    return [*found, EventQuery(kinds=AROUND, after=after, before=before, limit=limit)]


def woven(answers: Iterable[Iterable[Event]], limit: int) -> list[Event]:
    """Return the events of all answers, each once, the oldest first, at most so many."""
    found = {event.id: event for events in answers for event in events}
    return [found[number] for number in sorted(found)[:limit]]
