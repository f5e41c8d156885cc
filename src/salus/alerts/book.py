"""The book of alerts: what rules see becomes alerts, time makes them fire and end, people acknowledge and resolve them.

It joins the life of alerts with the desk where they wait to be told. No clock and no I/O.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from salus.alerts import life
from salus.alerts.desk import Desk
from salus.alerts.labels import fingerprint
from salus.alerts.life import Flaps
from salus.alerts.match import Sight
from salus.model import Alert, AlertRule, AlertState, Deed

_MOST_REMEMBERED = 20_000
_AT_ONCE = 100
_SLACK = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an alert: ``None`` before it was there, ``None`` after when nobody need ever hear of it."""

    before: Alert | None
    after: Alert | None

    @property
    def state(self) -> AlertState | None:
        """Return the state it has come to, where that is another one than before; None otherwise."""
        if self.after is None or (self.before is not None and self.before.state is self.after.state):
            return None
        return self.after.state


class Book:
    """All alerts of one Salus, from their first sight to their end."""

    def __init__(self, desk: Desk, ids: Callable[[], str]) -> None:
        """Keep what has to be told on ``desk``; ``ids`` makes ids of alerts."""
        self.desk = desk
        self.flaps = Flaps()
        self._ids = ids
        self._rules: dict[str, AlertRule] = {}
        self._firings: dict[str, deque[datetime]] = {}
        self._many = _MOST_REMEMBERED
        self._due: list[tuple[datetime, str]] = []

    def configure(self, rules: Iterable[AlertRule], flaps: Flaps) -> None:
        """Take the rules of a config."""
        self._rules = {rule.name: rule for rule in rules}
        self.flaps = flaps
        self._wait_for_all()

    def load(self, alerts: Iterable[Alert], now: datetime) -> None:
        """Take up the alerts of an earlier Salus, also those that are over, for flapping and cooldown."""
        for alert in sorted(alerts, key=lambda one: (one.first_seen, one.id)):
            if alert.fired_at is not None and not alert.moment:
                self._remember(alert.fingerprint, alert.fired_at)
            self.desk.load(alert, now)
            self._wait(alert)

    # ── what rules see ────────────────────────────────────────────────────────────────────────────────────────────────

    def see(self, sight: Sight, now: datetime) -> Change | None:
        """Take what a rule says; None when that changes nothing that anybody could see."""
        known = self.desk.alerts.get(fingerprint(sight.labels))
        if sight.holds is None:
            return None
        if not sight.holds:
            return self._gone(known, now, life.ENDED) if known is not None else None
        if known is None or (known.state is AlertState.RESOLVED and not self._goes_on(known)):
            return self._begin(sight, known, now)
        if known.state is AlertState.RESOLVED and not (known.dismissed or known.moment):
            back = life.reopened(known, sight, now)
            flapping = life.fire(back, now, self._firings.get(back.fingerprint, ()), self.flaps).flapping
            self._remember(known.fingerprint, now)
            return self._put(known, replace(back, flapping=flapping), now)
        after = life.again(known, sight, now)
        return self._put(known, replace(after, count=known.count + 1) if known.moment else after, now)

    def _goes_on(self, alert: Alert) -> bool:
        """Tell whether an ended alert is still of concern: somebody knows it as open, or is yet to hear of it."""
        return alert.dismissed or alert.moment or any(told.state.open for told in alert.told.values())

    def _begin(self, sight: Sight, known: Alert | None, now: datetime) -> Change | None:
        if known is not None:
            self.desk.drop(known, now)
        alert = life.begin(sight, now, self._ids())
        if alert.state is AlertState.PENDING and self._ripe(alert, now):
            alert = self._fired(alert, now)
        return self._put(None, alert, now)

    def _ripe(self, alert: Alert, now: datetime) -> bool:
        at = life.due(alert, self._hold(alert), self.flaps)
        return at is not None and at <= now

    def _fired(self, alert: Alert, now: datetime) -> Alert:
        after = life.fire(alert, now, self._firings.get(alert.fingerprint, ()), self.flaps)
        self._remember(alert.fingerprint, now)
        return after

    def _gone(self, alert: Alert, now: datetime, how: str) -> Change | None:
        after = life.gone(alert, now, how)
        if after is None:
            self.desk.drop(alert, now)
            return Change(alert, None)
        return self._put(alert, after, now) if after != alert else None

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def next_due(self) -> datetime | None:
        """Return when ``tick`` is worth a call; None when time alone changes nothing."""
        return self._due[0][0] if self._due else None

    def tick(self, now: datetime) -> list[Change]:
        """Let what is due fire or end; bounded, so call it again while ``next_due`` is not in the future."""
        changes: list[Change] = []
        while self._due and self._due[0][0] <= now and len(changes) < _AT_ONCE:
            _, name = heappop(self._due)
            alert = self.desk.alerts.get(name)
            at = life.due(alert, self._hold(alert), self.flaps) if alert else None
            if alert is None or at is None:
                continue
            if at > now:
                heappush(self._due, (at, name))
            elif alert.state is AlertState.PENDING:
                changes.append(self._put(alert, self._fired(alert, now), now))
            else:
                changes.append(self._put(alert, life.resolved(alert, now, "it has been quiet for a while"), now))
        return changes

    # ── people, recoveries, configs ───────────────────────────────────────────────────────────────────────────────────

    def acknowledge(self, alert: Alert, now: datetime, *, by: str, note: str) -> Change:
        """Take an alert that fires upon a person."""
        return self._put(alert, life.acknowledge(alert, now, by=by, note=note), now)

    def dismiss(self, alert: Alert, now: datetime, *, by: str, note: str) -> Change:
        """End an open alert by hand."""
        return self._put(alert, life.dismiss(alert, now, by=by, note=note), now)

    def end(self, alert: Alert, now: datetime, how: str) -> Change | None:
        """End an alert whose trouble nobody looks at any more."""
        if alert.state.open:
            return self._put(alert, life.resolved(alert, now, how), now)
        return self._gone(alert, now, how)

    def done(self, check: str, deeds: Sequence[Deed], now: datetime) -> list[Change]:
        """Write what was done about a check into its alerts; to those that have ended if it belongs to their story."""
        if not deeds:
            return []
        first, changes = min(deed.at for deed in deeds), []
        for alert in self.desk.about(check):
            over = alert.resolved_at is not None and alert.resolved_at < first - timedelta(minutes=5)
            after = life.with_deeds(alert, deeds)
            if after is not alert and not alert.moment and not over:
                changes.append(self._put(alert, after, now))
        return changes

    def shift(self, by: timedelta, now: datetime) -> list[Alert]:
        """Follow a jump of the wall clock; returns the alerts as they are now."""
        self.desk.note_all()
        moved = [life.shifted(alert, by) for alert in self.desk.alerts.values()]
        self._firings = {
            name: deque((at + by for at in instants), instants.maxlen) for name, instants in self._firings.items()
        }
        self._due = [(at + by, name) for at, name in self._due]
        heapify(self._due)
        self.desk.shift(moved, by, now)
        return moved

    def _put(self, before: Alert | None, after: Alert, now: datetime) -> Change:
        self.desk.put(after, now)
        if before is None or (before.state, before.quiet_since) != (after.state, after.quiet_since):
            self._wait(after)
        return Change(before, after)

    def _wait(self, alert: Alert) -> None:
        at = life.due(alert, self._hold(alert), self.flaps)
        if at is not None:
            heappush(self._due, (at, alert.fingerprint))
            if len(self._due) > 2 * len(self.desk.alerts) + _SLACK:
                self._wait_for_all()

    def _wait_for_all(self) -> None:
        """Find out anew when time alone will change which alert."""
        waits = [(life.due(one, self._hold(one), self.flaps), name) for name, one in self.desk.alerts.items()]
        self._due = [(at, name) for at, name in waits if at is not None]
        heapify(self._due)

    def _hold(self, alert: Alert) -> float:
        rule = self._rules.get(alert.rule)
        return rule.hold if rule else 0.0

    def _remember(self, name: str, at: datetime) -> None:
        if len(self._firings) > self._many:
            since = at - timedelta(seconds=self.flaps.window)
            self._firings = {known: seen for known, seen in self._firings.items() if seen[-1] > since}
            self._many = max(_MOST_REMEMBERED, 2 * len(self._firings))
        self._firings.setdefault(name, deque(maxlen=max(1, self.flaps.threshold))).append(at)
