"""The ``command`` service: anything that is started and stopped by commands, such as a daemon with a pid file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from salus.options import ServiceOptions
from salus.ports import Service, Site
from salus.services._commands import Commands, CommandService
from salus.services._log import LogOptions
from salus.units import Duration


class CommandOptions(ServiceOptions, frozen=True, kw_only=True):
    """Anything that is started, stopped and looked after by commands: a daemon, a container, a cluster's own tool.

    With a pid file its main process is known: its exit is seen at once, a hung one is killed when the stop command
    does not help, and a stale file, whose number now belongs to another program, is recognised. Without one, the status
    command is asked when it matters; without either, Salus believes what it did last.

    Attributes:
        start: command that starts it and returns, leaving it running.
        stop: command that stops it.
        restart: command that restarts it; without it, stop and start.
        status: command that exits with 0 while it runs.
        pid_file: file with the number of its main process.
        directory: working directory of the commands.
        environment: environment of the commands, on top of PATH, HOME, LANG, TZ and the like.
        user: user to run the commands as; needs Salus to run as root.
        start_timeout: it must be started, and its pid file or status must say so, within this time.
        stop_timeout: it must have stopped within this time, or its main process is killed.
        log: how much of the output of the commands is kept.
        autostart: start it with Salus.
    """

    start: tuple[str, ...]
    stop: tuple[str, ...]
    restart: tuple[str, ...] | None = None
    status: tuple[str, ...] | None = None
    pid_file: Path | None = None
    directory: Path | None = None
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    user: str | None = None
    start_timeout: Duration = Duration(30)
    stop_timeout: Duration = Duration(30)
    log: LogOptions = LogOptions()
    autostart: bool = True

    def problems(self) -> list[tuple[str, str]]:
        """Say what the types alone cannot."""
        given = {"start": self.start, "stop": self.stop, "restart": self.restart, "status": self.status}
        return [
            (field, "must name a program")
            for field, command in given.items()
            if command is not None and (not command or not command[0])
        ]

    def build(self, name: str, site: Site) -> Service:
        """Make the service."""
        return CommandService(name, Commands(**msgspec.structs.asdict(self)), site)
