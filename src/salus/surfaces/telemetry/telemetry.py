"""All telemetry of one agent: it begins, hears of every recovery that ends, and stops within bounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from salus.engine.meter import Timer
from salus.errors import StoreError
from salus.model import Event, EventKind, RecoveryRecord
from salus.ports import Clock, EventQuery, Store, Subscriber
from salus.surfaces.metrics.scrape import Parts
from salus.surfaces.telemetry.listening import MOST_EVENTS, Listener
from salus.surfaces.telemetry.own import OwnProviders
from salus.surfaces.telemetry.providers import Providers
from salus.surfaces.telemetry.story import tell
from salus.threads import Threads

_log = logging.getLogger(__name__)

STOP_WITHIN = 5.0
"""Seconds that Salus waits for the last export when it stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What telemetry sees of an agent.

    Attributes:
        parts: what ``/metrics`` shows.
        timers: how long looks took, and how late they began.
        record: finds a recovery that runs, or has ended this very moment.
        subscribe: calls somebody with every event, until that is ended.
        store: the ledger, for what an earlier Salus had written before it was killed.
        clock: time.
    """

    parts: Parts
    timers: tuple[Timer, Timer]
    record: Callable[[str], RecoveryRecord | None]
    subscribe: Callable[[Subscriber], Callable[[], None]]
    store: Store
    clock: Clock


class Telemetry:
    """Writes to providers, and ends those that are its own."""

    def __init__(self, providers: Providers, watched: Watched, own: OwnProviders | None = None) -> None:
        """Begin; call this on Salus' own loop.

        Args:
            providers: where it goes.
            watched: what is shown.
            own: the same providers, where they end with this.
        """
        self._own = own
        self._store = watched.store
        self._tracing = self._measuring = self._logs = None
        if providers.tracer is not None:
            from salus.surfaces.telemetry.tracing import Tracing

            self._tracing = Tracing(providers.tracer)
        if providers.meter is not None:
            from salus.surfaces.telemetry.measuring import Measuring

            self._measuring = Measuring(providers.meter, watched.parts, watched.timers, watched.clock)
        if providers.logger is not None:
            from salus.surfaces.telemetry.logs import LogsOut

            self._logs = LogsOut(providers.logger)
        self._listener = Listener(watched.record, self._ended)
        self._unsubscribe = watched.subscribe(self._listener)

    async def interrupted(self, record: RecoveryRecord) -> None:
        """Write the trace of a recovery in which an earlier Salus was killed, with what it had written by then."""
        if self._tracing is None:
            return
        try:
            query = EventQuery(recovery=record.id, oldest_first=True, limit=MOST_EVENTS)
            events = [one for one in await self._store.events(query) if one.kind is not EventKind.RECOVERY_FINISHED]
        except StoreError as error:
            _log.debug("what was told of recovery %s cannot be read: %s", record.id, error)
            events = []
        self._listener.hand_on(record, events)

    async def stop(self) -> None:
        """Hand on what waits, and export it within bounds; providers of others are left as they are."""
        self._unsubscribe()
        self._listener.flush()
        if self._own is not None:
            own, self._own = self._own, None
            try:
                async with asyncio.timeout(STOP_WITHIN):
                    await Threads(1, "salus-telemetry").run(own.shut_down)
            except TimeoutError:
                own.give_up()
                _log.warning("the last telemetry was not taken within %g s, and is lost", STOP_WITHIN)
        if self._measuring is not None:
            self._measuring.stop()
        if self._logs is not None:
            self._logs.close()

    def _ended(self, record: RecoveryRecord, events: Sequence[Event]) -> None:
        if self._tracing is not None:
            self._tracing.write(record.id, tell(record, events))
        if self._measuring is not None and record.duration is not None:
            self._measuring.ended(record)
