"""Plays every scenario file of this folder against the real command with real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.scenario import read
from tests.scenarios.steps import play
from tests.scenarios.verdict import judge
from tests.scenarios.world import World

FILES = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.mark.timeout(90)
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_scenario_ends_as_its_file_says(file: Path, tmp_path: Path) -> None:
    scenario = read(file)
    world = World(tmp_path, scenario)
    try:
        world.begin()
        play(world, scenario.steps)
        judge(world, scenario.expect)
    except AssertionError as error:
        error.add_note(f"{scenario.title}\nWhat Salus told:\n{world.story()}\nIts log:\n{world.salus.log[-3000:]}")
        raise
    finally:
        world.close()
