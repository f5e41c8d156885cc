"""Text in, one frozen Settings tree out; every complaint says file, line, path and remedy."""

from __future__ import annotations

from salus.config.convert import SCALAR, options
from salus.config.loading import load, loads, state_dir
from salus.config.settings import AgentSettings, Settings
from salus.config.sources import Place, Sources, did_you_mean

__all__ = [
    "SCALAR",
    "AgentSettings",
    "Place",
    "Settings",
    "Sources",
    "did_you_mean",
    "load",
    "loads",
    "options",
    "state_dir",
]
