"""Hears the events of recoveries, and hands each one on as a whole when it has ended."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from salus.model import Event, EventKind, RecoveryRecord

_log = logging.getLogger(__name__)

MOST_EVENTS = 500
"""Of one recovery; a ladder has far fewer."""

MOST_RECOVERIES = 200
"""That run at the same time, or ended and were not handed on yet."""


class Listener:
    """Subscribes to the bus. What it does there costs next to nothing; the rest comes a moment later."""

    def __init__(
        self,
        record: Callable[[str], RecoveryRecord | None],
        ended: Callable[[RecoveryRecord, Sequence[Event]], None],
    ) -> None:
        """Begin with none.

        Args:
            record: finds a recovery that runs, or has ended this very moment, by its id.
            ended: gets each recovery that has ended, with its events.
        """
        self._record = record
        self._ended = ended
        self._heard: dict[str, list[Event]] = {}
        self._waiting: deque[tuple[RecoveryRecord, Sequence[Event]]] = deque(maxlen=MOST_RECOVERIES)

    def __call__(self, event: Event) -> None:
        """Hear an event (the bus calls this)."""
        recovery = event.recovery
        if recovery is None:
            return
        heard = self._heard.get(recovery)
        if event.kind is EventKind.RECOVERY_STARTED:
            if len(self._heard) >= MOST_RECOVERIES:  # their ends were never told: a bug, and no reason to grow
                del self._heard[next(iter(self._heard))]
            heard = self._heard[recovery] = []
        if heard is None:
            return
        if len(heard) < MOST_EVENTS:
            heard.append(event)
        if event.kind is EventKind.RECOVERY_FINISHED:
            self._heard.pop(recovery)
            record = self._record(recovery)
            if record is not None:
                self.hand_on(record, heard)

    def hand_on(self, record: RecoveryRecord, events: Sequence[Event]) -> None:
        """Take a recovery that has ended, and hand it on when nothing waits for this."""
        self._waiting.append((record, events))
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:  # no loop runs (any more)
            self.flush()

    def flush(self) -> None:
        """Hand on whatever waits."""
        while self._waiting:
            record, events = self._waiting.popleft()
            try:
                self._ended(record, events)
            except Exception:  # noqa: BLE001 - what shows a recovery must never be in the way of the next
                _log.exception("the trace of recovery %s could not be written", record.id)
