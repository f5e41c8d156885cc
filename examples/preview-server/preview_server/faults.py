"""Breaks each part for real, for those who like to see it healed. Served only with ``PREVIEW_FAULTS=1``."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from preview_server.pipeline import Pipeline
from preview_server.registry import Registry
from preview_server.settings import Settings
from preview_server.watcher import Watcher

_AN_HOUR_AGO = 3600
_CHUNK = 1 << 20


class Dropped(BaseException):
    """Ends a worker: no ``except Exception`` catches it, as none catches a crash in a C library."""


class Knot:
    """Something that refers to itself: only the garbage collector can remove it, and what it holds."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.held: object = None
        self.me = self


def leak(count: int, make: Callable[[], object]) -> None:
    """Make things and forget them at once, each in a knot that has grown old before.

    What is young is collected all the time, and what is old hardly ever.
    """
    knots = [Knot() for _ in range(count)]
    for _ in range(2):
        gc.collect(1)
    while knots:
        knots.pop().held = make()


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults, each at the part that it breaks."""

    settings: Settings
    registry: Registry
    watcher: Watcher
    pipeline: Pipeline
    _jams: list[threading.Event] = field(default_factory=list)

    def all(self) -> Mapping[str, tuple[str, Callable[[], object]]]:
        """Return what can be broken: a name, the words on its button, and how."""
        return {
            "poison-cache": ("Poison the cache", self.pipeline.poison),
            "stick-queue": ("Jam the queue", self.stick_queue),
            "kill-workers": ("Kill the workers", self.kill_workers),
            "kill-watcher": ("Kill the watcher", self.kill_watcher),
            "empty-registry": ("Empty the registry", self.registry.forget),
            "leak-threads": ("Leak threads", self.leak_threads),
            "leak-tasks": ("Leak tasks", self.leak_tasks),
            "leak-memory": ("Leak memory", self.leak_memory),
            "fill-output": ("Fill the output folder", self.fill_output),
        }

    def stick_queue(self) -> None:
        """Let every worker wait for what never comes, and two jobs wait behind them."""
        jam = threading.Event()
        self._jams.append(jam)

        def wait() -> dict[str, str]:
            jam.wait()
            raise Dropped

        self.pipeline.seize(wait)
        for number in range(2):
            self.pipeline.submit(dict, ("jam", str(number)))

    def kill_workers(self) -> None:
        """Let every worker end in the middle of a job, also one that is jammed.

        No job of the queue does this: a restart keeps what waits, and the new workers would die of it too.
        """

        def drop() -> dict[str, str]:
            raise Dropped

        self.pipeline.seize(drop)
        while self._jams:
            self._jams.pop().set()

    def kill_watcher(self) -> None:
        """Let the thread of the watcher die of the next change, and make one."""
        self.watcher.fault = OSError("inotify: no space left on device")
        path = Path(self.settings.folder) / ".touched"
        path.touch()
        path.unlink()

    def leak_threads(self) -> None:
        """Forget pools of threads without closing them: their threads end when the garbage is collected."""

        def make() -> ThreadPoolExecutor:
            pool = ThreadPoolExecutor(1, thread_name_prefix="preview-leaked")
            pool.submit(int).result()
            return pool

        leak(self.settings.threads, make)

    async def leak_tasks(self) -> None:
        """Forget tasks that wait for what only they know of."""

        async def wait() -> None:
            await asyncio.get_running_loop().create_future()

        def make() -> asyncio.Task[None]:
            task = asyncio.get_running_loop().create_task(wait())
            # asyncio complains of each one that is collected: hundreds of lines, among which the healing is not found.
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
            return task

        leak(self.settings.tasks, make)
        await asyncio.sleep(0)  # each begins to wait

    def leak_memory(self) -> None:
        """Forget as much as this process should use, which nobody can reach any more: one press is enough."""
        leak(self.settings.memory // _CHUNK + 1, lambda: bytearray(b"x" * _CHUNK))

    def fill_output(self) -> None:
        """Put more into the output folder than it should hold, as if it had been built an hour ago."""
        self.settings.output.mkdir(parents=True, exist_ok=True)
        then = time.time() - _AN_HOUR_AGO
        for number in range(self.settings.output_size // _CHUNK + 1):
            path = self.settings.output / f"old-{number}.html"
            path.write_bytes(b" " * _CHUNK)
            os.utime(path, (then, then))
