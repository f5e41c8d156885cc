"""Tell the service manager how Salus is: systemd's ``sd_notify(3)`` protocol, spoken only where it listens."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

LONGEST = 200
"""Characters of the line that ``systemctl status`` shows."""

_BUFFER = 8192


class Notifier:
    """Sends one datagram per message to ``NOTIFY_SOCKET``; does nothing where there is none.

    Only a process that is Salus' own may have one: an application that Salus lives in tells its manager by itself.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Read where to send, and how often the manager wants to hear.

        Args:
            environ: the environment; without one nobody is told anything.
        """
        environ = environ or {}
        address = environ.get("NOTIFY_SOCKET", "")
        usable = address.startswith(("/", "@")) and len(address) > 1
        self._address = "" if not usable else "\0" + address[1:] if address.startswith("@") else address
        self._status = ""
        self._ending = False
        usec = environ.get("WATCHDOG_USEC", "")
        # Without WATCHDOG_PID the watchdog is meant for whoever reads this (sd_watchdog_enabled(3)).
        meant_for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(usec) / 1e6 if usec.isdecimal() and meant_for_us and usable else 0.0

    @property
    def listens(self) -> bool:
        """Tell whether there is a manager that listens."""
        return bool(self._address)

    def say(self, *messages: str) -> None:
        """Send messages such as ``READY=1`` in one datagram; a manager that cannot listen costs nothing."""
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door,
        ):
            door.setblocking(False)
            door.sendto("\n".join(messages).encode()[:_BUFFER], self._address)

    def ready(self, status: str) -> None:
        """Say that Salus is up, or has taken a new config."""
        self._status = _line(status)
        self.say("READY=1", f"STATUS={self._status}")

    def reloading(self, monotonic: float) -> None:
        """Say that the config is being read again; ``ready`` says that this is over.

        Args:
            monotonic: seconds of ``CLOCK_MONOTONIC``, by which the manager tells an old message from a new one.
        """
        self.say("RELOADING=1", f"MONOTONIC_USEC={int(monotonic * 1e6)}")

    def stopping(self) -> None:
        """Say that Salus ends; how everything is then is of no interest any more."""
        self._ending = True
        self.say("STOPPING=1")

    def status(self, status: str) -> None:
        """Say how everything is, if that is something else than what was said last."""
        if (line := _line(status)) != self._status and not self._ending:
            self._status = line
            self.say(f"STATUS={line}")


def _line(text: str) -> str:
    return " ".join(text.split())[:LONGEST]
