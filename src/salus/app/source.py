"""Where the config of an agent comes from: a file, or the program that it lives in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from salus.app.build import Resolved, resolve
from salus.config import Settings, load
from salus.errors import ConflictError

if TYPE_CHECKING:
    from salus.app.own import Program


class Source:
    """The config in force, and where the next one is read.

    Attributes:
        resolved: the config in force, every name of it an object.
        path: the file that it came from.
    """

    def __init__(self, settings: Settings, path: Path | None, program: Program | None) -> None:
        """Begin with a config that was read already.

        Raises:
            ConfigError: a name or an option in it is wrong.
        """
        self.path = path
        self._program = program
        self.resolved: Resolved = resolve(settings, program.own if program else None)

    def read(self) -> Resolved:
        """Read the config again; what is in force stays.

        Raises:
            ConfigError: it is wrong.
            ConflictError: there is no file to read.
        """
        if self._program is not None:
            return resolve(*self._program.read())
        if self.path is None:
            message = "this Salus was not started from a file"
            raise ConflictError(message, remedy="change it in the program that built it")
        return resolve(load(self.path))
