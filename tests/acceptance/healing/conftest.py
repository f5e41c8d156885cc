"""What the acceptance tests of healing share."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.salus_process import SalusProcess


@pytest.fixture
def salus(tmp_path: Path) -> Iterator[Callable[[str], SalusProcess]]:
    """Make and start a Salus on a config; all of them end with the test."""
    made: list[SalusProcess] = []

    def make(config: str) -> SalusProcess:
        process = SalusProcess(tmp_path, config)
        made.append(process)
        process.start()
        return process

    yield make
    for process in made:
        process.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Callable[[Sequence[str]], subprocess.Popen[bytes]]]:
    """Start a real program; whatever runs ends with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        if (program := shutil.which(command[0], path=path)) is None:
            pytest.skip(f"not on this platform: {command[0]} is not installed (scripts/install-test-peers)")
        with (tmp_path / f"{command[0]}.log").open("wb") as log:
            process = subprocess.Popen([program, *command[1:]], cwd=tmp_path, stdout=log, stderr=log)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait(timeout=10)
