"""Events and looks become alerts, alerts become notifications, notifications go to the courier by way of the ledger.

What happens is only taken note of here; the work is done a moment later and in small parts, so that healing never waits
for it. When more happens than can be taken note of, the state of everything is looked at instead: nothing is lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from salus.alerts.book import Book, Change
from salus.alerts.compose import Sender
from salus.alerts.desk import Desk
from salus.alerts.life import Flaps
from salus.engine.alert_surroundings import AlertSurroundings
from salus.engine.engine import Engine
from salus.engine.raising import HEARD, Finished, Raising
from salus.engine.sending import Keeping, Sending
from salus.engine.sights import Sights
from salus.engine.silences import Silences
from salus.engine.survey import Survey
from salus.engine.units import CheckUnit, Judge
from salus.model import (
    Alert,
    AlertSettings,
    AlertState,
    Delivery,
    Event,
    EventKind,
    Notification,
    Observation,
    Occasion,
)
from salus.ports import Snapshot

_log = logging.getLogger("salus.alerter")

AFTER = 0.02
UNSEEN_AGAIN, UNSEEN_SELDOM = 1.0, 60.0
PART, REST = 0.001, 0.004
YIELD, MOST_YIELDS = 0.005, 200
MOST_WAITING = 20_000
_MOST_WAIT = 60.0


class Alerter:
    """Raises, resolves and hands on the alerts of one Salus."""

    def __init__(self, engine: Engine, keeping: Keeping, sending: Sending) -> None:
        """Look at ``engine``; nothing is raised before ``start``."""
        self._engine = engine
        self._keeping = keeping
        self._sending = sending
        self.settings = AlertSettings()
        self.desk = Desk(AlertSurroundings(engine), engine.ids)
        self.book = Book(self.desk, engine.ids)
        self._raising = Raising(engine, self.book, self.desk, keeping, self.tend)
        self._surveys = Survey(engine, self._raising, self.book, self.desk)
        self.silences = Silences(engine.bus.tell, keeping.memo, self.desk.silences)
        self._number = 0
        self._events: deque[Event | Finished] = deque()
        self._survey: Iterator[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed: float = float("inf")
        self._turns = MOST_YIELDS
        self._unseen_wait = UNSEEN_AGAIN
        self._unseen_timer: asyncio.TimerHandle | None = None
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
        sights = self._raising.sights = Sights(self._engine, settings, judges)
        for unit in self._engine.units.values():
            unit.alert_rules = tuple(rule for rule in sights.about_looks if sights.watches(rule, unit))
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
        try:
            self.silences.load(snapshot.memos)
        finally:  # after the silences: nobody hears what they keep quiet
            self.book.load(snapshot.alerts, now)

    def start(self) -> None:
        """Begin: look at everything once, and from then on at what happens."""
        self._running = True
        self._surveys.began = self._engine.now()
        self._engine.looked = self.looked
        self._engine.shifted.append(self.shift)
        self.survey()

    def stop(self) -> None:
        """Raise nothing more."""
        while self._events:
            self._raising.hear(self._events.popleft())
        self._round(self._engine.now())
        while self.desk.unfinished:
            self._round(self._engine.now())
        self._running = False
        self._engine.looked = None
        for timer in (self._timer, self._unseen_timer):
            if timer:
                timer.cancel()

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._surveys.began += by
        self.silences.shift(by)
        for alert in self.book.shift(by, self._engine.site.clock.now()):
            self._raising.write(alert)
        self._arm(0.0)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────────

    def __call__(self, event: Event) -> None:
        """Take note of an event (the bus calls this)."""
        if not self._running or event.kind not in HEARD:
            return
        if event.kind is EventKind.RECOVERY_FINISHED:
            self._events.append(Finished(event, self._engine.healer.record(event.recovery or "")))
        else:
            self._events.append(event)
        if len(self._events) > MOST_WAITING:
            self._events.clear()
            self.survey()
        self._arm(AFTER)

    def looked(self, unit: CheckUnit, seen: Observation) -> None:
        """Judge a look by the rules that ask for its numbers (the engine calls this)."""
        self._raising.looked(unit, seen)
        self._arm_for_next()

    def survey(self) -> None:
        """Look at the state of everything, a part at a time."""
        self._survey = self._surveys.everything(self._keeping, self._sending)
        self._unseen_wait = UNSEEN_AGAIN
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
        self._raising.take(change)
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
        if self._yields():
            self._arm(YIELD)
            return
        try:
            self._part(self._engine.site.clock.monotonic() + PART)
        except Exception:  # noqa: BLE001 - one bad alert must not silence the others
            _log.exception("the alerter failed in Salus itself; it goes on")
        if self._events or self._survey is not None:
            self._arm(REST)
        self._arm_for_next()

    def _yields(self) -> bool:
        """Let healing that begins go first: so many times, and then not as often."""
        if self._turns < 0:
            self._turns += 1
            self._turns = self._turns or MOST_YIELDS
            return False
        if not self._healing_begins():
            self._turns = MOST_YIELDS
            return False
        self._turns -= 1
        self._turns = self._turns or -MOST_YIELDS
        return True

    def _healing_begins(self) -> bool:
        """Tell whether a recovery is on its way to its first action, which must not wait for us."""
        return any(recovery.record.initiation is None for recovery in self._engine.healer.running.values())

    def _part(self, until: float) -> None:
        clock = self._engine.site.clock.monotonic
        while self._events and clock() < until:
            self._raising.hear(self._events.popleft())
        while self._survey is not None and clock() < until:
            if next(self._survey, _OVER) is _OVER:
                self._survey = None
                if self._surveys.unseen:
                    self._look_for_unseen_later()
        if clock() < until or not self._events:
            self._round(self._engine.now())

    def _look_for_unseen_later(self) -> None:
        """Come back to what was not looked at yet: soon at first, and ever more seldom, since that may take a day."""
        if self._unseen_timer is not None:
            self._unseen_timer.cancel()
        loop = asyncio.get_running_loop()
        self._unseen_timer = loop.call_later(self._unseen_wait, self._look_for_unseen)
        self._unseen_wait = min(UNSEEN_SELDOM, 1.5 * self._unseen_wait)

    def _look_for_unseen(self) -> None:
        if self._running and self._survey is None:
            self._survey = self._surveys.checks()
            self._arm(0.0)

    def _round(self, now: datetime) -> None:
        self.silences.tick(now)
        for change in self.book.tick(now):
            self._raising.take(change)
        made = self.desk.due(now)
        for alert in made.changed:
            self._raising.write(alert)
        for notification in made.notifications:
            self._send(notification)

    def _send(self, note: Notification) -> None:
        if _only_repeats(note) and self._sending.waits(note.channel, note.key):
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


def _only_repeats(note: Notification) -> bool:
    """Tell whether a notification says nothing new. Beside a reminder there may be an end, also among what is cut."""
    if note.occasion is Occasion.REFRESH:
        return True
    fresh = (alert for alert in note.alerts if alert.fingerprint in note.fresh)
    return note.occasion is Occasion.REMINDER and not note.more and all(one.state is AlertState.FIRING for one in fresh)


_OVER = object()
