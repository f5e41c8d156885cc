"""Where a channel under test stands, and how it is made from what a config says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from salus.app.registry import kind
from salus.clock import SystemClock
from salus.config import Sources, options
from salus.model import Targets
from salus.options import ChannelOptions
from salus.ports import Channel, Outlet

Raw: TypeAlias = "Mapping[str, Any] | list[str] | str | None"


def outlet(folder: Path, **targets: tuple[str, ...]) -> Outlet:
    return Outlet(clock=SystemClock(), state_dir=folder, state_id="test-state", targets=Targets(**targets))


def configured(name: str, raw: Raw) -> ChannelOptions:
    """Read the options of a kind as the config does, and see that they have no problems."""
    found = kind("channels", name)
    assert issubclass(found, ChannelOptions)
    read = options(found, raw, path=("alerts", "channels", "ops", name), sources=Sources())
    assert read.problems() == []
    return read


def channel(name: str, raw: Raw, at: Outlet) -> Channel:
    return configured(name, raw).build(at)
