"""What ``HealthSystem`` tells the application: the half that reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from salus.errors import ConflictError
from salus.model import Status

if TYPE_CHECKING:
    from salus.library.host import Host
    from salus.library.life import Life
    from salus.model import Json, Observation, Overall

_LONGEST = 60.0


class Telling(ABC):
    """Tells how the whole is, from what is known, and looks afresh."""

    @abstractmethod
    def _overall(self) -> Overall:
        """Return all checks in one word."""

    @abstractmethod
    def _alive(self) -> tuple[Host, Life]:
        """Return what runs; raises ``ConflictError`` where nothing does."""

    @abstractmethod
    def _on_the_loop(self) -> bool:
        """Tell whether the application's loop runs here, and so waits for the caller."""

    @property
    def status(self) -> Status:
        """Return how the whole is; unknown while nothing runs, or nothing was looked at yet."""
        return self._overall().status

    def is_healthy(self) -> bool:
        """Tell whether everything has been looked at, and is well."""
        overall = self._overall()
        return overall.started and overall.status is Status.HEALTHY

    def is_degraded(self) -> bool:
        """Tell whether it works, and not as it should."""
        return self.status is Status.DEGRADED

    def is_ready(self) -> bool:
        """Tell whether requests can be served, as ``/readyz`` does."""
        return self._overall().ready

    def summary(self) -> str:
        """Return how the whole is, in one sentence, such as ``All systems operational`` or ``Down: database``."""
        return self._overall().message

    async def report(self) -> dict[str, Json]:
        """Return the document of ``/health``, with all details.

        Raises:
            ConflictError: it does not run.
        """
        host, life = self._alive()
        return await host.ask(_report(life))

    def report_sync(self) -> dict[str, Json]:
        """Return the document of ``/health``, for code without an event loop."""
        host, life = self._alive()
        return host.call(_report(life), _LONGEST)

    async def run_now(self, *names: str) -> dict[str, Observation]:
        """Look afresh at the named checks, or at all of them; it moves no verdict and no rule.

        Raises:
            NotFoundError: there is no check of that name.
            ConflictError: it does not run.
        """
        host, life = self._alive()
        return await host.ask(life.look(names))

    def run_now_sync(self, *names: str) -> dict[str, Observation]:
        """Look afresh, for code without an event loop.

        Raises:
            NotFoundError: there is no check of that name.
            ConflictError: it does not run; or this is the very loop on which coroutine checks are awaited.
        """
        host, life = self._alive()
        if self._on_the_loop():
            message = "run_now_sync would wait on the event loop that the checks need"
            raise ConflictError(message, remedy="await health.run_now() there")
        return host.call(life.look(names))


async def _report(life: Life) -> dict[str, Json]:
    from salus.library.life import ask

    report: dict[str, Json] = await ask(life.role.local, "GET", "/health")
    return report
