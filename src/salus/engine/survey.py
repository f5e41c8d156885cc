"""Looks at the state of everything: what is there is raised, what is gone ends, also what nobody was there to see."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from salus.alerts import happenings
from salus.alerts.book import Book
from salus.alerts.desk import Desk
from salus.engine.engine import Engine
from salus.engine.raising import Raising
from salus.engine.sending import Keeping, Sending
from salus.engine.truths import truths
from salus.model import Alert, AlertState, Happening

_HAPPENINGS = frozenset(one.value for one in Happening)


class Survey:
    """The surveys of one Salus; each is done in small parts."""

    def __init__(self, engine: Engine, raising: Raising, book: Book, desk: Desk) -> None:
        """Survey ``engine``."""
        self._engine = engine
        self._raising = raising
        self._book = book
        self._desk = desk
        self.unseen: set[str] = set()
        self.began = engine.site.clock.now()

    def everything(self, keeping: Keeping, sending: Sending) -> Iterator[None]:
        """Look at everything, a part at each step."""
        self.unseen = set(self._engine.units)
        yield from self.checks()
        yield from self._happenings(keeping, sending)
        yield from self._strangers()

    def checks(self) -> Iterator[None]:
        """Judge every check that was looked at since the start; of the others, what is remembered proves nothing."""
        for name in sorted(self.unseen):
            unit = self._engine.units.get(name)
            last = unit.state.last if unit else None
            if unit is None or (last is not None and last.at >= self.began):
                self.unseen.discard(name)
                if unit is not None:
                    self._raising.judge_status(unit, self._engine.now())
                yield

    def _happenings(self, keeping: Keeping, sending: Sending) -> Iterator[None]:
        now = self._engine.now()
        found = list(truths(self._engine, keeping.failure, sending.failing()))
        true = {(truth.happening.value, truth.subject[:256]) for truth in found}
        for truth in found:
            for rule in self._raising.sights.on[truth.happening]:
                if (sight := self._raising.sights.of_truth(rule, truth, now)) is not None:
                    self._raising.take(self._book.see(sight, now))
            yield
        for alert in list(self._desk.alerts.values()):
            name = alert.labels.get("happening")
            if name is None or alert.moment or (name, alert.labels.get("subject", "")) in true:
                continue
            lasts = happenings.COURSES[Happening(name)].lasts if name in _HAPPENINGS else 0.0
            left = lasts - (now - alert.last_seen).total_seconds()
            if left > 0:
                asyncio.get_running_loop().call_later(
                    left, self._raising.lapse, Happening(name), alert.labels.get("subject", "")
                )
            else:
                self._raising.take(self._book.end(alert, now, "it is over, as far as Salus can see"))
            yield

    def _strangers(self) -> Iterator[None]:
        """End the alerts of rules and checks that are no longer in the config."""
        for alert in list(self._desk.alerts.values()):
            if (alert.state is not AlertState.RESOLVED or alert.dismissed) and (why := self._stranger(alert)):
                self._raising.take(self._book.end(alert, self._engine.now(), why))
            yield

    def _stranger(self, alert: Alert) -> str:
        """Say why nobody looks at what an alert is about any more, or nothing."""
        sights = self._raising.sights
        rule, unit = sights.by_name.get(alert.rule), self._engine.units.get(alert.check or "")
        if rule is None:
            return "its alert rule is no longer in the config"
        if alert.check is not None and unit is None:
            return "its check is no longer in the config"
        if unit is not None and not rule.on and not sights.watches(rule, unit):
            return "its alert rule no longer watches this check"
        return ""
