"""Whether Salus does its work: what systemd's watchdog and dead-man's switches are told by."""

from __future__ import annotations

import logging

from salus.app.notify import Notifier
from salus.engine.engine import Engine
from salus.engine.recorder import Recorder
from salus.engine.selfcheck import NAME
from salus.model import Status
from salus.ports import Clock
from salus.units import format_duration

_log = logging.getLogger("salus.vitals")

STUCK_AFTER = 60.0
"""Seconds that one write of the ledger may take, and that a look may be overdue while the loop turns."""

LOOKS_MISSED = 3
"""Intervals after which Salus' last look at itself says nothing any more."""


class Vitals:
    """Asks the parts of one Salus."""

    def __init__(self, engine: Engine, recorder: Recorder, clock: Clock) -> None:
        """Ask these."""
        self._engine = engine
        self._recorder = recorder
        self._clock = clock
        self._crashed: list[str] = []

    def crashed(self, name: str) -> None:
        """Hear that a task ended that should go on for as long as Salus does."""
        self._crashed.append(name)

    def stuck(self) -> str:
        """Say why only a restart helps, or nothing: what Salus does not do any more although its loop turns."""
        if self._crashed:
            return f"{', '.join(self._crashed[:3])} ended with an error"
        writing = self._recorder.writing_for(self._clock.monotonic())
        if writing > STUCK_AFTER:
            return f"the ledger has been writing for {format_duration(writing)}"
        overdue = self._engine.overdue()
        if overdue > STUCK_AFTER:
            return f"no look has begun for {format_duration(overdue)} although some are due"
        return ""

    def unwell(self) -> str | None:
        """Say why Salus cannot vouch for what it watches, or nothing: by its own check, if that is fresh.

        Returns:
            None while it cannot tell: it has only just begun.
        """
        if why := self.stuck():
            return why
        unit = self._engine.units.get(NAME)
        if unit is None or unit.state.last is None:
            return None
        if unit.state.status is not Status.HEALTHY:
            return unit.state.last.message or unit.state.status.value
        age = (self._clock.now() - unit.state.last.at).total_seconds()
        if not unit.paused and age > LOOKS_MISSED * unit.spec.interval + unit.spec.timeout:
            return f"it has not looked at itself for {format_duration(age)}"
        return ""


async def feed_watchdog(clock: Clock, notifier: Notifier, vitals: Vitals) -> None:
    """Tell systemd's watchdog that Salus does its work, at half the period it asks for; a stuck Salus is restarted."""
    said = False
    while notifier.watchdog_seconds:
        why = vitals.stuck()
        if not why:
            notifier.say("WATCHDOG=1")
        elif not said:
            _log.critical("Salus is stuck, and asks systemd's watchdog for a restart: %s", why)
        said = bool(why)
        await clock.sleep(notifier.watchdog_seconds / 2)
