"""The house itself: the version is told once, and the entry point leads somewhere."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import salus

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_version_is_the_same_everywhere() -> None:
    assert salus.__version__ == PYPROJECT["project"]["version"] == version("salus")


def test_all_holds_every_extra() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    assert extras["all"] == [f"salus[{','.join(sorted(set(extras) - {'all'}))}]"]
