"""What sees that files change, and the file that proves it."""

from __future__ import annotations

import threading
from collections.abc import Awaitable
from contextlib import suppress
from itertools import count
from os import PathLike
from pathlib import Path
from typing import Protocol, runtime_checkable

from salus.components.kind import ComponentKind, Deed, Facts, Reading, Verdict, moment
from salus.components.rules import FILE_WATCHER
from salus.units import format_duration


@runtime_checkable
class FileWatcher(Protocol):
    """Something that watches files and says when they change: a loop over ``watchfiles``, an observer of ``watchdog``.

    Methods may be plain (they run in a thread) or coroutines (they run on the loop of the application).

    Used where they are there:

    - ``probe()``: proves that changes are still seen, for a watcher that lives and is deaf is the common fault.
      Returns nothing or True when they are; False, or a text that says what is wrong, otherwise. ``ProbeFile`` has one.
    - ``last_event``: when the last change was seen: an aware ``datetime``, or seconds since 1970; None while none was.
      Only shown: where nobody edits, nothing changes.
    - ``last_error``: the exception or the text that says why it died, or None; told when it is dead.
    """

    def is_alive(self) -> bool | Awaitable[bool]:
        """Return whether it watches: its thread, task or process is there."""
        ...

    def restart(self) -> object:
        """End what is left of it, and return when a new one watches."""
        ...


class ProbeFile:
    """Proves that a watcher sees changes: makes a file in the watched folder, and waits until the watcher says so.

    Give the watcher this object, let it call ``seen(path)`` for every change, and let its ``probe`` be the one of this
    object. Each probe makes a file of another name and removes it, so that a late word about the last one
    proves nothing.
    """

    def __init__(self, folder: str | PathLike[str], *, within: float = 3.0, prefix: str = ".salus-probe-") -> None:
        """Probe in ``folder``.

        Args:
            folder: one that is watched.
            within: seconds in which a change must be seen; less than the timeout of the check.
            prefix: how the names of the files begin.
        """
        self._folder = Path(folder)
        self._within = within
        self._prefix = prefix
        self._numbers = count(1)
        self._seen = threading.Event()
        self._name = ""

    def seen(self, path: str | PathLike[str]) -> bool:
        """Hear of a change, from any thread. Returns True where it is of a probe, and nobody else needs to know."""
        name = Path(path).name
        if name == self._name:
            self._seen.set()
        return name.startswith(self._prefix)

    def probe(self) -> str:
        """Return what is wrong, or an empty string. Blocks until the change is seen, or time is up.

        Raises:
            OSError: the file cannot be made: the folder is gone, full, or not ours.
        """
        self._seen.clear()
        self._name = f"{self._prefix}{next(self._numbers)}"
        path = self._folder / self._name
        try:
            path.touch()
            seen = self._seen.wait(self._within)
        finally:
            with suppress(OSError):
                path.unlink()
        return "" if seen else f"a new file in {self._folder} was not seen within {format_duration(self._within)}"


def judge(facts: Facts, verdict: Verdict) -> str:
    """Expect it to be alive."""
    if not facts.flag("is_alive"):
        verdict.unhealthy("it is dead, expected alive" + facts.because("last_error"), "not_alive")
    age = facts.age("last_event")
    return "alive" if age is None else f"alive, last change {format_duration(age)} ago"


KIND = ComponentKind(
    name="file_watcher",
    protocol=FileWatcher,
    requires=("is_alive", "restart"),
    readings=(Reading("is_alive"), Reading("last_error"), moment("last_event")),
    judge=judge,
    deeds={"restart_file_watcher": Deed(done="restarted {name}", calls=("restart",))},
    rule=FILE_WATCHER,
    broken="alive and deaf",
)
