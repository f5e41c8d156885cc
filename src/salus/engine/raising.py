"""Raises and ends alerts for what happens, for what is seen, and for what a survey of everything finds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from salus.alerts import happenings, words
from salus.alerts.book import Book, Change
from salus.alerts.desk import Desk
from salus.alerts.labels import bounded
from salus.engine.engine import Engine
from salus.engine.sending import Keeping
from salus.engine.sights import Sights
from salus.engine.stories import Stories, held_back
from salus.engine.truths import Truth, truths_of
from salus.engine.units import CheckUnit
from salus.model import (
    Alert,
    AlertRule,
    AlertSettings,
    AlertState,
    Deed,
    Event,
    EventKind,
    Happening,
    Observation,
    RecoveryRecord,
    Status,
)

_LAPSE_LEAST = 1.0

_TOLD = {
    AlertState.FIRING: EventKind.ALERT_FIRING,
    AlertState.ACKNOWLEDGED: EventKind.ALERT_ACKNOWLEDGED,
    AlertState.RESOLVED: EventKind.ALERT_RESOLVED,
}


@dataclass(frozen=True, slots=True)
class Finished:
    """A recovery that ended, as it was at that instant."""

    event: Event
    record: RecoveryRecord | None


@dataclass(frozen=True, slots=True)
class _Story:
    """What a recovery did, what it began with, and since when that had failed."""

    deeds: Sequence[Deed] = ()
    trigger: str = ""
    since: datetime | None = None

    @classmethod
    def of(cls, finished: Finished) -> _Story:
        event, record = finished.event, finished.record
        if record is not None:
            return cls(words.deeds_of(record), record.trigger, record.failing_since)
        deed = Deed(at=event.at, recovery=event.recovery or "", result=event.reason or "", message=event.message)
        return cls((deed,))


class Raising:
    """The alerts of an engine, as its rules see it."""

    def __init__(self, engine: Engine, book: Book, desk: Desk, keeping: Keeping, wake: Callable[[], None]) -> None:
        """Raise alerts of ``engine`` in ``book``; what becomes of them is kept and told.

        ``wake`` is called when time alone has changed something, which nobody would look at otherwise.
        """
        self._engine = engine
        self._book = book
        self._desk = desk
        self._keeping = keeping
        self._wake = wake
        self.sights = Sights(engine, AlertSettings())
        self._stories = Stories()
        self._lapsing: dict[tuple[Happening, str], asyncio.TimerHandle] = {}

    # ── what becomes of an alert ──────────────────────────────────────────────────────────────────────────────────────

    def take(self, change: Change | None) -> None:
        """Write what became of an alert, and tell it."""
        if change is None:
            return
        self._engine.version += 1
        after = change.after
        if change.before is None and after is not None and not after.moment:
            self._tell_what_was_done(after)
        if after is None or after.fired_at is None:
            return
        before = change.before
        if change.state is None and before is not None and (before.deeds, before.level) == (after.deeds, after.level):
            return
        self.write(self._desk.alerts.get(after.fingerprint, after))
        if change.state in _TOLD:
            self._tell(after)

    def _tell_what_was_done(self, alert: Alert) -> None:
        """Write into an alert that begins what was done before, since its check fails."""
        unit = self._engine.units.get(alert.check or "")
        if unit is not None:
            deeds = self._stories.since(unit.spec.name, unit.state.failing_since)
            for change in self._book.done(unit.spec.name, deeds, self._engine.now()):
                self.take(change)

    def write(self, alert: Alert) -> None:
        """Take an alert into the ledger, once it has ever fired, and never before the notifications it knows of."""
        if alert.fired_at is not None and not self._desk.holds(alert.id):
            self._keeping.alert(alert)

    def _tell(self, alert: Alert) -> None:
        self._engine.bus.tell(
            _TOLD[alert.state],
            check=alert.check,
            service=alert.labels.get("service"),
            reason=alert.rule,
            message=_said(alert),
            data={"alert": alert.id, "level": alert.level.value, "fingerprint": alert.fingerprint},
        )

    # ── what happens, what is seen ────────────────────────────────────────────────────────────────────────────────────

    def hear(self, noted: Event | Finished) -> None:
        """Take an event."""
        event = noted.event if isinstance(noted, Finished) else noted
        now = self._engine.now()
        story = _Story.of(noted) if isinstance(noted, Finished) else _Story()
        if event.held_back:
            story = _Story((held_back(event),))
        if story.deeds and event.check:
            self._stories.add(event.check, story.deeds)
        for change in self._book.done(event.check or "", story.deeds, now):
            self.take(change)
        if unit := self._engine.units.get(event.check or ""):
            self._hear_of_check(unit, event, now)
        if event.kind in CHANGES_WHO_HEARS:
            self._desk.reconsider(now)
        for happening, rules in self.sights.on.items():
            if happenings.ends(happening, event):
                self._end_happening(happening, event, now)
            elif rules and happenings.begins(happening, event):
                self._begin_happening(happening, rules, event, story, now)

    def _hear_of_check(self, unit: CheckUnit, event: Event, now: datetime) -> None:
        if event.kind is EventKind.STATUS_CHANGED:
            self.judge_status(unit, now)
            if event.old == Status.UNKNOWN and unit.state.status.bad:  # what was so before nobody could tell still is
                self.raise_truths(truths_of(unit))
        if event.kind is EventKind.CHECK_PAUSED:  # whoever heard of it hears that nobody looks now, and who said so
            for alert in self._desk.about(unit.spec.name):
                if not alert.moment:
                    self.take(self._book.end(alert, now, event.message))

    def raise_truths(self, truths: Iterable[Truth]) -> None:
        """Raise what is the case."""
        now = self._engine.now()
        for truth in truths:
            for rule in self.sights.on[truth.happening]:
                if (sight := self.sights.of_truth(rule, truth, now)) is not None:
                    self.take(self._book.see(sight, now))

    def judge_status(self, unit: CheckUnit, now: datetime) -> None:
        """Judge a check by the rules that ask for its verdict; one that is set aside by none."""
        if unit.paused:
            return
        for rule in self.sights.about_status:
            if self.sights.watches(rule, unit):
                self.take(self._book.see(self.sights.of_status(rule, unit, now), now))

    def looked(self, unit: CheckUnit, seen: Observation) -> None:
        """Judge a look by the rules that ask for its numbers."""
        if unit.paused:
            return
        now = self._engine.now()
        for rule in unit.alert_rules:
            self.take(self._book.see(self.sights.of_look(rule, unit, seen, now), now))

    # ── happenings ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin_happening(
        self, happening: Happening, rules: Sequence[AlertRule], event: Event, story: _Story, now: datetime
    ) -> None:
        if happening is Happening.RECOVERED and self._story_is_told(event.check or ""):
            return
        truth = Truth(
            happening=happening,
            subject=happenings.subject_of(happening, event),
            message=event.message,
            check=event.check,
            since=event.at,
        )
        if happening is Happening.RECOVERED:
            said = words.healed(event.check or "", story.deeds)
            truth = replace(truth, message=said, detail=story.trigger, since=story.since or event.at)
        for rule in rules:
            sight = self.sights.of_truth(rule, truth, now)
            change = self._book.see(sight, now) if sight else None
            self.take(change)
            if happening is Happening.RECOVERED and change is not None and change.after is not None:
                self._add_story(change.after, story.deeds, now)
        if happenings.COURSES[happening].lasts:
            self.lapse(happening, bounded(truth.subject))

    def _add_story(self, alert: Alert, deeds: Sequence[Deed], now: datetime) -> None:
        current = self._desk.alerts.get(alert.fingerprint)
        if current is not None:
            told = replace(current, deeds=tuple(deeds))
            self._desk.put(told, now)
            self.write(told)

    def _story_is_told(self, check: str) -> bool:
        """Tell whether an alert about a check tells, at its end, how it was healed."""
        return any(
            not one.moment and any(told.state.open for told in one.told.values()) for one in self._desk.about(check)
        )

    def _end_happening(self, happening: Happening, event: Event, now: datetime) -> None:
        whole_check = happenings.about_check(happening, event)
        subject = bounded(happenings.subject_of(happening, event))
        of_check = event.check if whole_check or happenings.of_one_check(happening) else None
        for alert in self._about(happening, self._desk.about(of_check) if of_check else self._all()):
            if whole_check or alert.labels.get("subject", "") == subject:
                self.take(self._book.end(alert, now, happenings.end_in_words(event)))

    def _all(self) -> list[Alert]:
        return list(self._desk.alerts.values())

    @staticmethod
    def _about(happening: Happening, alerts: Iterable[Alert]) -> list[Alert]:
        return [one for one in alerts if one.labels.get("happening") == happening.value and not one.moment]

    def lapse(self, happening: Happening, subject: str) -> None:
        """End what no event ends, once it has not been seen for long enough; look again when that may be so."""
        now, lasts = self._engine.now(), timedelta(seconds=happenings.COURSES[happening].lasts)
        for alert in self._about(happening, self._all()):
            if alert.labels.get("subject", "") == subject and now - alert.last_seen >= lasts:
                self.take(self._book.end(alert, now, "it was not seen again"))
            elif alert.labels.get("subject", "") == subject and alert.state is not AlertState.RESOLVED:
                self._lapse_later(happening, subject, (alert.last_seen + lasts - now).total_seconds())

    def _lapse_later(self, happening: Happening, subject: str, seconds: float) -> None:
        key = (happening, subject)
        if (known := self._lapsing.pop(key, None)) is not None:
            known.cancel()
        loop = asyncio.get_running_loop()
        self._lapsing[key] = loop.call_later(max(_LAPSE_LEAST, seconds), self._lapsed, happening, subject)

    def _lapsed(self, happening: Happening, subject: str) -> None:
        self._lapsing.pop((happening, subject), None)
        self.lapse(happening, subject)
        self._wake()


def _said(alert: Alert) -> str:
    if alert.state is AlertState.ACKNOWLEDGED:
        by = f" by {alert.acknowledged_by}" if alert.acknowledged_by else ""
        return f"acknowledged{by}{f': {alert.note}' if alert.note else ''} ({alert.summary})"
    return (alert.resolution if alert.state is AlertState.RESOLVED else "") or alert.summary


CHANGES_WHO_HEARS = frozenset(
    {
        EventKind.MAINTENANCE_STARTED,
        EventKind.MAINTENANCE_ENDED,
        EventKind.SILENCE_STARTED,
        EventKind.SILENCE_ENDED,
        EventKind.CONFIG_RELOADED,
    }
)
HEARD = (
    happenings.WORTH_A_LOOK
    | CHANGES_WHO_HEARS
    | {EventKind.RECOVERY_FINISHED, EventKind.RECOVERY_REFUSED, EventKind.CHECK_PAUSED}
)
