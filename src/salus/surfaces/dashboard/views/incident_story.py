"""The story of an incident: events of many kinds, put together into chapters that people can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from salus.incidents.timeline import AROUND
from salus.model import Event, EventKind, Outcome, RecoveryRecord, RuleReport, Status
from salus.model.history import Incident
from salus.surfaces.dashboard.views.healing import Chip, chips, rungs_of

_TOGETHER = timedelta(seconds=5)
_MOST_LINES = 50
_OUTCOMES = {
    None: ("Healing {}", "now"),
    Outcome.RECOVERED: ("Healed {}", "good"),
    Outcome.NOT_RECOVERED: ("Tried to heal {}: it did not help", "bad"),
    Outcome.TIMED_OUT: ("Tried to heal {}: it took too long", "bad"),
    Outcome.FAILED: ("Tried to heal {}: it failed", "bad"),
    Outcome.CANCELLED: ("Healing {} was called off", ""),
    Outcome.INTERRUPTED: ("Healing {} was interrupted: Salus ended in the middle of it", "bad"),
}
_TURNS = {
    Status.UNHEALTHY: ("turned unhealthy", "bad"),
    Status.DEGRADED: ("turned degraded", "warn"),
    Status.UNKNOWN: ("cannot be judged", ""),
    Status.HEALTHY: ("is well again", "good"),
}
_OF_A_SERVICE = {
    EventKind.SERVICE_STARTED: ("started", "play"),
    EventKind.SERVICE_STOPPED: ("stopped", "stop"),
}
_ALERTS = frozenset({EventKind.ALERT_FIRING, EventKind.ALERT_ACKNOWLEDGED, EventKind.ALERT_RESOLVED})
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_OF_A_RECOVERY = frozenset(
    {
        EventKind.RECOVERY_STARTED,
        EventKind.RECOVERY_CONFIRMED,
        EventKind.RECOVERY_FINISHED,
        EventKind.ACTION_STARTED,
        EventKind.ACTION_FINISHED,
        EventKind.VERIFIED,
    }
)
# Of each kind: its words, its tone and its picture. What is about something says so before: "web: exited".
_WORDS: Mapping[EventKind, tuple[str, str, str]] = {
    EventKind.ALERT_FIRING: ("People were told", "", "bell"),
    EventKind.ALERT_ACKNOWLEDGED: ("Somebody has seen it", "", "user"),
    EventKind.ALERT_RESOLVED: ("People were told that it is over", "", "bell"),
    EventKind.CHECK_STUCK: ("The check itself hangs", "warn", "clock"),
    EventKind.RULE_EXHAUSTED: ("Salus gave up", "bad", "stop"),
    EventKind.RULE_RESET: ("Attempts are forgotten", "", "refresh"),
    EventKind.RULE_RECURRING: ("Healed, but back", "warn", "refresh"),
    EventKind.APPROVAL_WANTED: ("Salus asks whether it may act", "warn", "user"),
    EventKind.APPROVAL_ANSWERED: ("A person answered", "", "user"),
    EventKind.APPROVAL_EXPIRED: ("The question is withdrawn", "", "clock"),
    EventKind.SERVICE_EXITED: ("Service ended", "bad", "server"),
    EventKind.SERVICE_FAILED: ("Service cannot be started", "bad", "server"),
    EventKind.FLAPPING_STARTED: ("Flapping", "warn", "refresh"),
    EventKind.FLAPPING_ENDED: ("Steady again", "", "tick"),
    EventKind.CIRCUIT_OPENED: ("An action rests: it failed too often", "warn", "stop"),
    EventKind.RIVAL_DETECTED: ("Somebody else heals it too", "warn", "user"),
    EventKind.PAUSED: ("A person paused all healing", "warn", "pause"),
    EventKind.RESUMED: ("Healing goes on", "", "play"),
    EventKind.CHECK_PAUSED: ("A person paused the check", "warn", "pause"),
    EventKind.CHECK_RESUMED: ("The check is looked at again", "", "play"),
    EventKind.MAINTENANCE_STARTED: ("Maintenance began", "", "pause"),
    EventKind.MAINTENANCE_ENDED: ("Maintenance ended", "", "play"),
    EventKind.STORM_STARTED: ("Storm brake: too much failed at once, nothing is touched", "bad", "stop"),
    EventKind.STORM_ENDED: ("The storm is over", "", "play"),
    EventKind.SHARED_CAUSE_FOUND: ("They share a cause", "warn", "graph"),
    EventKind.HEALING_OFF: ("Automatic recovery is off", "bad", "stop"),
    EventKind.HEALING_ON: ("Automatic recovery is on", "", "play"),
    EventKind.AGENT_STARTED: ("Salus started", "", "home"),
    EventKind.AGENT_STOPPED: ("Salus stopped", "warn", "home"),
    EventKind.CONFIG_RELOADED: ("A new config is in force", "", "list"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One of several things that are told together.

    Attributes:
        name: of a check, or of a service.
        text: what is said about it.
        room: where its page is.
    """

    name: str
    text: str
    room: str = "checks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One entry of the story.

    Attributes:
        id: stays the same while it grows.
        title: a few words.
        text: one line for people.
        at: when it began.
        tone: ``good``, ``bad``, ``warn``, ``now`` or nothing.
        picture: name of its icon.
        took: seconds, where it lasted.
        lines: what is told together, where that is more than one thing.
        more: how many further ones there are.
        steps: of a recovery.
        recovery: id of it.
        times: how often it happened, one after the other.
        like: what it may be told together with.
    """

    id: str
    title: str
    text: str = ""
    at: datetime
    tone: str = ""
    picture: str = "clock"
    took: float | None = None
    lines: tuple[Line, ...] = ()
    more: int = 0
    steps: tuple[Chip, ...] = ()
    recovery: str = ""
    times: int = 1
    like: tuple[str, ...] = ()


def story(
    incident: Incident,
    events: Iterable[Event],
    recoveries: Iterable[RecoveryRecord] = (),
    rules: Sequence[RuleReport] = (),
) -> list[Chapter]:
    """Tell an incident.

    1. Checks that turned the same way within five seconds are one chapter.
    2. Everything that a recovery did is one chapter, with its steps; it stands where the recovery began.
    3. The same refusal again and again is one chapter that says how often; so are services that start together.
    4. That a check is well, before anything was wrong, and that a service restarts while a recovery restarts it, is not
       told, nor is who was told of what before, nor what happened to Salus after the end. Everything else is a
       chapter of its own.

    Args:
        incident: the incident.
        events: what happened in it, in any order.
        recoveries: what was done about it, in full.
        rules: those of now; they know what a recovery that runs has still before it.
    """
    records = {record.id: record for record in recoveries}
    spans = [_span(record) for record in records.values()]
    found: list[Chapter] = _first_look(incident)
    told: set[str] = set()
    for event in sorted(events, key=lambda one: one.id):
        if not _is_news(event, incident, spans):
            continue
        if event.kind in _OF_A_RECOVERY and event.recovery:
            if event.recovery not in told:
                told.add(event.recovery)
                found.append(_recovery(event, records.get(event.recovery), rules))
        elif event.kind is EventKind.STATUS_CHANGED:
            _add(found, _turned(event, incident))
        elif event.kind is EventKind.RECOVERY_REFUSED:
            _add(found, _refused(event))
        elif event.kind in _OF_A_SERVICE and event.service:
            _add(found, _served(event, event.service))
        else:
            found.append(_plain(event))
    found += [_recovery(None, record, rules) for name, record in records.items() if name not in told]
    found += _end(incident)
    found.sort(key=lambda one: one.at)
    return found


_Span: TypeAlias = tuple[frozenset[str], datetime, datetime]


def _is_news(event: Event, incident: Incident, spans: Iterable[_Span]) -> bool:
    """Tell whether an event says something about the incident that its other chapters do not."""
    before = event.at < incident.started_at
    if event.kind in AROUND and incident.ended_at and event.at > incident.ended_at:
        return False
    if event.kind is EventKind.STATUS_CHANGED and event.new == Status.HEALTHY:
        return not before and event.old != Status.UNKNOWN
    if event.kind is EventKind.RECOVERY_REFUSED:
        return event.held_back  # that a rule had no reason to act yet is none
    if event.kind in _OF_A_SERVICE:
        return not any(event.service in names and began <= event.at <= ended for names, began, ended in spans)
    return not (before and event.kind in _ALERTS)


def _first_look(incident: Incident) -> list[Chapter]:
    if not incident.detected or incident.detected < 0:
        return []
    began = incident.started_at - timedelta(seconds=incident.detected)
    return [Chapter(id="began", title="First bad look", at=began, picture="search", took=incident.detected)]


def _add(found: list[Chapter], new: Chapter) -> None:
    """Put a chapter behind the others, or into the last one where both say the same."""
    last = found[-1] if found else None
    if last is None or last.like != new.like or not new.like:
        found.append(new)
    elif new.lines:
        if new.at - last.at > _TOGETHER:
            found.append(new)
            return
        lines = last.lines if len(last.lines) >= _MOST_LINES else (*last.lines, *new.lines)
        count = len(last.lines) + last.more + 1
        title = f"{count} {new.like[0]} {new.like[1]}"
        found[-1] = replace(last, title=title, text="", lines=lines, more=count - len(lines))
    else:
        found[-1] = replace(last, times=last.times + 1, text=new.text or last.text)


def _turned(event: Event, incident: Incident) -> Chapter:
    status = Status(event.new) if event.new in set(Status) else Status.UNKNOWN
    words, tone = _TURNS[status]
    name = event.check or "a check"
    root = name == incident.root and len(incident.checks) > 1 and status.bad
    return Chapter(
        id=f"event-{event.id}",
        title=f"{name} {words}{', the root of it' if root else ''}",
        text=event.message,
        at=event.at,
        tone=tone,
        picture=status.value,
        lines=(Line(name=name, text=event.message),),
        like=("checks", words.replace("is well", "are well")),
    )


def _served(event: Event, service: str) -> Chapter:
    words, picture = _OF_A_SERVICE[event.kind]
    return Chapter(
        id=f"event-{event.id}",
        title=f"Service {service} {words}",
        text=event.message if event.message != words else "",
        at=event.at,
        picture=picture,
        lines=(Line(name=service, text=event.message if event.message != words else "", room="services"),),
        like=("services", words),
    )


def _span(record: RecoveryRecord) -> _Span:
    """Return the services that a recovery has to itself, and from when to when."""
    names = frozenset(one.removeprefix("service:") for one in record.targets if one.startswith("service:"))
    return names, record.started_at, record.finished_at or _NEVER


def _refused(event: Event) -> Chapter:
    reason = (event.reason or "").replace("_", " ")
    about = event.check or event.rule
    return Chapter(
        id=f"event-{event.id}",
        title=f"Nothing was done{f' about {about}' if about else ''}: {reason}",
        text=event.message,
        at=event.at,
        tone="warn",
        picture="pause",
        like=("refused", event.rule or "", reason),
    )


def _recovery(event: Event | None, record: RecoveryRecord | None, rules: Sequence[RuleReport]) -> Chapter:
    if record is None:
        assert event is not None  # noqa: S101 - one of both is why there is a chapter
        return Chapter(
            id=f"healing-{event.recovery}",
            title=f"Healing {event.check or event.rule or ''}".rstrip(),
            text=event.message,
            at=event.at,
            picture="wrench",
            recovery=event.recovery or "",
        )
    title, tone = _OUTCOMES[record.outcome]
    words = [f"rule {record.rule}", "a last resort" if record.ladder < 0 else f"attempt {record.attempt}"]
    if record.manual:
        words.append("a person asked for it")
    if record.approved_by:
        words.append(f"allowed by {record.approved_by}")
    if record.message:
        words.append(record.message)
    return Chapter(
        id=f"healing-{record.id}",
        title=title.format(record.check),
        text=", ".join(words),
        at=event.at if event else record.started_at,
        tone=tone,
        picture="refresh" if record.outcome is None else "wrench",
        took=record.duration,
        steps=tuple(chips(record, rungs_of(rules, record))),
        recovery=record.id,
    )


def _plain(event: Event) -> Chapter:
    words, tone, picture = _WORDS.get(event.kind, (event.kind.value.replace("_", " ").capitalize(), "", "clock"))
    about = event.service if event.kind.value.startswith("service_") else event.check or event.rule
    return Chapter(
        id=f"event-{event.id}",
        title=f"{words}: {about}" if about else words,
        text=event.message,
        at=event.at,
        tone=tone,
        picture=picture,
    )


def _end(incident: Incident) -> list[Chapter]:
    if incident.ended_at is None:
        return []
    return [
        Chapter(
            id="ended",
            title="Everything is well again",
            at=incident.ended_at,
            tone="good",
            picture="healthy",
            took=(incident.ended_at - incident.started_at).total_seconds(),
        )
    ]
