"""Plays every scenario file of this folder against the real command with real processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.scenarios.scenario import Scenario, read
from tests.scenarios.steps import play
from tests.scenarios.verdict import judge
from tests.scenarios.world import World

FILES = sorted(Path(__file__).parent.glob("*.yaml"))
ALONE = {"overloaded-host"}
"""Those that are about the host itself."""


def scenarios() -> list[ParameterSet]:
    return [pytest.param(one, id=one.stem, marks=[pytest.mark.alone] if one.stem in ALONE else []) for one in FILES]


MINUTES = sorted(Path(__file__).parent.glob("minutes/*.yaml"))


@pytest.mark.timeout(150)
@pytest.mark.parametrize("file", scenarios())
def test_the_scenario_ends_as_its_file_says(file: Path, tmp_path: Path) -> None:
    scenario = read(file)
    tell(scenario, World(tmp_path, scenario))


@pytest.mark.timeout(180)
def test_the_stories_of_a_whole_minute_end_as_their_files_say(tmp_path: Path) -> None:
    """They mostly wait, so they are told side by side."""
    scenarios = [read(file) for file in MINUTES]
    worlds = [World(made(tmp_path / str(place)), scenario) for place, scenario in enumerate(scenarios)]
    with ThreadPoolExecutor(len(MINUTES)) as threads:
        for told in [threads.submit(tell, *pair) for pair in zip(scenarios, worlds, strict=True)]:
            told.result()


def tell(scenario: Scenario, world: World) -> None:
    try:
        world.begin()
        play(world, scenario.steps)
        judge(world, scenario.expect)
    except AssertionError as error:
        error.add_note(f"{scenario.title}\nWhat Salus told:\n{world.story()}\nIts log:\n{world.salus.log[-3000:]}")
        raise
    finally:
        world.close()


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
