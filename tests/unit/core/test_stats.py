"""Every figure is what its formula says, on rows that a person can count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import Event, EventKind, Outcome, RecoveryRecord, RefusalReason, StepRecord, StepResult
from salus.stats import LAST_RESORT, RuleStatistics, Spread, Statistics, Tries, spread, statistics

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def recovery(
    at: timedelta, outcome: Outcome | None = Outcome.RECOVERED, *, bad: float | None = 2.0, **facts: Any
) -> RecoveryRecord:
    """Decided at ``at``, ``bad`` seconds after the first bad look; took three seconds."""
    start = NOW + at
    made = RecoveryRecord(
        id=f"{at}",
        rule="web",
        check="web-up",
        failing_since=None if bad is None else start - timedelta(seconds=bad),
        decided_at=start,
        started_at=start,
        finished_at=None if outcome is None else start + 3 * SECOND,
        outcome=outcome,
    )
    return replace(made, **facts)


def refusal(reason: str, rule: str | None = "web", kind: EventKind = EventKind.RECOVERY_REFUSED) -> Event:
    return Event(id=1, at=NOW, kind=kind, rule=rule, check="web-up", reason=reason)


def summed(recoveries: Sequence[RecoveryRecord] = (), events: Sequence[Event] = ()) -> Statistics:
    return statistics(recoveries, events, since=NOW, until=NOW + HOUR)


def of_web(*recoveries: RecoveryRecord) -> RuleStatistics:
    (found,) = summed(recoveries).rules
    return found


def step(result: StepResult = StepResult.OK, **facts: Any) -> StepRecord:
    return StepRecord(position=1, action="restart_service", result=result, started_at=NOW, **facts)


def test_nothing_is_nothing() -> None:
    found = summed()
    assert not found
    assert (found.rules, found.actions) == ([], [])
    assert (found.total.attempts, found.total.success_rate, found.total.time_to_detect) == (0, None, None)


@pytest.mark.parametrize(
    "seconds, expected",
    [
        ([7.0], Spread(count=1, mean=7, median=7, p95=7)),
        ([2.0, 1.0], Spread(count=2, mean=1.5, median=1.5, p95=2)),
        ([3.0, 1.0, 2.0], Spread(count=3, mean=2, median=2, p95=3)),
        ([float(n) for n in range(1, 21)], Spread(count=20, mean=10.5, median=10.5, p95=19)),
        ([float(n) for n in range(1, 22)], Spread(count=21, mean=11, median=11, p95=20)),
        ([float(n) for n in range(1, 101)], Spread(count=100, mean=50.5, median=50.5, p95=95)),
    ],
)
def test_the_middle_and_the_slow_end(seconds: list[float], expected: Spread) -> None:
    assert spread(seconds) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_at_least_95_of_100_do_not_exceed_the_slow_end_and_none_smaller_would_do(seconds: list[float]) -> None:
    found = spread(seconds)
    assert found is not None
    assert 100 * sum(one <= found.p95 for one in seconds) >= 95 * len(seconds)
    assert 100 * sum(one < found.p95 for one in seconds) < 95 * len(seconds)


def test_what_was_called_off_counts_neither_for_nor_against_a_rule() -> None:
    found = of_web(
        recovery(0 * HOUR),
        recovery(2 * HOUR, Outcome.CANCELLED, needless=True),
        recovery(4 * HOUR, Outcome.CANCELLED),  # the target was replaced, say: called off, and not needless
        recovery(6 * HOUR, Outcome.FAILED),
    )
    assert (found.attempts, found.outcomes) == (2, {Outcome.RECOVERED: 1, Outcome.FAILED: 1})
    assert (found.success_rate, found.called_off, found.needless) == (0.5, 2, 1)


def test_an_interrupted_attempt_counts_against_a_rule_and_a_running_one_not_at_all() -> None:
    found = of_web(recovery(0 * HOUR), recovery(2 * HOUR, Outcome.INTERRUPTED), recovery(4 * HOUR, None))
    assert (found.attempts, found.interrupted, found.running, found.success_rate) == (2, 1, 1, 0.5)


def test_detection_is_measured_once_for_each_run_of_bad_looks() -> None:
    first = recovery(0 * HOUR, Outcome.FAILED, bad=2)
    found = of_web(
        first,
        replace(recovery(1 * MINUTE), failing_since=first.failing_since, attempt=2),
        recovery(5 * HOUR, bad=4),
    )
    assert found.time_to_detect == Spread(count=2, mean=3, median=3, p95=4)
    assert found.time_to_recover == Spread(count=2, mean=36, median=(65 + 7) / 2, p95=65)


def test_detection_does_not_count_false_alarms_people_and_checks_that_were_well() -> None:
    found = of_web(
        recovery(0 * HOUR, Outcome.CANCELLED, needless=True, bad=10),
        recovery(2 * HOUR, manual=True, bad=100),
        recovery(4 * HOUR, bad=None),
        recovery(6 * HOUR, ladder=LAST_RESORT, bad=1000),
        recovery(8 * HOUR, bad=3),
    )
    assert found.time_to_detect == Spread(count=1, mean=3, median=3, p95=3)


def test_a_wall_clock_that_went_back_makes_no_span_negative() -> None:
    found = of_web(recovery(0 * HOUR, bad=-500, finished_at=NOW - HOUR))
    assert found.time_to_detect == found.time_to_recover == Spread(count=1, mean=0, median=0, p95=0)


@pytest.mark.parametrize(
    "after, again",
    [
        (recovery(3 * SECOND + HOUR), 1),  # an hour to the second after the end of the first
        (recovery(4 * SECOND + HOUR), 0),
        (recovery(10 * MINUTE, Outcome.FAILED), 1),
        (recovery(10 * MINUTE, None), 1),
        (recovery(10 * MINUTE, Outcome.CANCELLED, needless=True), 0),
        (recovery(10 * MINUTE, manual=True), 0),
        (recovery(10 * MINUTE, rule="other"), 0),
    ],
)
def test_healed_but_needed_again_within_an_hour(after: RecoveryRecord, again: int) -> None:
    found = summed([recovery(0 * HOUR), after])
    assert found.total.recurrences == again
    (web,) = [one for one in found.rules if one.rule == "web"]
    assert web.recurrences == again
    assert web.recurrence_rate == again / web.outcomes[Outcome.RECOVERED]


def test_each_recovery_recurs_once_at_most() -> None:
    found = of_web(
        recovery(0 * HOUR),
        recovery(10 * MINUTE, Outcome.FAILED),
        recovery(11 * MINUTE, Outcome.FAILED),
        recovery(12 * MINUTE),
        recovery(13 * MINUTE),
    )
    assert (found.recurrences, found.recurrence_rate) == (2, 2 / 3)


def test_tries_of_a_special_sort_are_told_apart() -> None:
    found = of_web(
        recovery(0 * HOUR, Outcome.FAILED),
        recovery(1 * MINUTE, Outcome.NOT_RECOVERED, ladder=LAST_RESORT),
        recovery(2 * HOUR, Outcome.FAILED, half_open=True),
        recovery(4 * HOUR, half_open=True),
        recovery(6 * HOUR, manual=True),
        recovery(8 * HOUR, approved_by="eve"),
        recovery(10 * HOUR, Outcome.CANCELLED, half_open=True),
    )
    assert found.last_resorts == Tries(count=1, recovered=0)
    assert found.half_open == Tries(count=2, recovered=1)
    assert (found.attempts, found.manual, found.approved) == (5, 1, 1)


def test_refusals_are_counted_by_reason_and_what_only_observing_held_back_apart() -> None:
    cooling, storm, observe = (
        RefusalReason.COOLING_DOWN.value,
        RefusalReason.STORM_BRAKE.value,
        RefusalReason.OBSERVE_ONLY.value,
    )
    found = summed(
        events=[
            *(refusal(reason) for reason in (storm, cooling, observe, cooling, observe, observe)),
            refusal(storm, rule="db"),
            refusal(storm, rule=None),
            refusal(storm, kind=EventKind.STATUS_CHANGED),
        ]
    )
    db, web = found.rules
    assert (web.rule, web.check, web.attempts) == ("web", "web-up", 0)
    assert list(web.refusals.items()) == [(cooling, 2), (storm, 1)]
    assert (web.would_have_acted, found.total.would_have_acted) == (3, 3)
    assert db.refusals == {storm: 1}
    assert found.total.refusals == {cooling: 2, storm: 2}


def test_actions_are_counted_by_what_they_did_and_what_came_of_it() -> None:
    log = StepRecord(position=1, action="log", result=StepResult.OK, started_at=NOW, duration=0.1)
    found = summed(
        [
            recovery(0 * HOUR, steps=(log, step(verified=True, duration=1.0))),
            recovery(2 * HOUR, steps=(log, step(StepResult.TIMED_OUT, verified=False, duration=5.0))),
            recovery(4 * HOUR, steps=(log, step(StepResult.SKIPPED))),
            recovery(6 * HOUR, steps=(step(verified=True, duration=float("nan")),)),
        ]
    )
    logged, restarted = found.actions
    assert (logged.action, logged.runs, logged.verified, logged.success_rate) == ("log", 3, 0, None)
    assert logged.duration == Spread(count=3, mean=fmean([0.1] * 3), median=0.1, p95=0.1)
    assert (restarted.runs, restarted.skipped) == (3, 1)
    assert restarted.results == {StepResult.OK: 2, StepResult.TIMED_OUT: 1}
    assert (restarted.verified, restarted.healed, restarted.success_rate) == (3, 2, 2 / 3)
    assert restarted.duration == Spread(count=2, mean=3, median=3, p95=5)


RECOVERIES = st.lists(
    st.builds(
        recovery,
        st.integers(0, 10_000).map(lambda seconds: timedelta(seconds=seconds)),
        st.none() | st.sampled_from(Outcome),
        bad=st.none() | st.floats(0, 100),
        rule=st.sampled_from(["web", "db", "api"]),
        manual=st.booleans(),
        half_open=st.booleans(),
        ladder=st.sampled_from([LAST_RESORT, 0, 1]),
    ),
    max_size=30,
)


@given(RECOVERIES)
def test_all_rules_together_are_the_sum_of_the_rules(made: list[RecoveryRecord]) -> None:
    made.sort(key=lambda record: record.started_at)
    found = summed(made)
    rules, total = found.rules, found.total
    for name in ("attempts", "recurrences", "interrupted", "called_off", "running", "manual"):
        assert getattr(total, name) == sum(getattr(rule, name) for rule in rules)
    for one in (total, *rules):
        assert sum(one.outcomes.values()) == one.attempts
        assert one.recurrences <= one.outcomes.get(Outcome.RECOVERED, 0)
    # Every row is counted once: an attempt, called off, running, or a last resort.
    assert total.attempts + total.called_off + total.running + total.last_resorts.count == len(made)


@given(RECOVERIES)
def test_each_rule_alone_gives_the_same_figures(made: list[RecoveryRecord]) -> None:
    made.sort(key=lambda record: record.started_at)
    for rule in summed(made).rules:
        assert of_web(*(replace(one, rule="web") for one in made if one.rule == rule.rule)) == replace(rule, rule="web")
