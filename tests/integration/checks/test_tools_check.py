"""Programs on PATH, asked for their version once."""

from __future__ import annotations

from pathlib import Path

from salus.checks.tools import Tools
from salus.model import Status
from tests.looks import look_from, look_once, site


def program(folder: Path, name: str, says: str, *, to: str = "1") -> Path:
    """Write a program that counts how often it is asked."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho x >> {folder}/asked-{name}\necho '{says}' >&{to}\n", encoding="ascii")
    path.chmod(0o755)
    return path


def asked(folder: Path, name: str) -> int:
    path = folder / f"asked-{name}"
    return len(path.read_text(encoding="ascii").split()) if path.exists() else 0


async def test_versions_are_held_against_the_demands(tmp_path: Path) -> None:
    program(tmp_path, "git", "git version 2.39.2")
    program(tmp_path, "java", "openjdk 17.0.9", to="2")
    check = Tools(need={"git": ">=2.30", "java": "17"}, path=str(tmp_path))
    observation = await look_once(check)
    assert (observation.status, observation.message) == (Status.HEALTHY, "2 of 2 programs are there")
    assert observation.metadata == {"git": "2.39.2", "java": "17.0.9"}


async def test_what_is_missing_or_too_old_is_told_with_a_remedy(tmp_path: Path) -> None:
    git = program(tmp_path, "git", "git version 2.4.1")
    check = Tools(need={"git": ">=2.30"}, want={"jq": None}, path=str(tmp_path))
    observation = await look_once(check)
    assert observation.status is Status.UNHEALTHY
    assert observation.message == (
        f"git is 2.4.1 ({git}), expected >=2.30: install one that fits; jq is not installed (not on PATH)"
    )


async def test_what_is_only_wanted_is_degraded(tmp_path: Path) -> None:
    assert (await look_once(Tools(want={"jq": None}, path=str(tmp_path)))).status is Status.DEGRADED


async def test_a_program_that_does_not_say_its_version_is_told(tmp_path: Path) -> None:
    program(tmp_path, "odd", "I will not tell")
    observation = await look_once(Tools(need={"odd": "1"}, path=str(tmp_path)))
    assert observation.status is Status.UNHEALTHY
    assert "set version_arguments.odd" in observation.message


async def test_a_program_is_asked_once_and_again_when_it_is_replaced(tmp_path: Path) -> None:
    program(tmp_path, "git", "2.1")
    place = site()
    check = Tools(need={"git": "2.0", "tar": None}, path=str(tmp_path)).build(place)
    for _ in range(3):
        await check.look(look_from(place))
    assert asked(tmp_path, "git") == 1
    program(tmp_path, "new-git", "1.9").rename(tmp_path / "git")
    observation = await check.look(look_from(place))
    assert "git is 1.9" in observation.message


async def test_the_programs_of_this_machine_are_found() -> None:
    observation = await look_once(Tools(need={"sh": None, "python3": ">=3.0"}))
    assert observation.status is Status.HEALTHY
