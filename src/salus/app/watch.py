"""The slow loops beside the engine: clocks that jump, machines that sleep, files that change, rows that age."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

from salus.config import AgentSettings
from salus.engine.engine import Engine
from salus.errors import StoreError
from salus.model import EventKind
from salus.ports import Clock, Store
from salus.units import format_duration

_log = logging.getLogger("salus.watch")

CLOCK_EVERY, SLEPT = 2.0, 2.0
SPREAD_AFTER_SLEEP = 5.0
PRUNE_FIRST, PRUNE_EVERY = 60.0, 3600.0


async def watch_clocks(engine: Engine) -> None:
    """See a wall clock that jumps and a machine that was suspended, and put every wait right."""
    clock = engine.site.clock
    steady, boot = clock.monotonic(), clock.boottime()
    while True:
        await clock.sleep(CLOCK_EVERY - steady % CLOCK_EVERY)  # on whole seconds, as much else is
        engine.now()  # follows a jump, also while nothing is looked at
        new_steady, new_boot = clock.monotonic(), clock.boottime()
        slept = (new_boot - boot) - (new_steady - steady)
        steady, boot = new_steady, new_boot
        if slept > SLEPT:
            engine.respread(SPREAD_AFTER_SLEEP)
            if engine.tally is not None:
                engine.tally.slept(slept)
            message = f"the machine slept for {format_duration(slept)}; everything is looked at again"
            engine.bus.tell(EventKind.HOST_RESUMED, message=message)


async def watch_files(clock: Clock, files: Sequence[Path], changed: Callable[[], Awaitable[object]]) -> None:
    """Call ``changed`` once after any of the files has changed and then stayed the same for a moment."""
    before = _prints(files)
    while True:
        await clock.sleep(CLOCK_EVERY)
        now = _prints(files)
        if now != before:
            await clock.sleep(0.5)  # an editor may still be writing
            before = _prints(files)
            await changed()


async def prune(clock: Clock, store: Store, settings: AgentSettings) -> None:
    """Forget rows that are older than the config wants to keep."""
    await clock.sleep(PRUNE_FIRST)
    while True:
        now = clock.now()
        try:
            gone = await store.prune(
                now,
                events_before=now - timedelta(seconds=settings.keep_events),
                observations_before=now - timedelta(seconds=settings.keep_observations),
                days_before=now - timedelta(seconds=settings.keep_days),
            )
        except StoreError as error:
            _log.warning("old rows could not be removed: %s", error)
        else:
            _log.debug("%d old rows removed", gone)
        await clock.sleep(PRUNE_EVERY)


def _prints(files: Sequence[Path]) -> list[tuple[int, int, int] | None]:
    prints: list[tuple[int, int, int] | None] = []
    for file in files:
        try:
            found = os.stat(file)  # noqa: PTH116 - one call gives all three
        except OSError:
            prints.append(None)
        else:
            prints.append((found.st_mtime_ns, found.st_size, found.st_ino))
    return prints
