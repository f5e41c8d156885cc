"""Events and looks become alerts, alerts become notifications, notifications go to the courier by way of the ledger.

What happens is only taken note of here; the work is done a moment later and in small parts, so that healing never waits
for it. When more happens than can be taken note of, the state of everything is looked at instead: nothing is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from salus.alerts import happenings, words
from salus.alerts.book import Book, Change
from salus.alerts.compose import Sender
from salus.alerts.desk import Desk
from salus.alerts.life import Flaps
from salus.engine.engine import Engine
from salus.engine.sights import Sights
from salus.engine.silences import Silences
from salus.engine.truths import Truth, truths
from salus.engine.units import CheckUnit, Judge
from salus.model import (
    Alert,
    AlertRule,
    AlertSettings,
    AlertState,
    Deed,
    Delivery,
    Event,
    EventKind,
    Happening,
    Memo,
    Notification,
    Observation,
    Occasion,
    RecoveryRecord,
)
from salus.ports import Snapshot

_log = logging.getLogger("salus.alerter")

AFTER = 0.02
PART, REST = 0.001, 0.004
YIELD, MOST_YIELDS = 0.005, 200
UNSEEN_AGAIN = 1.0
MOST_WAITING = 20_000
_MOST_WAIT = 60.0

_TOLD = {
    AlertState.FIRING: EventKind.ALERT_FIRING,
    AlertState.ACKNOWLEDGED: EventKind.ALERT_ACKNOWLEDGED,
    AlertState.RESOLVED: EventKind.ALERT_RESOLVED,
}
_DROPPED_WHERE_IT_WAITS = frozenset({Occasion.REFRESH, Occasion.REMINDER})


class Sending(Protocol):
    """What the alerter needs of the courier."""

    def take(self, delivery: Delivery) -> None:
        """Take a delivery that is on its way into the ledger."""
        ...

    def waits(self, channel: str, key: str) -> bool:
        """Tell whether something of that channel and key is not delivered yet."""
        ...

    def failing(self) -> Mapping[str, str]:
        """Return the channels that nothing gets through, and why."""
        ...


class Keeping(Protocol):
    """What the alerter needs of the recorder."""

    @property
    def failure(self) -> str:
        """Return why the ledger cannot be written, or an empty string."""
        ...

    def memo(self, memo: Memo) -> None:
        """Take what must survive a death of Salus."""
        ...

    def alert(self, alert: Alert) -> None:
        """Take an alert into the next batch of rows."""
        ...

    def delivery(self, delivery: Delivery) -> None:
        """Take a delivery into the next batch of rows."""
        ...


@dataclass(frozen=True, slots=True)
class _Finished:
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
    def of(cls, finished: _Finished) -> _Story:
        event, record = finished.event, finished.record
        if record is not None:
            return cls(words.deeds_of(record), record.trigger, record.failing_since)
        deed = Deed(at=event.at, recovery=event.recovery or "", result=event.reason or "", message=event.message)
        return cls((deed,))


class Alerter:
    """Raises, resolves and hands on the alerts of one Salus."""

    def __init__(self, engine: Engine, keeping: Keeping, sending: Sending) -> None:
        """Look at ``engine``; nothing is raised before ``start``."""
        self._engine = engine
        self._keeping = keeping
        self._sending = sending
        self.settings = AlertSettings()
        self.desk = Desk(_Surroundings(engine), engine.ids)
        self.book = Book(self.desk, engine.ids)
        self.silences = Silences(engine.bus.tell, keeping.memo, self.desk.silences)
        self._number = 0
        self.sights = Sights(engine, self.settings)
        self._events: deque[Event | _Finished] = deque()
        self._survey: Iterator[None] | None = None
        self._unseen: set[str] = set()
        self._began = engine.site.clock.now()
        self._timer: asyncio.TimerHandle | None = None
        self._armed: float = float("inf")
        self._yielded = 0
        self._running = False

    # ── config, start, stop ───────────────────────────────────────────────────────────────────────────────────────────

    def configure(
        self, settings: AlertSettings, judges: Mapping[str, Judge], resend: Mapping[str, float | None], sender: Sender
    ) -> None:
        """Take a config, also while running; checks and rules that left end their alerts.

        Args:
            settings: the section ``alerts:``.
            judges: for every rule with a condition, by its name, what judges it.
            resend: for every channel the seconds after which it must be told again, or None.
            sender: what notifications say of where they come from.
        """
        self.settings = settings
        self.sights = Sights(self._engine, settings, judges)
        for unit in self._engine.units.values():
            unit.alert_rules = tuple(rule for rule in self.sights.about_looks if self.sights.watches(rule, unit))
        self.book.configure(settings.rules, Flaps(threshold=settings.flap_threshold, window=settings.flap_window))
        self.desk.sender = sender
        self.desk.configure(settings, resend, self._engine.now())
        if self._running:
            self.survey()

    def load(self, snapshot: Snapshot) -> None:
        """Take up what an earlier Salus raised and told.

        Raises:
            StoreUnreadableError: a silence cannot be understood; everything else is taken up.
        """
        now = self._engine.now()
        self._number = snapshot.last_delivery
        self.desk.spent(snapshot.recent_deliveries)
        self.book.load(snapshot.alerts, now)
        self.silences.load(snapshot.memos)

    def start(self) -> None:
        """Begin: look at everything once, and from then on at what happens."""
        self._running = True
        self._began = self._engine.now()
        self._engine.looked = self.looked
        self._engine.shifted.append(self.shift)
        self.survey()

    def stop(self) -> None:
        """Raise nothing more."""
        while self._events:
            self._hear(self._events.popleft())
        self._round(self._engine.now())
        self._running = False
        self._engine.looked = None
        if self._timer:
            self._timer.cancel()

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._began += by
        self.silences.shift(by)
        for alert in self.book.shift(by, self._engine.site.clock.now()):
            self._write(alert)
        self._arm(0.0)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def __call__(self, event: Event) -> None:
        """Take note of an event (the bus calls this)."""
        if not self._running or event.kind not in _HEARD:
            return
        if event.kind is EventKind.RECOVERY_FINISHED:
            running = self._engine.healer.running.get(event.recovery or "")
            self._events.append(_Finished(event, running.record if running else None))
        else:
            self._events.append(event)
        if len(self._events) > MOST_WAITING:
            self._events.clear()
            self.survey()
        self._arm(AFTER)

    def looked(self, unit: CheckUnit, seen: Observation) -> None:
        """Judge a look by the rules that ask for its numbers (the engine calls this)."""
        now = self._engine.now()
        for rule in unit.alert_rules:
            self._take(self.book.see(self.sights.of_look(rule, unit, seen, now), now))
        self._arm_for_next()

    def survey(self) -> None:
        """Look at the state of everything, a part at a time."""
        self._survey = self._survey_parts()
        self._arm(AFTER)

    def tend(self) -> None:
        """Do what is due now: people changed something."""
        self._arm(0.0)

    def acknowledge(self, alert: Alert, *, by: str, note: str) -> Alert:
        """Take an alert that fires upon a person."""
        return self._by_hand(self.book.acknowledge(alert, self._engine.now(), by=by, note=note), alert)

    def dismiss(self, alert: Alert, *, by: str, note: str) -> Alert:
        """End an open alert by hand."""
        return self._by_hand(self.book.dismiss(alert, self._engine.now(), by=by, note=note), alert)

    def _by_hand(self, change: Change, alert: Alert) -> Alert:
        self._take(change)
        self._arm(0.0)
        return change.after or alert

    # ── the work, in small parts ──────────────────────────────────────────────────────────────────────────────────────

    def _arm(self, seconds: float) -> None:
        if not self._running:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        if self._timer is not None and self._armed <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = at
        self._timer = loop.call_at(at, self._work)

    def _arm_for_next(self) -> None:
        instants = (self.book.next_due(), self.desk.next_due(), self.silences.next_end())
        due = [at for at in instants if at is not None]
        if due:
            wait = (min(due) - self._engine.site.clock.now()).total_seconds()
            self._arm(min(_MOST_WAIT, max(REST, wait)))

    def _work(self) -> None:
        self._timer, self._armed = None, float("inf")
        if self._yielded < MOST_YIELDS and self._healing_begins():
            self._yielded += 1
            self._arm(YIELD)
            return
        self._yielded = 0
        try:
            self._part(self._engine.site.clock.monotonic() + PART)
        except Exception:  # noqa: BLE001 - one bad alert must not silence the others
            _log.exception("the alerter failed in Salus itself; it goes on")
        if self._events or self._survey is not None:
            self._arm(REST)
        self._arm_for_next()

    def _healing_begins(self) -> bool:
        """Tell whether a recovery is on its way to its first action, which must not wait for us."""
        return any(recovery.record.initiation is None for recovery in self._engine.healer.running.values())

    def _part(self, until: float) -> None:
        clock = self._engine.site.clock.monotonic
        while self._events and clock() < until:
            self._hear(self._events.popleft())
        while self._survey is not None and clock() < until:
            if next(self._survey, _OVER) is _OVER:
                self._survey = None
        if clock() < until or not self._events:
            self._round(self._engine.now())

    def _round(self, now: datetime) -> None:
        self.silences.tick(now)
        for change in self.book.tick(now):
            self._take(change)
        made = self.desk.due(now)
        for alert in made.changed:
            self._write(alert)
        for notification in made.notifications:
            self._send(notification)

    def _send(self, note: Notification) -> None:
        if note.occasion in _DROPPED_WHERE_IT_WAITS and self._sending.waits(note.channel, note.key):
            return
        self._number += 1
        delivery = Delivery(
            id=note.id,
            channel=note.channel,
            key=note.key,
            number=self._number,
            notification=note,
            created_at=note.at,
            due_at=note.at,
        )
        self._keeping.delivery(delivery)
        self._sending.take(delivery)

    def _take(self, change: Change | None) -> None:
        """Write what became of an alert, and tell it."""
        if change is None:
            return
        self._engine.version += 1
        after = change.after
        if after is None or after.fired_at is None:
            return
        if change.state is None and change.before is not None and change.before.deeds == after.deeds:
            return
        self._write(self.desk.alerts.get(after.fingerprint, after))
        if change.state in _TOLD:
            self._tell(after)

    def _write(self, alert: Alert) -> None:
        if alert.fired_at is not None:
            self._keeping.alert(alert)

    def _tell(self, alert: Alert) -> None:
        self._engine.bus.tell(
            _TOLD[alert.state],
            check=alert.check,
            service=alert.labels.get("service"),
            reason=alert.rule,
            message=alert.resolution or alert.summary if alert.state is AlertState.RESOLVED else alert.summary,
            data={"alert": alert.id, "level": alert.level.value, "fingerprint": alert.fingerprint},
        )

    # ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, noted: Event | _Finished) -> None:
        event = noted.event if isinstance(noted, _Finished) else noted
        now = self._engine.now()
        story = _Story.of(noted) if isinstance(noted, _Finished) else _Story()
        for change in self.book.done(event.check or "", story.deeds, now):
            self._take(change)
        if event.kind is EventKind.STATUS_CHANGED and (unit := self._engine.units.get(event.check or "")):
            self._judge_status(unit, now)
        if event.kind in _CHANGES_WHO_HEARS:
            self.desk.reconsider(now)
        for happening, rules in self.sights.on.items():
            if happenings.ends(happening, event):
                self._end_happening(happening, rules, event, now)
            elif rules and happenings.begins(happening, event):
                self._begin_happening(happening, rules, event, story, now)

    def _judge_status(self, unit: CheckUnit, now: datetime) -> None:
        for rule in self.sights.about_status:
            if self.sights.watches(rule, unit):
                self._take(self.book.see(self.sights.of_status(rule, unit, now), now))

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
            change = self.book.see(sight, now) if sight else None
            self._take(change)
            if happening is Happening.RECOVERED and change is not None and change.after is not None:
                self._add_story(change.after, story.deeds, now)
        lasts = happenings.COURSES[happening].lasts
        if lasts:
            asyncio.get_running_loop().call_later(lasts, self._lapse, happening, truth.subject)

    def _add_story(self, alert: Alert, deeds: Sequence[Deed], now: datetime) -> None:
        current = self.desk.alerts.get(alert.fingerprint)
        if current is not None:
            told = replace(current, deeds=tuple(deeds))
            self.desk.put(told, now)
            self._write(told)

    def _story_is_told(self, check: str) -> bool:
        """Tell whether an alert about a check tells, at its end, how it was healed."""
        return any(
            not one.moment and any(told.state.open for told in one.told.values()) for one in self.desk.about(check)
        )

    def _end_happening(self, happening: Happening, rules: Sequence[AlertRule], event: Event, now: datetime) -> None:
        whole_check = happenings.about_check(happening, event)
        subject = happenings.subject_of(happening, event)
        for alert in self._alerts_of(happening):
            same = alert.check == event.check if whole_check else alert.labels.get("subject", "") == subject[:256]
            if same:
                self._take(self.book.end(alert, now, event.message or "it is over"))

    def _alerts_of(self, happening: Happening) -> list[Alert]:
        return [
            alert
            for alert in self.desk.alerts.values()
            if alert.labels.get("happening") == happening.value and not alert.moment
        ]

    def _lapse(self, happening: Happening, subject: str) -> None:
        """End what no event ends, once it has not been seen for long enough."""
        now, lasts = self._engine.now(), timedelta(seconds=happenings.COURSES[happening].lasts)
        for alert in self._alerts_of(happening):
            if alert.labels.get("subject", "") == subject and now - alert.last_seen >= lasts:
                self._take(self.book.end(alert, now, "it was not seen again"))
        self._arm_for_next()

    # ── the survey ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _survey_parts(self) -> Iterator[None]:
        """Look at everything: what is there is raised, what is gone ends, also what nobody was there to see."""
        self._unseen = set(self._engine.units)
        yield from self._survey_checks()
        yield from self._survey_happenings()
        yield from self._survey_strangers()

    def _survey_checks(self) -> Iterator[None]:
        """Judge every check that was looked at since the start; of the others, what is remembered proves nothing."""
        for name in sorted(self._unseen):
            unit = self._engine.units.get(name)
            last = unit.state.last if unit else None
            if unit is None or (last is not None and last.at >= self._began):
                self._unseen.discard(name)
                if unit is not None:
                    self._judge_status(unit, self._engine.now())
                yield
        if self._unseen:
            asyncio.get_running_loop().call_later(UNSEEN_AGAIN, self._look_for_unseen)

    def _look_for_unseen(self) -> None:
        if self._running and self._survey is None:
            self._survey = self._survey_checks()
            self._arm(0.0)

    def _survey_happenings(self) -> Iterator[None]:
        now = self._engine.now()
        found = list(truths(self._engine, self._keeping.failure, self._sending.failing()))
        true = {(truth.happening.value, truth.subject[:256]) for truth in found}
        for truth in found:
            for rule in self.sights.on[truth.happening]:
                if (sight := self.sights.of_truth(rule, truth, now)) is not None:
                    self._take(self.book.see(sight, now))
            yield
        for alert in list(self.desk.alerts.values()):
            name = alert.labels.get("happening")
            if name is None or alert.moment or (name, alert.labels.get("subject", "")) in true:
                continue
            lasts = happenings.COURSES[Happening(name)].lasts if name in _HAPPENINGS else 0.0
            left = lasts - (now - alert.last_seen).total_seconds()
            if left > 0:
                asyncio.get_running_loop().call_later(
                    left, self._lapse, Happening(name), alert.labels.get("subject", "")
                )
            else:
                self._take(self.book.end(alert, now, "it is over, as far as Salus can see"))
            yield

    def _survey_strangers(self) -> Iterator[None]:
        """End the alerts of rules and checks that are no longer in the config."""
        for alert in list(self.desk.alerts.values()):
            if alert.state is not AlertState.RESOLVED or alert.dismissed:
                rule, unit = self.sights.by_name.get(alert.rule), self._engine.units.get(alert.check or "")
                if rule is None:
                    self._take(self.book.end(alert, self._engine.now(), "its alert rule is no longer in the config"))
                elif alert.check is not None and unit is None:
                    self._take(self.book.end(alert, self._engine.now(), "its check is no longer in the config"))
                elif unit is not None and not rule.on and not self.sights.watches(rule, unit):
                    self._take(self.book.end(alert, self._engine.now(), "its alert rule no longer watches this check"))
            yield


_OVER = object()
_HAPPENINGS = frozenset(one.value for one in Happening)
_CHANGES_WHO_HEARS = frozenset(
    {
        EventKind.MAINTENANCE_STARTED,
        EventKind.MAINTENANCE_ENDED,
        EventKind.SILENCE_STARTED,
        EventKind.SILENCE_ENDED,
        EventKind.CONFIG_RELOADED,
    }
)
_HEARD = happenings.WORTH_A_LOOK | _CHANGES_WHO_HEARS | {EventKind.RECOVERY_FINISHED}


class _Surroundings:
    """The engine, as the desk sees it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def roots(self, check: str) -> Sequence[str]:
        unit = self._engine.units.get(check)
        return [root.spec.name for root in self._engine.graph.roots(unit)] if unit else ()

    def leaves(self, check: str) -> Sequence[str]:
        unit = self._engine.units.get(check)
        return [leaf.spec.name for leaf in self._engine.graph.leaves(unit)] if unit else ()

    def maintenance(self, check: str, now: datetime) -> tuple[str, datetime | None] | None:
        unit = self._engine.units.get(check)
        hold = self._engine.policy.holds.maintenance_hold(unit, now) if unit else None
        return (hold.detail, hold.until) if hold else None

    def healing(self, check: str) -> bool:
        unit = self._engine.units.get(check)
        return unit is not None and unit.healing
