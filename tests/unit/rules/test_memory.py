"""What a rule spends and how it gets it back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import ActionSpec, CheckState, Observation, Outcome, RecoveryRule, RuleState, Status
from salus.rules import memory as ledger
from salus.testing import EPOCH

RULE = RecoveryRule(name="web", check="web", ladders=((ActionSpec(kind="log"),),), reset_after=600)
FRESH = RuleState(rule="web")


def at(second: float) -> datetime:
    return EPOCH + timedelta(seconds=second)


def check(status: Status, second: float = 0) -> CheckState:
    return CheckState(status=status, last=Observation(status=status, at=at(second)))


def test_an_attempt_is_spent_before_it_is_made() -> None:
    reserved = ledger.reserve(FRESH, at(1))
    assert (reserved.attempts, reserved.last_started, reserved.last_finished) == (1, at(1), None)


def test_an_attempt_that_did_nothing_is_given_back() -> None:
    assert ledger.refund(ledger.reserve(FRESH, at(1)), FRESH, at(1)) == FRESH


def test_an_attempt_in_which_salus_died_counts_and_cools_down_from_the_restart() -> None:
    after = ledger.interrupt(ledger.reserve(FRESH, at(1)), at(50))
    assert (after.attempts, after.last_finished, after.last_outcome) == (1, at(50), Outcome.INTERRUPTED)


def test_attempts_are_forgotten_only_after_proven_health() -> None:
    spent = ledger.finish(ledger.reserve(FRESH, at(0)), RULE, Outcome.RECOVERED, at(10))
    early = ledger.observe(spent, RULE, check(Status.HEALTHY), at(609))
    assert early.attempts == 1
    assert ledger.observe(early, RULE, check(Status.HEALTHY), at(610)) == ledger.forgotten(early)


def test_one_bad_look_begins_the_proof_anew() -> None:
    spent = ledger.finish(ledger.reserve(FRESH, at(0)), RULE, Outcome.RECOVERED, at(10))
    bad = ledger.observe(spent, RULE, check(Status.UNHEALTHY), at(300))
    assert bad.healthy_since is None
    again = ledger.observe(bad, RULE, check(Status.HEALTHY), at(400))
    assert ledger.observe(again, RULE, check(Status.HEALTHY), at(999)).attempts == 1
    assert ledger.observe(again, RULE, check(Status.HEALTHY), at(1000)) == ledger.forgotten(again)


def test_giving_up_happens_once() -> None:
    once = ledger.give_up(FRESH, at(1))
    assert ledger.give_up(once, at(9)).exhausted_since == at(1)


def test_a_half_open_attempt_does_not_count_among_the_attempts() -> None:
    reserved = ledger.reserve(ledger.give_up(FRESH, at(0)), at(5), half_open=True)
    assert (reserved.attempts, reserved.half_open_tries) == (0, 1)


def test_when_the_wall_clock_jumps_every_wait_moves_with_it() -> None:
    spent = ledger.finish(ledger.reserve(FRESH, at(0)), RULE, Outcome.FAILED, at(10))
    moved = spent.shifted(timedelta(hours=-2))
    assert moved.last_finished == at(10) - timedelta(hours=2)
    assert moved.attempts == spent.attempts


@given(st.lists(st.tuples(st.sampled_from([Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY]), st.floats(0.1, 400))))
def test_health_is_never_proven_by_less_than_reset_after_without_a_bad_look(looks: list[tuple[Status, float]]) -> None:
    memory = ledger.finish(ledger.reserve(FRESH, at(0)), RULE, Outcome.NOT_RECOVERED, at(0))
    now, well_since = 0.0, None
    for status, step in looks:
        now += step
        memory = ledger.observe(memory, RULE, check(status), at(now))
        well_since = (now if well_since is None else well_since) if status is Status.HEALTHY else None
        if not ledger.spent(memory):
            assert well_since is not None
            assert now - well_since >= 600 - 1e-3
            return


@pytest.mark.parametrize(
    "times, said",
    [
        (1, "healed once within 1h, and it came back"),
        (3, "healed 3 times within 1h, and it came back each time"),
    ],
)
def test_what_comes_back_is_counted_in_words(times: int, said: str) -> None:
    memory = RuleState(rule="web", recoveries=(EPOCH,) * times)
    assert ledger.back_each_time(memory, " within 1h") == said
