"""From what Salus knows to what the public is told: labels take the place of checks, and words that of events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from salus.model import Event, EventKind, Outcome, Status
from salus.model.history import Incident
from salus.model.statuspage import Announcement
from salus.surfaces.statuspage import words
from salus.surfaces.statuspage.public import Condition, Trouble, Update

TOGETHER = 60.0
MOST_UPDATES = 40

_CONDITIONS = {Status.UNHEALTHY: Condition.MAJOR, Status.DEGRADED: Condition.DEGRADED}


@dataclass(frozen=True, slots=True)
class Speaker:
    """A check that speaks for components.

    Attributes:
        labels: of those.
        critical: when it is unhealthy, all of each is.
    """

    labels: tuple[str, ...]
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the public may know.

    Attributes:
        labels: of all components, in order; for each the checks that speak for it.
        speakers: by check.
    """

    labels: Mapping[str, tuple[str, ...]]
    speakers: Mapping[str, Speaker]

    def about(self, checks: Iterable[str]) -> tuple[str, ...]:
        """Return the labels that checks speak for, in the order of the page."""
        meant = {label for check in checks if check in self.speakers for label in self.speakers[check].labels}
        return tuple(label for label in self.labels if label in meant)

    def judge(self, label: str, statuses: Mapping[str, Status]) -> Condition:
        """Return how a component is when its checks are so."""
        checks = self.labels[label]
        down = [name for name in checks if statuses.get(name, Status.UNKNOWN) is Status.UNHEALTHY]
        if down:
            all_of_it = len(down) == len(checks) or any(self.speakers[name].critical for name in down)
            return Condition.MAJOR if all_of_it else Condition.PARTIAL
        found = {statuses.get(name, Status.UNKNOWN) for name in checks}
        if Status.DEGRADED in found:
            return Condition.DEGRADED
        return Condition.OPERATIONAL if found == {Status.HEALTHY} else Condition.NO_DATA


def public_id(kind: str, name: str) -> str:
    """Return an id that tells nothing of what it stands for."""
    return sha256(f"{kind}:{name}".encode("utf-8", "surrogatepass")).hexdigest()[:12]


def trouble(incident: Incident, events: Sequence[Event], chosen: Chosen) -> Trouble | None:
    """Tell an incident to the public; None where it is about nothing that they know.

    1. Its events are read as changes of components: what a hidden check did, and how long, is not told.
    2. Where there are none (they are gone, or were not read), only its beginning and its end are told.
    """
    labels = chosen.about(incident.checks)
    if not labels:
        return None
    story = _Story(chosen, labels, events)
    if story.started_at is None:
        worst = _CONDITIONS.get(incident.status, Condition.DEGRADED)
        started, ended = incident.started_at, incident.ended_at
        updates = [Update(at=started, text=words.became(labels, worst))]
    else:
        labels, worst, started, updates = story.labels, story.worst, story.started_at, story.updates
        ended = story.ended_at or incident.ended_at
    if ended is not None:
        # The last word says what works again; what was told a moment later (a repair was verified) goes before it.
        updates = [replace(one, at=min(one.at, ended)) for one in updates if not (one.well and one.at >= ended)]
        works = words.became(labels, Condition.OPERATIONAL).removesuffix(".")
        updates = [*updates, _over(works, started, ended)]
    return Trouble(
        id=public_id("incident", incident.id),
        title=words.title(labels, worst),
        impact=_impact(worst, len(labels) == len(chosen.labels)),
        components=labels,
        started_at=started,
        ended_at=ended,
        updates=tuple(_shortened(updates)),
    )


def announced(one: Announcement, chosen: Chosen) -> Trouble | None:
    """Tell what a person announced; who they are stays inside.

    None where it is about nothing that the public knows any more.
    """
    components = tuple(label for label in one.components if label in chosen.labels)
    if one.components and not components:
        return None
    impact, title = one.impact.value, words.clean(one.title)
    stage = "in_progress" if impact == "maintenance" else "identified"
    notes = [Update(at=note.at, text=words.clean(note.text), stage=stage) for note in one.notes]
    updates = notes if notes and notes[0].at == one.since else [Update(at=one.since, text=title, stage=stage), *notes]
    if one.resolved_at is not None:
        updates = [*updates, _over("This is over", one.since, one.resolved_at)]
    return Trouble(
        id=public_id("announcement", one.id),
        title=title,
        impact=impact,
        components=components,
        started_at=one.since,
        ended_at=one.resolved_at,
        updates=tuple(updates),
        announced=True,
    )


class _Story:
    """The events of an incident, read as changes of components."""

    def __init__(self, chosen: Chosen, labels: tuple[str, ...], events: Sequence[Event]) -> None:
        self._chosen = chosen
        self._about = labels
        self._statuses: dict[str, Status] = {name: Status.HEALTHY for label in labels for name in chosen.labels[label]}
        self._now = dict.fromkeys(labels, Condition.OPERATIONAL)
        self._were_bad: set[str] = set()
        self.worst = Condition.OPERATIONAL
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.updates = list(self._read(events))
        self.labels = tuple(label for label in labels if label in self._were_bad) or labels

    def _read(self, events: Sequence[Event]) -> Iterator[Update]:
        """Read them in order; changes of the same kind that follow each other closely are told as one."""
        waiting: list[str] = []
        became, since = Condition.OPERATIONAL, None
        for event in events:
            if event.check not in self._chosen.speakers:
                continue
            for label, condition in self._changes(event):
                close = since is not None and (event.at - since).total_seconds() <= TOGETHER
                if waiting and (condition is not became or not close or label in waiting):
                    yield self._told(waiting, became, since)
                    waiting = []
                if not waiting:
                    became, since = condition, event.at
                waiting.append(label)
            repair = _repair(event) if self.started_at is not None else None
            if repair is not None:
                if waiting:
                    yield self._told(waiting, became, since)
                    waiting = []
                yield repair
        if waiting:
            yield self._told(waiting, became, since)

    def _told(self, labels: list[str], condition: Condition, at: datetime | None) -> Update:
        ordered = [label for label in self._about if label in labels]
        well = condition is Condition.OPERATIONAL
        stage = "monitoring" if well else "investigating"
        assert at is not None  # noqa: S101 - it is set with the first label that waits
        return Update(at=at, text=words.became(ordered, condition), stage=stage, well=well)

    def _changes(self, event: Event) -> list[tuple[str, Condition]]:
        """Return which components became how; what cannot be told is no change."""
        if event.kind is not EventKind.STATUS_CHANGED or event.new not in (*_CONDITIONS, Status.HEALTHY):
            return []
        name = str(event.check)
        self._statuses[name] = Status(event.new)
        changes = []
        for label in self._chosen.speakers[name].labels:
            condition = self._chosen.judge(label, self._statuses) if label in self._now else Condition.OPERATIONAL
            if label not in self._now or condition is self._now[label]:
                continue
            self._now[label] = condition
            changes.append((label, condition))
            if condition is not Condition.OPERATIONAL:
                self._were_bad.add(label)
                self.started_at = self.started_at or event.at
                self.worst = max(self.worst, condition, key=lambda one: one.rank)
        if self.started_at is not None:
            well = all(one is Condition.OPERATIONAL for one in self._now.values())
            self.ended_at = (self.ended_at or event.at) if well else None
        return changes


def _repair(event: Event) -> Update | None:
    """Say what Salus did; how, and to what, stays inside."""
    if event.kind is EventKind.RECOVERY_STARTED:
        return Update(at=event.at, text="An automatic repair has begun.", stage="identified")
    if event.kind is EventKind.RECOVERY_FINISHED:
        if event.reason == Outcome.RECOVERED:
            return Update(at=event.at, text="The automatic repair worked.", stage="monitoring")
        return Update(at=event.at, text="The automatic repair has not helped yet.", stage="identified")
    return None


def _over(how: str, started: datetime, ended: datetime) -> Update:
    lasted = words.lasting((ended - started).total_seconds())
    return Update(at=ended, text=f"{how}, after {lasted}.", stage="resolved")


def _impact(worst: Condition, everything: bool) -> str:
    if worst is Condition.MAJOR:
        return "critical" if everything else "major"
    return "major" if worst is Condition.PARTIAL else "minor"


def _shortened(updates: Sequence[Update]) -> Sequence[Update]:
    """Leave out the middle of a long story."""
    if len(updates) <= MOST_UPDATES:
        return updates
    half = MOST_UPDATES // 2
    left = len(updates) - 2 * half
    between = Update(at=updates[half].at, text=f"It went on and off {left} more times.", stage=updates[half].stage)
    return [*updates[:half], between, *updates[-half:]]
