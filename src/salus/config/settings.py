"""The frozen tree that a config becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from salus.config.sources import Sources
from salus.errors import Problem
from salus.model import AlertSettings, CheckSpec, Limits, MaintenanceSpec, RecoveryRule, ServiceSpec

if TYPE_CHECKING:  # an agent that has no such section does not load what belongs to it
    from salus.config.pings import PingShape
    from salus.config.telemetry import TelemetryShape
    from salus.model.statuspage import StatusPageSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """The agent itself.

    Attributes:
        host: address to listen on; empty: on none.
        port: port to listen on; 0 lets the system choose.
        state_dir: folder of the ledger and the service logs, absolute.
        store: ``sqlite`` or ``memory``.
        name: what this Salus is called; empty where the host's name is enough.
        environment: a word for people.
        show_details: ``never``, ``when_authorized`` or ``always``.
        metrics: who reads ``/metrics``: ``local``, ``public`` or ``token``.
        trusted_proxies: addresses and networks whose forwarded headers are believed.
        log_level: ``debug``, ``info``, ``warning``, ``error`` or ``critical``.
        log_format: ``console`` or ``json``.
        keep_events: seconds that the ledger keeps events.
        keep_observations: seconds that looks are kept.
        keep_days: seconds that it is kept how long each check was how on each day.
        observe_every: seconds between two looks of one check that are kept.
    """

    host: str = "127.0.0.1"
    port: int = 8787
    state_dir: Path
    store: str = "sqlite"
    name: str = ""
    environment: str = "production"
    show_details: str = "when_authorized"
    metrics: str = "local"
    trusted_proxies: tuple[str, ...] = ()
    log_level: str = "info"
    log_format: str = "console"
    keep_events: float = 90 * 86400.0
    keep_observations: float = 7 * 86400.0
    keep_days: float = 400 * 86400.0
    observe_every: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A whole config. Kinds are still names, their options raw data; ``app`` makes objects of them.

    Attributes:
        agent: the agent itself.
        services: by name, in the order of the file.
        checks: by name, in the order of the file.
        rules: in the order of the file; one with tags stands here once per check.
        limits: the blast radius.
        maintenance: windows that come again and again.
        alerts: who hears what.
        status_page: what the public is shown; None: there is no such page.
        telemetry: what goes to an OpenTelemetry collector; None: nothing.
        pings: who is told again and again that Salus is well, by name.
        sources: the place of every key, for problems found later.
        files: the files it came from.
        warnings: what is allowed and seldom meant.
    """

    agent: AgentSettings
    services: Mapping[str, ServiceSpec]
    checks: Mapping[str, CheckSpec]
    rules: tuple[RecoveryRule, ...]
    limits: Limits
    maintenance: tuple[MaintenanceSpec, ...] = ()
    alerts: AlertSettings = field(default_factory=AlertSettings)
    status_page: StatusPageSettings | None = None
    telemetry: TelemetryShape | None = None
    pings: Mapping[str, PingShape] = field(default_factory=dict)
    sources: Sources
    files: tuple[Path, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def says(self, *path: str) -> bool:
        """Tell whether that entry stands in the config, whatever it says."""
        return path in self.sources.places
