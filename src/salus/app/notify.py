"""Tell the service manager how Salus is: systemd's ``sd_notify(3)`` protocol, spoken only where it listens."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends one datagram per message to ``NOTIFY_SOCKET``; does nothing where there is none."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        """Read where to send, and how often the manager wants to hear."""
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        usec = environ.get("WATCHDOG_USEC", "")
        meant_for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(usec) / 1e6 if usec.isdigit() and meant_for_us and address else 0.0

    def say(self, message: str) -> None:
        """Send a message such as ``READY=1``; a manager that cannot listen costs nothing."""
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as door,
        ):
            door.setblocking(False)
            door.sendto(message.encode(), self._address)
