"""Builds pages: workers take jobs from a queue, and keep what they make in a cache."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from preview_server.registry import Component

Pages = Mapping[str, str]


class AbandonedError(Exception):
    """The worker that built it was replaced."""


@dataclass(slots=True)
class Job:
    """A component that waits to be built."""

    work: Callable[[], Pages]
    key: tuple[str, str]
    since: float
    future: Future[Pages] = field(default_factory=Future)


@dataclass(slots=True)
class Built:
    """What was built, and the digest that proves that it is still that."""

    pages: Pages
    digest: str


class Pipeline:
    """Builds components in threads (a ``BuildPipeline``)."""

    def __init__(self, build: Callable[[Component], Pages], *, workers: int = 2, max_waiting: float = 10.0) -> None:
        """Build with ``build``, which returns a page for each variant; ``restart`` begins."""
        self.max_waiting = max_waiting
        self.last_success: datetime | None = None
        self._build = build
        self._expected = workers
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: dict[threading.Thread, Job] = {}
        self._workers: list[threading.Thread] = []
        self._first: dict[threading.Thread, Job] = {}
        self._cache: dict[tuple[str, str], Built] = {}

    def build(self, component: Component) -> Future[Pages]:
        """Return the pages of a component, from the cache or once a worker has built them."""
        key = (component.name, component.fingerprint)
        with self._changed:
            if built := self._cache.get(key):
                done: Future[Pages] = Future()
                done.set_result(built.pages)
                return done
            for job in (*self._waiting, *self._running.values()):
                if job.key == key:
                    return job.future
            return self.submit(lambda: self._build(component), key)

    def submit(self, work: Callable[[], Pages], key: tuple[str, str]) -> Future[Pages]:
        """Put a job at the end of the queue."""
        job = self._job(work, key)
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    def _job(self, work: Callable[[], Pages], key: tuple[str, str]) -> Job:
        job = Job(work, key, time.monotonic())
        job.future.set_running_or_notify_cancel()  # others may wait for it too: who loses patience cancels nothing
        return job

    # ── what Salus asks ───────────────────────────────────────────────────────────────────────────────────────────────

    def queue_length(self) -> int:
        """Return how many jobs wait."""
        return len(self._waiting)

    def oldest_waiting(self) -> float | None:
        """Return how long the oldest has waited, in seconds."""
        with self._changed:
            return time.monotonic() - self._waiting[0].since if self._waiting else None

    def workers_alive(self) -> int:
        """Return how many workers live."""
        return sum(worker.is_alive() for worker in self._workers)

    def workers_expected(self) -> int:
        """Return how many should."""
        return self._expected

    def verify_cache(self) -> list[str]:
        """Return the components whose pages are no longer those that were built."""
        with self._changed:
            entries = list(self._cache.items())
        return sorted({name for (name, _), built in entries if _digest(built.pages) != built.digest})

    # ── what Salus does ───────────────────────────────────────────────────────────────────────────────────────────────

    def clear_cache(self) -> int:
        """Forget everything that was built, and return how much that was."""
        with self._changed:
            count = len(self._cache)
            self._cache.clear()
        return count

    def restart(self) -> str:
        """Replace all workers. What waits goes on waiting; what a stuck worker had in hand is given up."""
        with self._changed:
            abandoned, self._running, self._first = list(self._running.values()), {}, {}
            self._workers = [
                threading.Thread(target=self._work, name=f"preview-worker-{number}", daemon=True)
                for number in range(self._expected)
            ]
            self._changed.notify_all()
        for worker in self._workers:
            worker.start()
        for job in abandoned:
            with suppress(Exception):  # it has just ended after all
                job.future.set_exception(AbandonedError("the worker that built it was stuck, and was replaced"))
        return f"{len(abandoned)} jobs given up, {self.queue_length()} still wait"

    def stop(self) -> None:
        """Let the workers end."""
        with self._changed:
            self._workers = []
            self._changed.notify_all()

    def seize(self, work: Callable[[], Pages]) -> None:
        """Have every worker do this before all that waits: a fault, which ``restart`` does not keep."""
        with self._changed:
            self._first = {worker: self._job(work, ("fault", worker.name)) for worker in self._workers}
            self._changed.notify_all()

    def poison(self) -> None:
        """Change pages behind the cache's back: a fault, for those who like to see it healed."""
        with self._changed:
            for (name, _), built in self._cache.items():
                built.pages = dict.fromkeys(built.pages, f"<h1>{name} is not what it was</h1>")

    # ── a worker ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self) -> None:
        me = threading.current_thread()
        while (job := self._next(me)) is not None:
            try:
                pages = job.work()
            except Exception as error:  # noqa: BLE001 -- whoever asked for the build is told
                self._ended(me, job, error)
            else:
                self._ended(me, job, pages)

    def _next(self, me: threading.Thread) -> Job | None:
        """Wait for a job; None when this worker is no longer one."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or me in self._first or me not in self._workers)
            if me not in self._workers:
                return None
            job = self._running[me] = self._first.pop(me, None) or self._waiting.popleft()
            return job

    def _ended(self, me: threading.Thread, job: Job, result: Pages | Exception) -> None:
        with self._changed:
            if self._running.pop(me, None) is None:
                return  # this worker was replaced while it built: nobody waits any more
            if not isinstance(result, Exception):
                self._cache[job.key] = Built(result, _digest(result))
                for old in [key for key in self._cache if key[0] == job.key[0] and key != job.key]:
                    del self._cache[old]
                self.last_success = datetime.now(UTC)
        if isinstance(result, Exception):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)


def _digest(pages: Pages) -> str:
    return hashlib.sha256("\0".join(f"{name}\0{page}" for name, page in pages.items()).encode()).hexdigest()
