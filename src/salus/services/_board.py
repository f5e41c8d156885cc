"""What a service says about itself, kept ready so that asking costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from salus.errors import StartError, StopError
from salus.model import NOTHING, EventKind, Json, ServiceRecord, ServiceState, ServiceStatus
from salus.ports import Site


class Board:
    """The status of one service, and the ways to tell of it."""

    def __init__(self, name: str, kind: str, site: Site) -> None:
        """Begin as stopped and wanted."""
        self._site = site
        self.status = ServiceStatus(name=name, kind=kind, state=ServiceState.STOPPED, since=site.clock.now())

    def set(
        self, state: ServiceState, message: str = "", *, pid: int | None = None, incarnation: str | None = None
    ) -> None:
        """Say what it is doing now."""
        now = self._site.clock.now() if state is not self.status.state else self.status.since
        self.status = replace(self.status, state=state, since=now, pid=pid, incarnation=incarnation, message=message)

    def want(self, wanted: bool) -> None:
        """Say whether it should be running."""
        self.status = replace(self.status, wanted=wanted)

    def count_start(self) -> None:
        """Count one more start."""
        self.status = replace(self.status, starts=self.status.starts + 1)

    def tell(self, kind: EventKind, message: str, *, data: Mapping[str, Json] = NOTHING) -> None:
        """Write an event about it."""
        self._site.tell(kind, service=self.status.name, message=message, data=data)

    def remember(self, launch: Mapping[str, Json]) -> None:
        """Hand over what must survive a death of Salus."""
        self._site.remember(ServiceRecord(service=self.status.name, wanted=self.status.wanted, launch=launch))

    def nudge(self) -> None:
        """Have its checks look now."""
        self._site.nudge(self.status.name)

    def start_failed(self, message: str, *, remedy: str | None = None) -> StartError:
        """Tell that it did not start; returns the error to raise."""
        self.tell(EventKind.SERVICE_FAILED, message)
        self.nudge()
        return StartError(f"{self.status.name}: {message}", remedy=remedy)

    def stop_failed(self, message: str, *, remedy: str | None = None) -> StopError:
        """Tell that it did not stop; returns the error to raise."""
        self.tell(EventKind.SERVICE_FAILED, message)
        self.nudge()
        return StopError(f"{self.status.name}: {message}", remedy=remedy)
