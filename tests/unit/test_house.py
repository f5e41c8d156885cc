"""The house itself: the version is told once, and the entry point leads somewhere."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import salus

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_version_is_the_same_everywhere() -> None:
    assert salus.__version__ == PYPROJECT["project"]["version"] == version("salus")


def test_all_holds_every_extra() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    named = ",".join(line.removeprefix("salus[").removesuffix("]") for line in extras["all"])
    assert named.split(",") == sorted(set(extras) - {"all"})


def test_every_room_that_decides_is_held_pure() -> None:
    contracts = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
    there = {name for name in ("model", "state", "rules", "stats") if list((ROOT / "src/salus").glob(f"{name}*"))}
    assert {f"salus.{name}" for name in there} <= set(contracts["pure"]["source_modules"])
