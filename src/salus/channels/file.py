"""Write notifications to a file, for whatever reads it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from salus.channels._document import encoded
from salus.channels._threads import in_thread
from salus.errors import DeliveryError
from salus.options import ChannelOptions
from salus.ports import Channel, Letter, Outlet
from salus.units import Size

# Not blocking: opening a pipe that nobody reads would wait for ever.
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class File(ChannelOptions, frozen=True, kw_only=True):
    """Append each notification to a file as one line of JSON, and make sure that it is on the disk.

    The file is made for its owner alone (mode 0600). A symbolic link in its place is refused.

    Attributes:
        path: the file.
        max_size: a file that would become longer is renamed to ``<path>.1``, which is replaced; 0 lets it grow.
    """

    scalar: ClassVar[str] = "path"

    path: Path
    max_size: Annotated[Size, Meta(ge=0)] = Size(0)

    def problems(self) -> list[tuple[str, str]]:
        """Find a path that cannot be a file."""
        return [] if self.path.name else [("path", "it names no file: write /var/log/salus/alerts.jsonl")]

    def build(self, outlet: Outlet) -> Channel:
        """Make the channel."""
        return FileChannel(self.path, self.max_size)


@dataclass(frozen=True, slots=True)
class FileChannel:
    """A file that notifications are written to."""

    path: Path
    max_size: int = 0
    resend: float | None = None

    async def send(self, letter: Letter) -> str:
        """Write the line."""
        line = encoded(letter) + b"\n"
        try:
            await in_thread(lambda: _append(self.path, line, self.max_size))
        except OSError as error:
            if error.errno == errno.ELOOP:
                what = f"{self.path} is a symbolic link, and those are not followed"
                raise DeliveryError(what, remedy="name the file itself", permanent=True) from error
            what = f"{self.path} cannot be written: {error.strerror or error}"
            raise DeliveryError(what, remedy="look at its folder, its permissions and the disk") from error
        return ""

    async def aclose(self) -> None:
        """The file is opened for every line, so nothing is kept."""


def _append(path: Path, line: bytes, max_size: int) -> None:
    if max_size:
        _rotate(path, len(line), max_size)
    descriptor = _opened(path)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # the last writer was cut short: it shall not spoil this line too
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rotate(path: Path, more: int, max_size: int) -> None:
    """Put the file aside where it has no room for more."""
    with suppress(FileNotFoundError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_size and found.st_size + more > max_size:
            path.replace(path.with_name(f"{path.name}.1"))


def _opened(path: Path) -> int:
    descriptor = os.open(path, _FLAGS, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DeliveryError(f"{path} is not a regular file", remedy="name one that is", permanent=True)
    return descriptor
