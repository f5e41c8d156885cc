"""What the health of an application is now, as gRPC says it, and who wants to hear when it changes."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from salus.clock import SystemClock
from salus.errors import ConflictError, SalusError

_log = logging.getLogger("salus.integrations")

SERVING, NOT_SERVING, UNKNOWN, SERVICE_UNKNOWN = 1, 2, 0, 3
"""The numbers of ``grpc.health.v1.HealthCheckResponse.ServingStatus``."""

OVERALL = ""
"""The service that stands for the server as a whole."""

MOST_WATCHERS = 1000
# How old an answer may be: a thousand probes in a second must not make a thousand reports.
_FRESH = 0.1
# Between two reports for watchers, in a storm of events.
_BREATH = 0.02
# Where no event tells of a change, as in a process that follows another one.
_LOOK_EVERY = 1.0
_WORDS = {"healthy": SERVING, "degraded": SERVING, "unhealthy": NOT_SERVING}

Handler = TypeVar("Handler", bound=Callable[..., object])
Put = Callable[[int], None]


class System(Protocol):
    """What of a ``HealthSystem`` is needed."""

    @property
    def runs(self) -> bool:
        """Tell whether it runs in this process."""
        ...

    def is_ready(self) -> bool:
        """Tell whether requests can be served."""
        ...

    async def report(self) -> Mapping[str, Any]:
        """Return the document of ``/health``."""
        ...

    def report_sync(self) -> Mapping[str, Any]:
        """Return it, in a thread."""
        ...

    def on(self, *kinds: str) -> Callable[[Handler], Handler]:
        """Let a function hear events."""
        ...


class Board:
    """Knows the serving status of every service, and tells watchers within a moment when theirs changes.

    1. An event of Salus wakes a thread of ours, which makes one report, whatever the number of watchers.
    2. Every watcher whose service is not as it was told last is told. It holds the newest status only, so a client that
       reads slowly misses what was in between, and costs no memory.
    3. Without watchers there is no thread.
    """

    def __init__(self, system: System) -> None:
        """Stand for a system; nothing runs yet."""
        self._system = system
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._watchers: dict[object, Watched] = {}
        self._changed = threading.Event()
        self._pause = threading.Event()  # nobody sets it
        self._thread: threading.Thread | None = None
        self._closed = False
        self._known: Mapping[str, int] = {}
        self._known_at = self._changed_at = float("-inf")
        board = weakref.ref(self)

        def told(_: object) -> None:
            if (this := board()) is not None:
                this.change()

        system.on()(told)

    # ── for who asks once ─────────────────────────────────────────────────────────────────────────────────────────────

    def now(self) -> Mapping[str, int] | None:
        """Return the status of every service, in a thread; None where Salus does not run."""
        if (known := self._recent()) is not None:
            return known
        asked = self._clock.monotonic()
        try:
            return self._learn(self._system.report_sync(), asked)
        except Exception as error:  # noqa: BLE001 - a report that fails must not end the thread that all watch by
            return self._nothing(error)

    async def anow(self) -> Mapping[str, int] | None:
        """Return the status of every service, on an event loop; None where Salus does not run."""
        if (known := self._recent()) is not None:
            return known
        asked = self._clock.monotonic()
        try:
            return self._learn(await self._system.report(), asked)
        except Exception as error:  # noqa: BLE001 - as above: whoever asks is told that nothing is known
            return self._nothing(error)

    @staticmethod
    def _nothing(error: Exception) -> None:
        if not isinstance(error, SalusError | TimeoutError | OSError):
            _log.error("the health service of gRPC gets no report", exc_info=error)

    def _recent(self) -> Mapping[str, int] | None:
        fresh = self._clock.monotonic() - self._known_at < _FRESH and self._known_at > self._changed_at
        return self._known if fresh and self._system.runs else None

    def _learn(self, report: Mapping[str, Any], asked: float) -> Mapping[str, int]:
        checks = report.get("checks") or {}
        found = {name: _WORDS.get(str(check.get("status")), UNKNOWN) for name, check in checks.items()}
        found[OVERALL] = SERVING if self._system.is_ready() else NOT_SERVING
        self._known, self._known_at = found, asked  # what changed while it was asked for may not be in it
        return found

    # ── for who wants to hear ─────────────────────────────────────────────────────────────────────────────────────────

    def change(self) -> None:
        """Something may have changed; any thread may say so."""
        self._changed_at = self._clock.monotonic()
        self._changed.set()

    def watch(self, service: str, put: Put, end: Callable[[], None]) -> object:
        """Have every change of a service put, the status of this moment first.

        Args:
            service: its name.
            put: takes a status; called in a thread of ours, and must return at once.
            end: called when there is nothing more to come.

        Raises:
            ConflictError: there are too many watchers, or it is closed.
        """
        ticket = object()
        with self._lock:
            if self._closed:
                raise ConflictError("the server is shutting down")
            if len(self._watchers) >= MOST_WATCHERS:
                raise ConflictError(f"{MOST_WATCHERS} watch already")
            self._watchers[ticket] = Watched(service, put, end)
            if self._thread is None:
                self._thread = threading.Thread(target=self._tell, name="salus-grpc-watch", daemon=True)
                self._thread.start()
        self._changed.set()
        return ticket

    def leave(self, ticket: object) -> None:
        """Put nothing more for that watcher."""
        with self._lock:
            self._watchers.pop(ticket, None)
        self._changed.set()

    @property
    def watchers(self) -> int:
        """Return how many watch now."""
        return len(self._watchers)

    def close(self) -> None:
        """End every watch, and take no more."""
        with self._lock:
            self._closed = True
            watchers = list(self._watchers.values())
            self._watchers.clear()
        for watched in watchers:
            watched.end()
        self._changed.set()

    def _tell(self) -> None:
        while True:
            self._changed.clear()
            with self._lock:
                if not self._watchers:
                    self._thread = None
                    return
            known = self.now()
            with self._lock:
                watchers = list(self._watchers.values())
            for watched in watchers:
                watched.tell(known)
            self._changed.wait(_LOOK_EVERY)
            self._pause.wait(_BREATH)


class Watched:
    """One watcher: its service, and what it was told last."""

    __slots__ = ("_last", "_put", "end", "service")

    def __init__(self, service: str, put: Put, end: Callable[[], None]) -> None:
        """Nothing was told yet."""
        self.service = service
        self.end = end
        self._put = put
        self._last: int | None = None

    def tell(self, known: Mapping[str, int] | None) -> None:
        """Put the status of its service, if it is not what it was."""
        if known is not None:
            status = known.get(self.service, SERVICE_UNKNOWN)
        else:  # Salus does not run: nothing vouches for anything
            status = SERVICE_UNKNOWN if self._last == SERVICE_UNKNOWN else NOT_SERVING
        if status != self._last:
            self._last = status
            self._put(status)
