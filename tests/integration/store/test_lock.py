"""One Salus per state folder, and a dead one never keeps it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from salus.errors import StoreError, StoreUnwritableError
from salus.store.lock import Lock, holder

HOLD = """
import sys, pathlib, subprocess
from salus.store.lock import Lock
Lock(pathlib.Path(sys.argv[1])).acquire()
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
sys.stdin.read()
"""

# Killed between fork and exec: the child holds the lock too, until it becomes its program.
DIE_WHILE_STARTING = """
import os, pathlib, sys, time
from salus.store.lock import Lock
file, go = map(pathlib.Path, sys.argv[1:])
Lock(file).acquire()
if os.fork() == 0:
    os.closerange(1, 3)
    while not go.exists():
        time.sleep(0.005)
    time.sleep(0.3)
os._exit(0)
"""


def test_the_second_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "state" / "salus.lock"
    with Lock(file) as first:
        assert holder(file) == holder(file.parent) == os.getpid()
        second = Lock(file.parent)
        with pytest.raises(StoreError, match=f"pid {os.getpid()}") as caught:
            second.acquire()
        assert caught.value.remedy
        first.acquire()
    assert holder(file) is None
    second.acquire()
    assert second.held
    second.release()
    second.release()


def test_a_salus_killed_while_it_started_a_service_keeps_nobody_out(tmp_path: Path) -> None:
    file, go = tmp_path / "salus.lock", tmp_path / "go"
    subprocess.run([sys.executable, "-c", DIE_WHILE_STARTING, str(file), str(go)], check=True, capture_output=True)
    assert holder(file) is not None
    go.touch()

    with Lock(file) as lock:
        assert lock.held


def test_a_killed_salus_lets_go_even_if_its_children_live_on(tmp_path: Path) -> None:
    file = tmp_path / "salus.lock"
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            with pytest.raises(StoreError, match=f"pid {process.pid}"):
                Lock(file).acquire()
            assert holder(file) == process.pid
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            os.kill(child, 0)
            with Lock(file) as lock:
                assert lock.held
        finally:
            os.kill(child, signal.SIGKILL)


def test_asking_who_holds_a_folder_never_keeps_a_salus_from_taking_it(tmp_path: Path) -> None:
    file = tmp_path / "salus.lock"
    with Lock(file):
        pass
    enough = threading.Event()

    def ask() -> None:
        while not enough.wait(0.002):
            holder(file)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(200):
            with Lock(file) as lock:
                assert lock.held
    finally:
        enough.set()
        thread.join()


def test_nobody_holds_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert holder(tmp_path / "nowhere" / "salus.lock") is None


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritableError, match="cannot be created"):
        Lock(tmp_path / "file" / "salus.lock").acquire()
