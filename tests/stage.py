"""A place where services stand in a test, which keeps all that they say."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from salus.model import EventKind, ServiceRecord
from salus.options import ServiceOptions
from salus.ports import Service, Site
from salus.processes import Family, find_marked, kill_family, stat
from tests.looks import site


@dataclass
class Stage:
    """What the services told, remembered and nudged."""

    folder: Path
    state_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    events: list[tuple[EventKind, str]] = field(default_factory=list)
    records: dict[str, ServiceRecord] = field(default_factory=dict)
    nudged: list[str] = field(default_factory=list)

    @property
    def site(self) -> Site:
        def tell(kind: EventKind, *, message: str = "", **_: Any) -> None:
            self.events.append((kind, message))

        return replace(
            site(state_dir=self.folder),
            state_id=self.state_id,
            tell=tell,
            remember=lambda record: self.records.__setitem__(record.service, record),
            nudge=self.nudged.append,
        )

    def kinds(self) -> list[EventKind]:
        return [kind for kind, _ in self.events]

    def said(self, kind: EventKind) -> str:
        return next(message for told, message in reversed(self.events) if told is kind)

    def pids(self, name: str | None = None) -> list[int]:
        return [found.pid for found in find_marked(self.state_id, "service", name)]

    @asynccontextmanager
    async def service(self, options: ServiceOptions, name: str = "web") -> AsyncIterator[Service]:
        """Build a service; whatever it leaves running dies with the test."""
        built = options.build(name, self.site)
        try:
            yield built
        finally:
            await built.aclose()
            await kill_family(Family(f"{self.state_id}:service:{name}"))


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    """Tell whether a process lives (a zombie does not)."""
    now = stat(pid)
    return now is not None and now.state not in "ZX"


def zombies() -> list[int]:
    """Return the zombies among our children."""
    found = [stat(int(folder.name)) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [now.pid for now in found if now and now.state == "Z" and now.parent == os.getpid()]


def descriptors() -> int:
    """Return how many descriptors are open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def cut_off(transport: asyncio.BaseTransport) -> None:
    """Close a connection at once, and without a word."""
    with suppress(AttributeError):  # early releases of 3.11 cannot abort a TLS transport that was closed twice
        cast("asyncio.Transport", transport).abort()
