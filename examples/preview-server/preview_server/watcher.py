"""Sees that files change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from watchfiles import watch

from salus.components import ProbeFile, ThreadLoop


class Watcher(ThreadLoop):
    """Watches a folder from a thread (a ``FileWatcher``).

    A watcher can die, and it can live and be deaf: when the folder was replaced by another of the same name, or the
    system ran out of watches. So it proves at each look that it sees a file that is made in the folder.
    """

    def __init__(self, folder: Path, tell: Callable[[set[str]], object]) -> None:
        """Watch ``folder``, and tell the names of the components in which something changed."""
        super().__init__(self._watch, name="preview-watcher")
        self._folder = folder
        self._tell = tell
        self._probe_file = ProbeFile(folder, within=2.0)
        self.probe = self._probe_file.probe
        self.last_event: datetime | None = None
        self.fault: Exception | None = None

    def is_alive(self) -> bool:
        """Return whether its thread lives."""
        return self.is_running()

    def restart(self) -> None:
        """Begin anew, and catch up with what was missed."""
        super().restart()
        self._tell(set())

    def _watch(self, stop: threading.Event) -> None:
        for changes in watch(self._folder, stop_event=stop, debounce=200, step=20, rust_timeout=500):
            if self.fault is not None:
                fault, self.fault = self.fault, None
                raise fault
            if names := set(self._components(path for _, path in changes)):
                self.last_event = datetime.now(UTC)
                self._tell(names)

    def _components(self, paths: Iterable[str]) -> Iterable[str]:
        for path in paths:
            if not self._probe_file.seen(path):
                yield Path(path).relative_to(self._folder).parts[0]
