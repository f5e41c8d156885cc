"""What people held while it was so: pauses, ad hoc maintenance, rules that were switched off or given a mode."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from salus.engine.engine import Engine
from salus.engine.memos import recall
from salus.engine.rulemodes import set_mode
from salus.errors import ConflictError, NotFoundError
from salus.model import Event, EventKind, Maintenance, Mode
from salus.simulate.backtest.tracks import History
from salus.store.past import PEOPLE

_WINDOWS = (EventKind.MAINTENANCE_STARTED, EventKind.MAINTENANCE_ENDED)


def in_words_only(history: History, windows: Iterator[str]) -> int:
    """Count the ad hoc windows that an earlier Salus told of in words alone, so that they cannot be replayed."""
    of_config = tuple(f"{name}," for name in windows)
    began = [event for event in history.past.events if event.kind is EventKind.MAINTENANCE_STARTED]
    return sum(1 for event in began if not event.data and not event.message.startswith(of_config))


class People:
    """Does to the engine of a replay what people did."""

    def __init__(self, engine: Engine, history: History) -> None:
        """Stand beside an engine that is ready to start."""
        self._engine = engine
        self._history = history

    def plan(self) -> None:
        """Do now what was said before and still holds; plan the rest."""
        loop = asyncio.get_running_loop()
        for event in self._history.past.before:
            if event.kind in PEOPLE:
                self._do(event)
        for event in self._history.past.events:
            if event.kind in PEOPLE:
                loop.call_at(max(0.0, self._history.at(event.at)), self._do_and_look, event)

    def _do_and_look(self, event: Event) -> None:
        self._do(event)
        self._engine.tend()
        self._engine.reconsider()

    def _do(self, event: Event) -> None:
        holds, now = self._engine.policy.holds, self._engine.now()
        if event.kind is EventKind.PAUSED:
            holds.start_pause(None, now, reason=event.message, by="")
        elif event.kind is EventKind.RESUMED and holds.pause is not None:
            holds.end_pause("as it was")
        elif event.kind in _WINDOWS:
            self._maintain(event)
        elif event.kind is EventKind.RULE_MODE_CHANGED:
            self._set_mode(event)
        elif event.rule and self._engine.current(event.rule):
            holds.switch(event.rule, now, enabled=event.kind is EventKind.RULE_ENABLED, by="")

    def _set_mode(self, event: Event) -> None:
        found, mode = self._engine.current(event.rule or ""), event.data.get("mode")
        if found is not None and (mode is None or isinstance(mode, str)):
            chosen = Mode(mode) if mode else None
            set_mode(self._engine.policy, found[1].rule, chosen, self._engine.now(), by="")

    def _maintain(self, event: Event) -> None:
        holds, now = self._engine.policy.holds, self._engine.now()
        if event.kind is EventKind.MAINTENANCE_ENDED:
            with suppress(NotFoundError):  # it ended by itself, or was never known
                holds.end_maintenance(str(event.data.get("id", "")), now)
            return
        if not event.data:
            return
        (window,) = recall({f"maintenance:{event.data.get('id')}": event.data}, "maintenance", Maintenance).values()
        left = (window.until - now).total_seconds()
        if left > 0:
            with suppress(ConflictError):  # a restart of Salus told of it again
                holds.start_maintenance(window.members, left, now, name=window.id, reason=window.reason, by=window.by)
