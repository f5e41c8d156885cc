"""What can be started, stopped and restarted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from salus.model.checks import NOTHING, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """What can be started, stopped and restarted: a name, a registered kind and its raw options.

    Attributes:
        name: unique among services.
        kind: the registered kind, such as ``process``.
        options: the raw options of that kind, as configured.
        depends_on: services that must run before this one is started, and be well before it is healed.
    """

    name: str
    kind: str
    options: Mapping[str, Json] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()


class ServiceState(StrEnum):
    """What a service is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """A service at this moment.

    Attributes:
        name: its name.
        kind: its kind.
        state: what it is doing.
        wanted: it should be running; false after a person stopped it.
        since: when ``state`` was reached.
        pid: its main process, if it has one.
        incarnation: identity of the running copy; a replaced copy has another. None when nothing runs.
        starts: how often this Salus has started it.
        message: one line for people, such as ``exited with 1 after 0.1 s`` or ``killed by SIGKILL``.
    """

    name: str
    kind: str
    state: ServiceState
    wanted: bool = True
    since: datetime | None = None
    pid: int | None = None
    incarnation: str | None = None
    starts: int = 0
    message: str = ""

    @property
    def running(self) -> bool:
        """Tell whether a copy is up."""
        return self.state in (ServiceState.RUNNING, ServiceState.STARTING)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRecord:
    """What must be remembered about a service across a death of Salus.

    Attributes:
        service: its name.
        wanted: it should be running.
        launch: what its kind needs to find the running copy again (boot id, pid, start time, ...).
    """

    service: str
    wanted: bool
    launch: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
