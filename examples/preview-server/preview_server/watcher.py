"""Sees that files change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from watchfiles import watch

from salus.components import ProbeFile, ThreadLoop


class Watcher(ThreadLoop):
    """Watches a folder from a thread (a ``FileWatcher``).

    A watcher can die, and it can live and be deaf: when the folder was replaced by another of the same name, or the
    system ran out of watches. So it proves at each look that it sees a file that is made in the folder.
    """

    def __init__(self, folder: Path, tell: Callable[[set[str]], object], *, unseen: float = 2.0) -> None:
        """Watch ``folder``, and tell the names of the components in which something changed.

        Args:
            folder: where the components are.
            tell: is given the names; none when anything may have changed.
            unseen: seconds after which a change that was not seen proves that the watcher is deaf.
        """
        super().__init__(self._watch, name="preview-watcher")
        self._folder = folder
        self._tell = tell
        self._probe_file = ProbeFile(folder, within=unseen)
        self.probe = self._probe_file.probe
        self.last_event: datetime | None = None
        self.fault: Exception | None = None

    def is_alive(self) -> bool:
        """Return whether its thread lives."""
        return self.is_running()

    def restart(self) -> None:
        """Begin anew, and catch up with what was missed."""
        self.fault = None  # a fault is the end of one watcher, never of the next
        super().restart()
        self._tell(set())

    def _watch(self, stop: threading.Event) -> None:
        for changes in watch(self._folder, stop_event=stop, debounce=200, step=20, rust_timeout=500):
            if self.fault is not None:
                fault, self.fault = self.fault, None
                raise fault
            seen = [Path(path).relative_to(self._folder) for _, path in changes if not self._probe_file.seen(path)]
            if seen:
                self.last_event = datetime.now(UTC)
                self._tell({path.parts[0] for path in seen if path.parts})
