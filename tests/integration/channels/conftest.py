"""What tests of channels share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from salus.clock import SystemClock
from tests.certificates import Authority


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run everything on both loops: the agent uses uvloop, a library user may not."""
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, SystemClock().now())
