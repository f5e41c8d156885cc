"""A week of ten services with ordinary faults: all that can be healed is healed, and nothing is done for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from salus.config import loads
from salus.simulate.run import Finished, Order, simulate
from salus.simulate.scenario import scenario_from

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
TEN = (EXAMPLES / "ten-services.yaml").read_text(encoding="utf-8")
ORDINARY = (EXAMPLES / "ordinary-faults.yaml").read_text(encoding="utf-8")
EVERY = (EXAMPLES / "every-fault.yaml").read_text(encoding="utf-8")


def week(scenario: str, *, seed: int, days: float = 7.0) -> Finished:
    return simulate(Order(settings=loads(TEN), source=scenario_from(scenario), days=days, seed=seed))


def test_all_that_can_be_healed_is_healed_and_nothing_is_done_for_nothing() -> None:
    finished = week(ORDINARY, seed=1)
    result = finished.result
    assert finished.violation is None, str(finished.violation)
    assert result.looks > 100_000
    assert result.healable > 10
    assert result.recall == 1.0
    assert set(result.needless_by_cause) <= {"false_positive"}
    assert result.calls == {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_promise_is_broken_whatever_goes_wrong(seed: int) -> None:
    finished = week(EVERY, seed=seed, days=2.0)
    assert finished.violation is None, str(finished.violation)
    assert finished.result.incidents > 5


def test_another_seed_is_another_week() -> None:
    assert week(ORDINARY, seed=1, days=2.0).result.as_dict() != week(ORDINARY, seed=2, days=2.0).result.as_dict()
