"""What is often there already, made fit: a loop in a thread, a function with ``lru_cache``, an engine of SQLAlchemy."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

_log = logging.getLogger("salus.components")


class ThreadLoop:
    """A function that loops in a daemon thread: a ``RestartableService``.

    ``ThreadLoop(lambda stop: consume(until=stop), name="consumer")``

    A thread cannot be killed: one that does not end when it is told to is left behind, and a new one begins.
    """

    def __init__(self, work: Callable[[threading.Event], object], *, name: str = "loop", grace: float = 2.0) -> None:
        """Take the function; ``start`` begins.

        Args:
            work: loops until the event is set that it is given.
            name: of the thread.
            grace: seconds in which it must end when it is told to.
        """
        self._work = work
        self._name = name
        self._grace = grace
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.last_error: BaseException | None = None
        """What ended it, where it ended by itself."""

    def is_running(self) -> bool:
        """Return whether its thread lives."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def start(self) -> None:
        """Begin, unless it runs."""
        with self._lock:
            self._start()

    def stop(self) -> None:
        """Tell it to end, and wait for that."""
        with self._lock:
            self._end()

    def restart(self) -> None:
        """End what is left of it, and begin anew."""
        with self._lock:
            self._end()
            self._start()

    def _start(self) -> None:
        if self.is_running():
            return
        self._stop, self.last_error = threading.Event(), None
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name=self._name, daemon=True)
        self._thread.start()

    def _end(self) -> None:
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(self._grace)

    def _run(self, stop: threading.Event) -> None:
        try:
            self._work(stop)
        except Exception as error:  # noqa: BLE001 -- whatever ends it is told by its check
            self.last_error = error
            _log.exception("the loop %s ended", self._name)


class LruCache:
    """A function with ``functools.lru_cache`` or ``functools.cache``: a ``ClearableCache``."""

    def __init__(self, function: Any, *, expected_hit_rate: float | None = None, after: int = 100) -> None:
        """Take the function.

        Args:
            function: as the decorator returned it.
            expected_hit_rate: a share (0 to 1) of questions that it should answer.
            after: so many questions must be asked before a hit rate says anything.

        Raises:
            TypeError: it has no such cache.
        """
        if not (callable(getattr(function, "cache_info", None)) and callable(getattr(function, "cache_clear", None))):
            raise TypeError(f"{function!r} has no cache: decorate it with functools.lru_cache")
        self._function = function
        self._after = after
        self.expected_hit_rate = expected_hit_rate

    def size(self) -> int:
        """Return how many results are kept."""
        return int(self._function.cache_info().currsize)

    def max_size(self) -> int | None:
        """Return how many may be."""
        most: int | None = self._function.cache_info().maxsize
        return most

    def hit_rate(self) -> float | None:
        """Return the share of questions that were answered from it since it was cleared; None while there are few."""
        info = self._function.cache_info()
        asked = info.hits + info.misses
        return info.hits / asked if asked >= self._after else None

    def clear(self) -> int:
        """Forget every result, and return how many there were."""
        size = self.size()
        self._function.cache_clear()
        return size


class SqlAlchemyPool:
    """The pool of an ``Engine`` of SQLAlchemy: a ``ConnectionPool``."""

    def __init__(self, engine: Any) -> None:
        """Take the engine (of an ``AsyncEngine``: its ``sync_engine``, and a probe of your own)."""
        self._engine = engine

    def in_use(self) -> int:
        """Return how many connections are lent; 0 where the pool does not count them."""
        pool = self._engine.pool
        return int(pool.checkedout()) if hasattr(pool, "checkedout") else 0

    def size(self) -> int:
        """Return how many can be lent, the overflow included; 0 where there is no limit."""
        pool = self._engine.pool
        if not hasattr(pool, "checkedout"):
            return 0
        overflow = int(getattr(pool, "_max_overflow", 0))
        return 0 if overflow < 0 else int(pool.size()) + overflow

    def probe(self) -> None:
        """Ask ``SELECT 1`` on a connection of the pool."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")

    def reset(self) -> None:
        """Close what is idle; what is lent is closed when it is given back."""
        self._engine.dispose()
