"""The past as surfaces read it: what happened a moment ago is written first, so that nothing is missing in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from salus.engine.recorder import Recorder
from salus.model import Alert, Event, Observation, RecoveryRecord
from salus.ports import AlertQuery, EventQuery, RecoveryQuery, Store


class EnginePast:
    """Implements ``ports.Past`` over a store and the recorder that writes it."""

    def __init__(self, recorder: Recorder, store: Store) -> None:
        """Read ``store``."""
        self._recorder = recorder
        self._store = store

    async def settle(self) -> bool:
        """Have everything that happened so far written."""
        return await self._recorder.commit()

    async def events(self, query: EventQuery) -> Sequence[Event]:
        """Return events, newest first."""
        await self._recorder.commit()
        return await self._store.events(query)

    async def recoveries(self, query: RecoveryQuery) -> Sequence[RecoveryRecord]:
        """Return recoveries, newest first."""
        await self._recorder.commit()
        return await self._store.recoveries(query)

    async def observations(self, check: str, *, since: datetime, limit: int = 1000) -> Sequence[Observation]:
        """Return recorded looks at one check, newest first."""
        await self._recorder.commit()
        return await self._store.observations(check, since=since, limit=limit)

    async def alerts(self, query: AlertQuery) -> Sequence[Alert]:
        """Return alerts, newest first."""
        await self._recorder.commit()
        return await self._store.alerts(query)
