"""The services of one agent as a whole: taken over or started when it starts, ended when it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from salus.engine.engine import Engine
from salus.errors import ServiceError
from salus.model import ServiceRecord
from salus.ports import Service
from salus.tasks import Nursery

_log = logging.getLogger("salus.agent")


class Services:
    """All services; a reload may change which they are."""

    def __init__(self, engine: Engine, services: Mapping[str, Service], tasks: Nursery) -> None:
        """Begin nothing yet.

        Args:
            engine: heals them.
            services: by name, as they are at any time.
            tasks: where they are started, all at once.
        """
        self._engine = engine
        self._services = services
        self._tasks = tasks
        self._adopted: dict[str, asyncio.Event] = {}

    def adopt(self, records: Mapping[str, ServiceRecord]) -> None:
        """Take over what runs and start what should; until then no recovery touches it."""
        self._adopted = {name: asyncio.Event() for name in self._services}
        for name, service in self._services.items():
            self._engine.rest(name)
            self._tasks.start(f"start {name}", self._adopt(name, service, records.get(name)))

    async def stop(self) -> None:
        """Stop all of them at once, and let go of them."""
        results = await asyncio.gather(*(_stop(service) for service in self._services.values()), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                _log.error("%s", result)

    async def _adopt(self, name: str, service: Service, record: ServiceRecord | None) -> None:
        """Adopt or start one service, after those that it depends on (which may have failed to start)."""
        try:
            before = [self._adopted[root] for root in self._engine.service_roots.get(name, ()) if root in self._adopted]
            await asyncio.gather(*(event.wait() for event in before))
            with self._engine.healer.holding(f"service:{name}", "the start of Salus"):
                await service.adopt(record, start=True)
        except ServiceError as error:
            _log.error("%s did not start: %s", name, error)
        finally:
            self._adopted[name].set()
            self._engine.awake(name)


async def _stop(service: Service) -> None:
    try:
        await service.stop()
    finally:
        await service.aclose()
