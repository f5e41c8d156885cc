"""Start Salus where requests are served. What is wrong with it must not keep the application from serving."""

from __future__ import annotations

import logging
import os

from salus.errors import SalusError
from salus.library.system import HealthSystem

_log = logging.getLogger("salus.integrations")


class Starter:
    """Starts a system once in each process, and tells once why it could not."""

    def __init__(self, health: HealthSystem) -> None:
        """Start nothing yet."""
        self._health = health
        self._failed_in = 0
        self.reason = ""

    @property
    def settled(self) -> bool:
        """Tell whether there is nothing to do: it runs, was stopped, or cannot run in this process."""
        return self._health.runs or self._health.ended or self._failed_in == os.getpid()

    def start(self) -> bool:
        """Start it unless that is settled; tells whether it runs."""
        if not self.settled:
            try:
                self._health.start()
            except SalusError as error:
                self.failed(error)
        return self._health.runs

    def failed(self, error: SalusError) -> None:
        """Remember that it cannot run in this process, and say why."""
        self.reason = f"{error} ({error.remedy})" if error.remedy else str(error)
        self._failed_in = os.getpid()
        _log.error("salus does not run in process %d: %s", self._failed_in, self.reason)
