"""The fold: thresholds, start period, unknown looks, and the one word for everything."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import CheckSpec, CheckState, Observation, Status
from salus.state import Transition, fold, overall, stale, undecided
from salus.testing import EPOCH

H, D, U, X = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY, Status.UNKNOWN


def spec(**changes: object) -> CheckSpec:
    return CheckSpec(name="web", kind="http", **changes)  # type: ignore[arg-type]


def at(second: float) -> datetime:
    return EPOCH + timedelta(seconds=second)


def run(looks: list[Status], check: CheckSpec, state: CheckState | None = None) -> CheckState:
    state = state or CheckState()
    for second, status in enumerate(looks):
        state, _ = fold(state, Observation(status=status, at=at(second)), check, at(second))
    return state


def test_a_check_that_was_never_looked_at_is_unknown() -> None:
    assert CheckState().status is X


def test_the_first_good_look_makes_it_healthy() -> None:
    state, change = fold(CheckState(), Observation(status=H, at=at(0)), spec(), at(0))
    assert state.status is H
    assert change == Transition(X, H)
    assert state.since == at(0)


def test_it_takes_failure_threshold_bad_looks_in_a_row() -> None:
    check = spec(failure_threshold=3)
    assert run([H, U, U], check).status is H
    assert run([H, U, U, H, U, U], check).status is H
    assert run([H, U, U, U], check).status is U


def test_it_takes_success_threshold_good_looks_to_come_back() -> None:
    check = spec(success_threshold=2)
    assert run([U, H], check).status is U
    assert run([U, H, U, H], check).status is U
    assert run([U, H, H], check).status is H


def test_mixed_bad_looks_are_degraded_until_enough_of_them_are_unhealthy() -> None:
    check = spec(failure_threshold=2)
    assert run([H, D, U], check).status is D
    assert run([H, D, U, U], check).status is U


def test_one_degraded_look_among_unhealthy_ones_needs_success_threshold_to_soften_the_verdict() -> None:
    assert run([U, D], spec(success_threshold=2)).status is U
    assert run([U, D, D], spec(success_threshold=2)).status is D


def test_a_look_that_could_not_tell_moves_no_counter() -> None:
    state = run([H, U, X], spec(failure_threshold=2))
    assert state.consecutive_failures == 1
    assert state.status is H
    assert run([H, U, X, U], spec(failure_threshold=2)).status is U


def test_enough_looks_that_could_not_tell_make_the_verdict_unknown() -> None:
    assert run([H, X], spec()).status is X
    assert run([H, X], spec(failure_threshold=2)).status is H
    assert run([H, X, X], spec(failure_threshold=2)).status is X


def test_bad_looks_in_the_start_period_do_not_count() -> None:
    check = spec(start_period=10)
    assert run([U] * 9, check).status is X
    assert run([U] * 12, check).status is U


def test_the_first_good_look_ends_the_start_period() -> None:
    assert run([U, H, U], spec(start_period=100)).status is U


def test_a_new_incarnation_begins_a_new_start_period_and_a_clean_count() -> None:
    check = spec(start_period=5, failure_threshold=2)
    state = run([H], check)
    state, _ = fold(state, Observation(status=U, at=at(1), incarnation="a"), check, at(1))
    state, _ = fold(state, Observation(status=U, at=at(2), incarnation="b"), check, at(2))
    assert state.consecutive_failures == 0
    assert state.status is H
    state, _ = fold(state, Observation(status=U, at=at(8), incarnation="b"), check, at(8))
    assert state.consecutive_failures == 1


def test_bad_looks_out_of_turn_count_once() -> None:
    check = spec(failure_threshold=3, retry_interval=1)
    state, moments = CheckState(), [0, 0.1, 0.49, 0.5, 0.9, 1.0]
    counts = []
    for moment in moments:
        state, _ = fold(state, Observation(status=U, at=at(moment)), check, at(moment))
        counts.append(state.consecutive_failures)
    assert counts == [1, 1, 1, 2, 2, 3]
    assert state.status is U


def test_bad_looks_count_when_they_are_in_whatever_time_a_check_says_of_them() -> None:
    state, kept = CheckState(), Observation(status=U, at=at(0))
    for moment in range(4):
        state, _ = fold(state, kept, spec(failure_threshold=3, retry_interval=1), at(moment))
    assert (state.status, state.consecutive_failures) == (U, 4)


def test_of_bad_looks_out_of_turn_the_worst_counts() -> None:
    check, state = spec(failure_threshold=1, retry_interval=1), CheckState()
    for moment, status in ((0, D), (0.1, U), (0.2, D)):
        state, _ = fold(state, Observation(status=status, at=at(moment)), check, at(moment))
    assert (state.status, state.consecutive_failures, state.bad_looks(5), state.bad_looks(5, U)) == (U, 1, 1, 1)


def test_a_bad_look_right_after_a_good_one_counts_however_soon_it_comes() -> None:
    check, state = spec(failure_threshold=1, retry_interval=1), CheckState()
    for moment, status in ((0, U), (0.1, H), (0.2, U)):
        state, _ = fold(state, Observation(status=status, at=at(moment)), check, at(moment))
    assert (state.status, state.consecutive_failures) == (U, 1)


def looks_at(check: CheckSpec, *told: tuple[float, Status, str | None]) -> CheckState:
    """Fold looks, each with its second and the copy that it names."""
    state = CheckState()
    for second, status, copy in told:
        state, _ = fold(state, Observation(status=status, at=at(second), incarnation=copy), check, at(second))
    return state


def test_a_copy_that_comes_after_a_while_without_one_has_a_start_period_of_its_own() -> None:
    check, down = spec(start_period=5, failure_threshold=2), [(0, H, "a"), (1, U, None), (2, U, None)]
    starting = looks_at(check, *down, (3, U, "b"), (7, U, "b"))
    assert (starting.consecutive_failures, starting.status) == (2, U), "nobody has seen it well, and nothing was added"
    assert looks_at(check, *down, (3, U, "b"), (9, U, "b")).consecutive_failures == 3


def test_a_start_period_excuses_no_copy_that_is_gone() -> None:
    check = spec(start_period=60, failure_threshold=2)
    state = looks_at(check, (0, H, "a"), (1, U, "b"), (2, U, None), (3, U, None))
    assert (state.status, state.consecutive_failures) == (U, 2)


@pytest.mark.parametrize("start_period", [0, 10])
def test_what_is_bad_whenever_somebody_looks_is_bad_however_often_it_is_started_anew(start_period: float) -> None:
    told = [(second, U, f"copy-{second}" if second % 2 else None) for second in range(1, 12)]
    assert looks_at(spec(failure_threshold=3, start_period=start_period), *told).status is U


def test_a_copy_that_a_look_could_not_name_is_no_new_one_when_the_next_look_names_it() -> None:
    copies = enumerate(["a", None, "a", None, "a"])
    assert looks_at(spec(), *((second, U, copy) for second, copy in copies)).consecutive_failures == 5


def test_what_goes_and_comes_back_again_and_again_flaps_though_every_copy_is_new() -> None:
    told = [(second, H, f"copy-{second}") if second % 2 else (second, U, None) for second in range(30)]
    assert looks_at(spec(), *told).flapping


def test_that_a_copy_is_gone_counts_however_soon_it_is_seen() -> None:
    check = spec(retry_interval=10, failure_threshold=2)
    assert looks_at(check, (0, H, "a"), (1, U, "a"), (1.1, U, None)).status is U
    assert looks_at(check, (0, H, "a"), (1, U, "a"), (1.1, U, "a")).status is H


def test_a_bad_look_out_of_turn_still_ends_a_row_of_those_that_could_not_tell() -> None:
    check = spec(retry_interval=1, failure_threshold=2)
    told = [(0.0, H), (1.0, U), (1.2, X), (1.4, U), (2.2, X)]
    assert looks_at(check, *((second, status, None) for second, status in told)).status is H


def test_between_the_first_bad_look_and_the_verdict_the_check_is_undecided() -> None:
    check = spec(failure_threshold=3)
    assert undecided(run([H, U], check), check, at(2))
    assert not undecided(run([H, U, U, U], check), check, at(4))
    assert undecided(run([H, U, U, U], check), check, at(4), looks_to_act=5)
    assert not undecided(run([H], check), check, at(1))


def test_between_the_first_good_look_and_the_verdict_the_check_is_undecided() -> None:
    check = spec(success_threshold=3)
    assert undecided(run([U, H], check), check, at(2))
    assert not undecided(run([U, H, H, H], check), check, at(4))


def test_a_look_is_stale_after_three_intervals_and_a_timeout() -> None:
    check = spec(interval=10, timeout=5)
    state = run([H], check)
    assert not stale(state, check, at(35))
    assert stale(state, check, at(36))


statuses = st.lists(st.sampled_from(list(Status)), max_size=40)
thresholds = st.builds(
    spec, failure_threshold=st.integers(1, 4), success_threshold=st.integers(1, 4), start_period=st.sampled_from([0, 5])
)


@given(statuses, thresholds)
def test_the_verdict_is_never_healthy_without_enough_good_looks_in_a_row(looks: list[Status], check: CheckSpec) -> None:
    state = CheckState()
    for second, status in enumerate(looks):
        before = state
        state, change = fold(state, Observation(status=status, at=at(second)), check, at(second))
        if change and change.new is H:
            assert [look for look in looks[: second + 1] if look is not X][-check.success_threshold :] == [
                H
            ] * check.success_threshold
        if change and change.new is U:
            assert state.consecutive_unhealthy >= check.failure_threshold
        assert (change is None) == (state.status is before.status)


@given(st.lists(st.floats(0, 2), max_size=40), st.builds(spec, failure_threshold=st.integers(1, 4)))
def test_no_haste_makes_more_bad_looks_of_a_time_than_were_due(pauses: list[float], check: CheckSpec) -> None:
    state, moment = CheckState(), 0.0
    for pause in pauses:
        moment += pause
        state, _ = fold(state, Observation(status=U, at=at(moment)), check, at(moment))
    rounding = 1e-4
    most = 1 + (moment + rounding) / (check.retry_interval / 2)
    assert min(1, len(pauses)) <= state.consecutive_failures <= most


@given(statuses, thresholds)
def test_the_same_looks_always_give_the_same_state(looks: list[Status], check: CheckSpec) -> None:
    assert run(looks, check) == run(looks, check)


@given(statuses, thresholds)
def test_counters_are_consistent(looks: list[Status], check: CheckSpec) -> None:
    state = run(looks, check)
    assert not (state.consecutive_failures and state.consecutive_successes)
    assert state.consecutive_unhealthy <= state.consecutive_failures
    assert (state.failing_since is None) == (state.consecutive_failures == 0)


class TestOverall:
    def pair(self, name: str, status: Status, **changes: object) -> tuple[CheckSpec, CheckState]:
        check = CheckSpec(name=name, kind="x", **changes)  # type: ignore[arg-type]
        seen = Observation(status=status, at=at(0))
        return check, CheckState(status=status, since=at(0), started=at(0), settled=True, last=seen)

    def test_a_critical_unhealthy_check_makes_the_whole_unhealthy(self) -> None:
        whole = overall([self.pair("db", U, critical=True), self.pair("web", H)], at(1))
        assert (whole.status, whole.ready, whole.culprits) == (U, False, ("db",))
        assert whole.message == "Down: db"

    def test_an_unhealthy_check_that_is_not_critical_only_degrades(self) -> None:
        whole = overall([self.pair("db", U)], at(1))
        assert (whole.status, whole.ready) == (D, True)

    def test_a_critical_check_that_could_not_tell_is_not_ready(self) -> None:
        whole = overall([self.pair("db", X, critical=True)], at(1))
        assert (whole.status, whole.ready) == (D, False)

    def test_before_every_check_was_looked_at_it_is_live_and_not_ready(self) -> None:
        waiting = (CheckSpec(name="db", kind="x"), CheckState())
        whole = overall([waiting, self.pair("web", H)], at(1))
        assert (whole.live, whole.ready, whole.started) == (True, False, False)

    def test_only_checks_marked_liveness_can_end_it(self) -> None:
        assert overall([self.pair("db", U, critical=True)], at(1)).live
        assert not overall([self.pair("db", U, liveness=True)], at(1)).live

    def test_a_stale_critical_check_is_not_believed(self) -> None:
        assert not overall([self.pair("db", H, critical=True)], at(1000)).ready

    def test_a_bad_verdict_that_nobody_looked_at_since_stays_bad_for_a_long_action_runs_without_looks(self) -> None:
        assert overall([self.pair("db", U, critical=True)], at(1000)).message == "Down: db"
        assert overall([self.pair("web", U)], at(1000)).message == "Degraded: web"
        assert not overall([self.pair("db", U, liveness=True)], at(1000)).live

    def test_all_well_says_so(self) -> None:
        assert overall([self.pair("web", H)], at(1)).message == "All systems operational"
