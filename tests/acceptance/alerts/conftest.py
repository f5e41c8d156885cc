"""What the acceptance tests of alerts share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.alerts.receiving import Receiver
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
def receiver(tmp_path: Path) -> Iterator[Callable[[str], Receiver]]:
    """Start a receiver of a name; all of them end with the test."""
    made: list[Receiver] = []

    def make(name: str) -> Receiver:
        made.append(Receiver(tmp_path / f"receiver-{name}"))
        return made[-1]

    yield make
    for each in made:
        each.close()
