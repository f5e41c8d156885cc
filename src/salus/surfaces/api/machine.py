"""What Salus itself needs, and what its config names; never an option of anything, for secrets stand in them."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

from salus.config import Settings
from salus.model import Json
from salus.ports import Clock, View
from salus.surfaces import wire
from salus.surfaces.asked import Asked

_NAP = 0.01


class MachineRequests:
    """Shows the machine and the config."""

    def __init__(self, view: View, settings: Callable[[], Settings], clock: Clock) -> None:
        """Serve a view; ``settings`` is the config in force."""
        self._view = view
        self._settings = settings
        self._clock = clock

    async def system(self, asked: Asked) -> Json:
        """Measure Salus and its host; what might wait is read beside the loop."""
        before = self._clock.monotonic()
        await self._clock.sleep(_NAP)
        lag = max(0.0, self._clock.monotonic() - before - _NAP)
        agent = self._view.agent()
        uptime = (self._clock.now() - agent.started_at).total_seconds()
        read = await asyncio.to_thread(_read, self._settings().agent.state_dir)
        return {
            **read,
            "threads": threading.active_count(),
            "tasks": len(asyncio.all_tasks()),
            "gc": {"collections": [one["collections"] for one in gc.get_stats()], "waiting": list(gc.get_count())},
            "loop_lag": round(lag, 6),
            "uptime": max(0.0, uptime),
        }

    async def config(self, asked: Asked) -> Json:
        """Tell what the config names, and how it is knit together."""
        return document(self._settings())


def _read(folder: Path) -> dict[str, Json]:
    import psutil

    process = psutil.Process()
    with process.oneshot():
        times, memory, files = process.cpu_times(), process.memory_info(), process.num_fds()
    host = psutil.virtual_memory()
    load = os.getloadavg()
    return {
        "cpu": {"seconds": times.user + times.system, "cores": os.cpu_count() or 1, "load": list(load)},
        "memory": {"resident": memory.rss, "host_total": host.total, "host_available": host.available},
        "disk": _disk(folder),
        "files": files,
    }


def _disk(folder: Path) -> Json:
    import psutil

    try:
        found = psutil.disk_usage(str(folder))
    except OSError:
        return None
    return {"total": found.total, "free": found.free}


def document(settings: Settings) -> dict[str, Json]:
    """Write a config without any option."""
    agent = settings.agent
    return {
        "files": [path.name for path in settings.files],
        "salus": {
            "host": agent.host,
            "port": agent.port,
            "store": agent.store,
            "environment": agent.environment,
            "show_details": agent.show_details,
            "trusted_proxies": list(agent.trusted_proxies),
            "keep_events": agent.keep_events,
            "keep_observations": agent.keep_observations,
            "keep_days": agent.keep_days,
            "observe_every": agent.observe_every,
        },
        "services": [
            {"name": one.name, "kind": one.kind, "depends_on": list(one.depends_on)}
            for one in settings.services.values()
        ],
        "checks": [
            {
                "name": one.name,
                "kind": one.kind,
                "service": one.service,
                "interval": one.interval,
                "depends_on": list(one.depends_on),
                "tags": list(one.tags),
            }
            for one in settings.checks.values()
        ],
        "rules": [
            {"name": one.name, "check": one.check, "ladders": [[rung.kind for rung in rungs] for rungs in one.ladders]}
            for one in settings.rules
        ],
        "channels": [{"name": one.name, "kind": one.kind} for one in settings.alerts.channels.values()],
        "alert_rules": [one.name for one in settings.alerts.rules],
        "maintenance": [one.name for one in settings.maintenance],
        "warnings": [wire.config_problem(one) for one in settings.warnings],
    }
