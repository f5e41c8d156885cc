"""``salus plugins``, with distributions as an installer leaves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

GOOD = '''
from salus.model import Observation
from salus.options import ActionOptions, CheckOptions
from salus.ports import Look


class Moon(CheckOptions, frozen=True, kw_only=True):
    """See that the moon is up.

    Attributes:
        phase: the least of it that must be seen.
    """

    phase: float = 0.5

    async def look(self, look: Look) -> Observation:
        return look.healthy("it is up")


class NotOptions:
    """Whatever this is."""
'''
LACKS = "import no_such_module_of_ours\n"
BROKEN = "raise RuntimeError('half\\ninstalled')\n"


def install(place: Path, name: str, points: dict[str, dict[str, str]], modules: dict[str, str], more: str = "") -> None:
    """Leave in a folder what an installer would."""
    info = place / f"{name.replace('-', '_')}-1.2.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n{more}")
    groups = [
        f"[salus.{room}]\n" + "\n".join(f"{kind} = {target}" for kind, target in kinds.items())
        for room, kinds in points.items()
    ]
    (info / "entry_points.txt").write_text("\n\n".join(groups) + "\n")
    for module, text in modules.items():
        (place / f"{module}.py").write_text(dedent(text))


def salus(*words: str, place: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(place), *sys.path])
    return subprocess.run(
        [sys.executable, "-m", "salus.cli.main", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": path, "TERM": "dumb"},
        cwd=place,
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("good")
    install(place, "salus-moon", {"checks": {"moon": "salus_moon:Moon"}}, {"salus_moon": GOOD})
    return place


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bad")
    checks = {
        "moon": "salus_moon:Moon",
        "http": "salus_moon:Moon",
        "no-options": "salus_moon:NotOptions",
        "gone": "salus_gone:Gone",
        "nameless": "salus_moon:Sun",
        "tides": "salus_tides:Tides",
        "broken": "salus_broken:Broken",
    }
    more = "Requires-Dist: no-such-module-of-ours>=2 ; extra == 'tides'\nProvides-Extra: tides\n"
    modules = {"salus_moon": GOOD, "salus_tides": LACKS, "salus_broken": BROKEN}
    install(place, "salus-moon", {"checks": checks, "actions": {"moon": "salus_moon:Moon"}}, modules, more)
    install(place, "salus-other-moon", {"checks": {"moon": "salus_moon:NotOptions"}}, {})
    return place


def test_a_check_of_another_package_is_listed_with_where_it_comes_from(good: Path) -> None:
    done = salus("plugins", place=good)
    assert (done.returncode, done.stderr) == (0, "")
    assert " ".join(done.stdout.splitlines()[1].split()) == "check moon salus-moon 1.2.3 See that the moon is up."


def test_a_listed_check_can_be_used(good: Path) -> None:
    (good / "salus.yaml").write_text("checks: {up: moon}\n")
    (good / "salus.yaml").chmod(0o600)
    done = salus("check", "up", place=good)
    assert done.stdout.startswith("up OK - it is up"), done.stderr


def test_without_any_there_is_one_line(tmp_path: Path) -> None:
    done = salus("plugins", place=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("no other package offers anything")
    assert salus("plugins", "--json", place=tmp_path).stdout == "[]\n"


def test_whatever_cannot_be_used_is_named_with_its_reason_and_a_remedy(bad: Path) -> None:
    done = salus("plugins", "--json", place=bad)
    assert done.returncode == 1
    found: dict[tuple[str, str, str], dict[str, Any]] = {
        (one["room"], one["kind"], one["package"]): one for one in json.loads(done.stdout)
    }
    mine = {kind: one for (room, kind, package), one in found.items() if (room, package) == ("checks", "salus-moon")}
    assert "Salus has a check 'http' of its own" in mine["http"]["problem"]
    assert mine["no-options"]["problem"] == "it is no subclass of salus.options.CheckOptions"
    assert mine["gone"]["problem"] == "its module 'salus_gone' is not there"
    assert "has no attribute 'Sun'" in mine["nameless"]["problem"]
    assert mine["tides"]["problem"] == "it needs the extra 'tides': there is no module 'no_such_module_of_ours'"
    assert mine["tides"]["remedy"] == "pip install 'salus-moon[tides]'"
    assert mine["broken"]["problem"] == "loading it fails: RuntimeError: half installed"
    assert found["actions", "moon", "salus-moon"]["problem"] == "it is no subclass of salus.options.ActionOptions"
    clashing = [one["problem"] for (room, kind, _), one in found.items() if (room, kind) == ("checks", "moon")]
    assert sum("offers 'moon' too, and is used instead" in problem for problem in clashing) == 1


def test_broken_ones_are_told_on_standard_error_and_spoil_no_other_command(bad: Path) -> None:
    done = salus("plugins", place=bad)
    assert done.returncode == 1
    assert "NOT USABLE: it needs the extra 'tides'" in done.stdout
    assert "salus: check tides (salus_tides:Tides): it needs the extra 'tides'" in done.stderr
    (bad / "salus.yaml").write_text("checks: {x: broken}\n")
    refused = salus("validate", place=bad)
    assert refused.returncode == 1
    assert "the check 'broken' of another package cannot be loaded: RuntimeError: half installed" in refused.stdout
    listed = salus("kinds", place=bad)
    assert listed.returncode == 0, listed.stderr
    assert "cannot be loaded" in next(line for line in listed.stdout.splitlines() if line.startswith("broken"))
