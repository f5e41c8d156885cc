"""A real watcher of files (watchfiles), killed and made deaf, is seen to be so and restarted."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchfiles import watch

from salus.components import FileWatcher, ProbeFile, ThreadLoop, describe
from salus.model import Status
from tests.looks import look_once
from tests.unit.actions.scenes import make_scene

PATIENT, IMPATIENT = 10.0, 0.3


class Watcher(ThreadLoop):
    """Tells which files changed. Its faults are those of real ones: it dies of an error, or looks where nothing is."""

    def __init__(self, folder: Path) -> None:
        super().__init__(self._watch, name="watcher")
        self.folder = folder
        self.probe_file = ProbeFile(folder, within=PATIENT)
        self.probe = self.probe_file.probe
        self.changes: list[str] = []
        self.changed = threading.Event()
        self.watches = threading.Event()
        self.fault: Exception | None = None

    def is_alive(self) -> bool:
        return self.is_running()

    def start(self) -> None:
        self.watches.clear()
        super().start()
        assert self.watches.wait(PATIENT)  # what changes before it watches is not seen

    def restart(self) -> None:
        self.watches.clear()
        super().restart()
        assert self.watches.wait(PATIENT)

    def _watch(self, stop: threading.Event) -> None:
        watching = watch(self.folder, stop_event=stop, rust_timeout=100, step=10, debounce=50, yield_on_timeout=True)
        for changes in watching:
            self.watches.set()
            for _, path in changes:
                if self.fault is not None:
                    fault, self.fault = self.fault, None
                    raise fault
                if not self.probe_file.seen(path):
                    self.changes.append(Path(path).name)
                    self.changed.set()


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    folder = tmp_path / "watched"
    folder.mkdir()
    watcher = Watcher(folder)
    watcher.start()
    yield watcher
    watcher.stop()


async def test_a_watcher_proves_that_it_sees_changes_and_tells_nobody_of_the_proof(watcher: Watcher) -> None:
    typed: FileWatcher = watcher
    description = describe("watcher", typed)
    assert description.kind == "file_watcher"
    assert (await look_once(description.check, timeout=PATIENT)).message == "alive"
    (watcher.folder / "button.html").write_text("<button>")
    assert watcher.changed.wait(PATIENT)
    assert set(watcher.changes) == {"button.html"}
    assert [path.name for path in watcher.folder.iterdir()] == ["button.html"]


async def test_a_watcher_that_died_is_restarted(watcher: Watcher) -> None:
    description = describe("watcher", watcher)
    assert (await look_once(description.check)).status is Status.HEALTHY
    watcher.fault = OSError("no space left on device")
    watcher.probe_file._within = 3.0
    seen = await look_once(description.check)  # the probe itself is the change that the thread dies of
    assert seen.message == "it is dead, expected alive: OSError: no space left on device"
    watcher.probe_file._within = PATIENT
    await description.actions["restart_file_watcher"].run(make_scene())
    assert (await look_once(description.check)).status is Status.HEALTHY


async def test_a_watcher_of_a_folder_that_was_replaced_lives_and_is_deaf(watcher: Watcher) -> None:
    description = describe("watcher", watcher)
    assert (await look_once(description.check)).status is Status.HEALTHY
    shutil.rmtree(watcher.folder)
    seen = await look_once(description.check)
    assert seen.status is Status.UNHEALTHY
    watcher.folder.mkdir()  # another folder of that name: the old watch is on what is gone
    watcher.probe_file._within = IMPATIENT
    seen = await look_once(description.check)
    assert seen.status is Status.UNHEALTHY
    watcher.probe_file._within = PATIENT
    await description.actions["restart_file_watcher"].run(make_scene())
    assert (await look_once(description.check)).status is Status.HEALTHY
