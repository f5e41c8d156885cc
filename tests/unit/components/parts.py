"""Parts of an application, small and real enough: each can be broken, and heals when it is told to."""

from __future__ import annotations

import threading
from datetime import datetime


class Service:
    """A service with plain methods and no restart of its own."""

    def __init__(self) -> None:
        self.running = True
        self.calls: list[str] = []

    def is_running(self) -> bool:
        return self.running

    def start(self) -> None:
        self.calls.append("start")
        self.running = True

    def stop(self) -> None:
        self.calls.append("stop")
        self.running = False


class Cache:
    """A cache whose entries can be poisoned; everything about it is an attribute or a property."""

    def __init__(self) -> None:
        self.entries = {"a": 1, "b": 2}
        self.poisoned: list[str] = []
        self.max_size = 100
        self.hit_rate: float | None = None
        self.expected_hit_rate = 0.5

    @property
    def size(self) -> int:
        return len(self.entries)

    def verify(self) -> list[str]:
        return self.poisoned

    def clear(self) -> int:
        count = len(self.entries)
        self.entries, self.poisoned = {}, []
        return count


class Registry:
    """A registry of names, with coroutine methods."""

    def __init__(self, *source: str) -> None:
        self.source = list(source)
        self.kept = set(source)
        self.last_refreshed: datetime | float | None = None
        self.max_age = 300.0

    async def count(self) -> int:
        return len(self.kept)

    async def names(self) -> set[str]:
        return self.kept

    async def expected(self) -> list[str]:
        return self.source

    async def refresh(self) -> int:
        self.kept = set(self.source)
        return len(self.kept)


class Watcher:
    """A watcher that can die or go deaf; half plain, half asynchronous, as they often are."""

    def __init__(self) -> None:
        self.alive = True
        self.deaf = False
        self.last_error: Exception | None = None
        self.restarts = 0

    def is_alive(self) -> bool:
        return self.alive

    async def restart(self) -> None:
        self.restarts += 1
        self.alive, self.deaf = True, False

    async def probe(self) -> str:
        return "nothing was seen within 1 s" if self.deaf else ""


class Pipeline:
    """A pipeline with every fault that there is."""

    def __init__(self) -> None:
        self.waiting = 0
        self.oldest: float | None = None
        self.workers = 2
        self.last_success: datetime | None = None
        self.max_waiting = 10.0
        self.poisoned = ""
        self.calls: list[str] = []

    async def queue_length(self) -> int:
        return self.waiting

    async def oldest_waiting(self) -> float | None:
        return self.oldest

    async def workers_alive(self) -> int:
        return self.workers

    async def workers_expected(self) -> int:
        return 2

    async def verify_cache(self) -> str:
        return self.poisoned

    async def clear_cache(self) -> None:
        self.calls.append("clear_cache")
        self.poisoned = ""

    async def restart(self) -> None:
        self.calls.append("restart")
        self.workers, self.waiting, self.oldest = 2, 0, None


class Workers:
    """Workers of which some can die."""

    def __init__(self) -> None:
        self.living = 4
        self.calls: list[str] = []

    def alive(self) -> int:
        return self.living

    def expected(self) -> int:
        return 4

    def restart(self) -> None:
        self.calls.append("restart")
        self.living = 4


class CarefulWorkers(Workers):
    """Workers whose dead can be replaced one by one."""

    busy = 3

    def restart_dead(self) -> str:
        self.calls.append("restart_dead")
        lost, self.living = 4 - self.living, 4
        return f"{lost} of 4"


class Pool:
    """A pool of connections."""

    def __init__(self) -> None:
        self.used = 1
        self.waiting: int | None = 0
        self.works = True
        self.probed = 0

    def in_use(self) -> int:
        return self.used

    def size(self) -> int:
        return 10

    def probe(self) -> bool:
        self.probed += 1
        return self.works

    def reset(self) -> None:
        self.used, self.waiting, self.works = 0, 0, True


class Hanging(Service):
    """A service whose first look never comes back, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = True
        self.let_go = threading.Event()

    def is_running(self) -> bool:
        if self.hangs:
            self.let_go.wait(10)
        return self.running
