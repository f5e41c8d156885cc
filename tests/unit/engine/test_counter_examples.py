"""What hypothesis once found and made small: orders of faults in which a promise was broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from salus.model import Status
from tests.unit.engine.salus_machine import Salus


def a_clock_set_forward_and_a_restart_gave_the_budget_of_the_hour_back(salus: Salus) -> None:
    salus.salus_starts(hourly=3, at_once=1, storms=False)
    for _ in range(3):
        salus.a_person_heals_something(name="db")
    salus.every_check_sees(status=Status.DEGRADED)
    salus.the_wall_clock_jumps(seconds=3600.0)
    salus.salus_is_killed_and_started_again()


def a_leaf_was_healed_whose_root_was_seen_bad_while_the_row_was_written(salus: Salus) -> None:
    salus.salus_starts(hourly=6, at_once=1, storms=False)
    salus.a_person_heals_something(name="db")
    salus.a_person_heals_something(name="db")
    salus.a_service_fails_and_a_restart_leaves_it(check="api", bad=Status.DEGRADED, leaves=None, works=False)
    salus.a_person_heals_something(name="db")
    salus.a_person_heals_something(name="api")
    salus.a_check_sees(check="db", status=Status.DEGRADED)
    salus.a_person_heals_something(name="db")


def what_was_seen_well_while_the_row_was_written_was_healed(salus: Salus) -> None:
    salus.salus_starts(hourly=200, at_once=5, storms=False)
    salus.the_next_looks_see(check="api", looks=[Status.UNHEALTHY, Status.UNHEALTHY, Status.HEALTHY])
    salus.time_passes_until_a_recovery_runs(more=0.012)
    salus.a_person_heals_something(name="web")


FOUND = (
    a_clock_set_forward_and_a_restart_gave_the_budget_of_the_hour_back,
    a_leaf_was_healed_whose_root_was_seen_bad_while_the_row_was_written,
    what_was_seen_well_while_the_row_was_written_was_healed,
)


@pytest.mark.parametrize("steps", FOUND, ids=lambda steps: steps.__name__)
def test_what_was_found_once_is_never_so_again(steps: Callable[[Salus], None]) -> None:
    salus = Salus()
    try:
        steps(salus)
        salus.every_promise_holds()
    finally:
        salus.teardown()
