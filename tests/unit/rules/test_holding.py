"""Storm brakes, circuits, rivals, cooldowns and recurrence: pure steps, each with its bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from salus.model import ActionSpec, Limits, Outcome, RecoveryRule, RuleState
from salus.rules import circuit, memory, rivals, storm
from salus.testing import EPOCH

LIMITS = Limits()
RULE = RecoveryRule(name="web", check="web", ladders=((ActionSpec(kind="log"),),))


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def tally(count: int) -> storm.Tally:
    counted = storm.Tally()
    counted.resize({f"c{place}": (f"t{place}", ("tag:web",) if place < 4 else ()) for place in range(count)})
    return counted


@given(size=st.integers(1, 40), bad=st.integers(0, 40), share=st.floats(0.05, 1), least=st.integers(1, 10))
def test_a_storm_is_exactly_when_enough_and_a_large_enough_share_of_targets_turned_bad(
    size: int, bad: int, share: float, least: int
) -> None:
    bad = min(bad, size)
    limits = Limits(storm_brake=share, storm_min_checks=least)
    counted = tally(size)
    for place in range(bad):
        counted.turned_bad(f"c{place}", at(place * 0.1))
    assert bool(counted.storm(storm.EVERYTHING, limits, at(10))) == (bad >= least and bad >= share * size)


def test_five_checks_of_one_service_are_one_trouble() -> None:
    counted = storm.Tally()
    counted.resize({f"c{place}": ("web", ()) for place in range(5)} | {"other": ("db", ())})
    for place in range(5):
        counted.turned_bad(f"c{place}", at(0))
    assert counted.storm(storm.EVERYTHING, replace(LIMITS, storm_min_checks=1), at(1)) == ["web"]
    assert not counted.storm(storm.EVERYTHING, LIMITS, at(1))


TURNS = st.tuples(st.integers(0, 5), st.sampled_from(["new", "old", "well"]), st.floats(0, 30))


@given(st.lists(TURNS, max_size=60))
def test_counting_as_it_comes_gives_what_counting_anew_would(turns: list[tuple[int, str, float]]) -> None:
    counted, limits = storm.Tally(), Limits(storm_brake=0.01, storm_min_checks=1, storm_window=60)
    counted.resize({f"c{place}": (f"t{place // 2}", ()) for place in range(6)})
    bad: dict[str, set[str]] = {}
    made: list[tuple[float, str]] = []
    now = 0.0
    for place, turn, passed in turns:
        now += passed
        check, target = f"c{place}", f"t{place // 2}"
        if turn == "well":
            counted.well(check)
            bad.get(target, set()).discard(check)
        else:
            counted.turned_bad(check, at(now), newly=turn == "new")
            if turn == "new" and not bad.get(target):
                made.append((now, target))
            bad.setdefault(target, set()).add(check)
        anew = dict.fromkeys(target for moment, target in made if moment > now - 60 and bad.get(target))
        assert counted.storm(storm.EVERYTHING, limits, at(now)) == list(anew)


def test_a_tag_has_a_brake_of_its_own() -> None:
    counted = tally(40)
    for place in range(3):
        counted.turned_bad(f"c{place}", at(0))
    assert not counted.storm(storm.EVERYTHING, LIMITS, at(1))
    assert len(counted.storm("tag:web", LIMITS, at(1))) == 3


def test_what_turned_bad_long_ago_or_is_well_again_makes_no_storm() -> None:
    counted = tally(4)
    for place in range(3):
        counted.turned_bad(f"c{place}", at(place))
    counted.well("c0")
    assert not counted.storm(storm.EVERYTHING, LIMITS, at(5))
    counted.turned_bad("c3", at(70))
    assert not counted.storm(storm.EVERYTHING, LIMITS, at(71))


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=80))
def test_when_everything_is_well_again_every_scope_is_calm(turns: list[tuple[int, bool]]) -> None:
    counted = tally(10)
    for when, (place, bad) in enumerate(turns):
        (counted.turned_bad(f"c{place}", at(when)) if bad else counted.well(f"c{place}"))
    for place in range(10):
        counted.well(f"c{place}")
    assert counted.calm(storm.EVERYTHING, LIMITS)
    assert counted.calm("tag:web", LIMITS)


@given(st.lists(st.booleans(), max_size=30))
def test_the_brake_always_lets_a_probe_through_within_its_longest_hold(helped: list[bool]) -> None:
    now = EPOCH
    brake = storm.engage("all", ["a", "b", "c"], LIMITS, now)
    for success in helped:
        assert brake.probe_at - now <= timedelta(seconds=LIMITS.storm_hold_max)
        assert storm.blocked(brake, brake.probe_at - timedelta(seconds=1))
        now = brake.probe_at
        assert storm.blocked(brake, now) is None
        brake = storm.probing(brake, "r1")
        assert storm.blocked(brake, now)
        after = storm.probed(brake, LIMITS, now, helped=success)
        assert (after is None) == success
        if after is None:
            return
        brake = after


@given(st.lists(st.booleans(), max_size=40))
def test_a_circuit_opens_after_so_many_failures_in_a_row_and_always_tries_again(worked: list[bool]) -> None:
    now, known, row = EPOCH, None, 0
    for success in worked:
        known, row = (None, 0) if success else (circuit.failed(known, "run x", LIMITS, now), row + 1)
        until = circuit.blocked(known, now)
        assert (until is not None) == (row >= LIMITS.circuit_threshold)
        if until:
            assert until - now <= timedelta(seconds=LIMITS.circuit_retry_max)
            now = until
            assert circuit.blocked(known, now) is None


def test_one_replacement_by_somebody_else_is_a_person_and_two_within_an_hour_are_a_rival() -> None:
    once = rivals.seen((), at(0))
    assert rivals.hold("web", once, LIMITS, at(1)) is None
    twice = rivals.seen(once, at(100))
    held = rivals.hold("web", twice, LIMITS, at(101))
    assert held is not None
    assert held.until == at(100 + LIMITS.rival_hold)
    assert rivals.hold("web", twice, LIMITS, at(100 + LIMITS.rival_hold)) is None
    assert len(rivals.seen(twice, at(3601))) == 2


@given(
    attempts=st.integers(1, 40),
    period=st.floats(0, 3600),
    multiplier=st.floats(1, 10),
    longest=st.floats(0, 86400),
    jitter=st.floats(0, 1),
)
def test_a_cooldown_grows_to_its_maximum_and_its_jitter_only_makes_it_longer(
    attempts: int, period: float, multiplier: float, longest: float, jitter: float
) -> None:
    rule = replace(
        RULE, cooldown_period=period, cooldown_multiplier=multiplier, cooldown_max=longest, cooldown_jitter=jitter
    )
    spent = RuleState(rule="web", attempts=attempts, last_finished=at(0))
    wait = memory.cooldown(rule, spent)
    assert period <= wait <= max(period, longest) * (1 + jitter) + 1e-6
    assert wait == memory.cooldown(rule, spent)
    if not jitter:
        assert wait <= memory.cooldown(rule, replace(spent, attempts=attempts + 1)) + 1e-6


def heal(state: RuleState, when: datetime) -> RuleState:
    return memory.finish(memory.reserve(state, when), RULE, Outcome.RECOVERED, when)


def test_recoveries_that_succeed_and_come_back_escalate_at_every_third_within_an_hour() -> None:
    state = RuleState(rule="web")
    seen = []
    for place in range(7):
        state = memory.forgotten(heal(state, at(place * 300)))
        seen.append(state.escalations)
    assert seen == [0, 0, 1, 1, 1, 2, 2]
    assert state.recurring_since == at(600)
    assert memory.steadied(state, RULE, at(6 * 300 + 3599)).recurring_since
    steady = memory.steadied(state, RULE, at(6 * 300 + 3600))
    assert (steady.recurring_since, steady.escalations, steady.recoveries) == (None, 0, ())


def test_recoveries_far_apart_are_no_recurrence() -> None:
    state = RuleState(rule="web")
    for place in range(10):
        state = memory.forgotten(heal(state, at(place * 1900)))
    assert state.recurring_since is None
