"""Looks at the state of everything: what is there is raised, what is gone ends, also what nobody was there to see."""

from __future__ import annotations

from collections.abc import Iterator

from salus.alerts import happenings
from salus.alerts.book import Book
from salus.alerts.desk import Desk
from salus.alerts.labels import bounded, fingerprint
from salus.engine.engine import Engine
from salus.engine.holds import pause_in_words
from salus.engine.raising import Raising
from salus.engine.sending import Keeping, Sending
from salus.engine.truths import truths_around, truths_of
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
            if unit is None or unit.paused or (last is not None and last.at >= self.began):
                self.unseen.discard(name)
                if unit is not None:
                    self._raising.judge_status(unit, self._engine.now())
                yield

    def _happenings(self, keeping: Keeping, sending: Sending) -> Iterator[None]:
        """Raise what is the case, and end what is not; each is looked up when it is its turn, never before."""
        for unit in list(self._engine.units.values()):
            self._raising.raise_truths(truths_of(unit))
            yield
        self._raising.raise_truths(truths_around(self._engine, keeping.failure, sending.failing()))
        yield
        for name in list(self._desk.alerts):
            alert = self._desk.alerts.get(name)
            happening = alert.labels.get("happening") if alert is not None else None
            paused = alert is not None and self._engine.policy.check_pauses.get(alert.check or "")
            if alert is not None and happening in _HAPPENINGS and not (alert.moment or paused):
                self._end_if_over(alert, Happening(happening), keeping, sending)
            yield

    def _end_if_over(self, alert: Alert, happening: Happening, keeping: Keeping, sending: Sending) -> None:
        unit = self._engine.units.get(alert.check or "")
        found = truths_of(unit) if unit is not None else ()
        around = truths_around(self._engine, keeping.failure, sending.failing())
        wanted = (happening, alert.labels.get("subject", ""))
        if any((truth.happening, bounded(truth.subject)) == wanted for truth in (*found, *around)):
            return
        if happenings.COURSES[happening].lasts:
            self._raising.lapse(happening, wanted[1])
        else:
            self._raising.take(self._book.end(alert, self._engine.now(), "it is over, as far as Salus can see"))

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
        if unit is not None and (pause := self._engine.policy.check_pauses.get(unit.spec.name)):
            return pause_in_words(pause)
        if unit is not None and not rule.on and not sights.watches(rule, unit):
            return "its alert rule no longer watches this check"
        labels = sights.labels_now(rule, alert)
        if labels is None:
            return "its alert rule no longer asks for this"
        return "" if fingerprint(labels) == alert.fingerprint else "the config has changed what it is about"
