"""Checks that fail alike are blamed on what they share, and never for longer than that can be true."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from salus.model import Limits
from salus.rules.causes import ALIKE, NO_CHANGE, Change, Member, Suspect, Tally, blame, group_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(storm_window=60.0, storm_hold=120.0, storm_hold_max=3600.0)
SCRIPT = "/opt/check"


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def suspects(count: int, **changes: Any) -> list[Suspect]:
    return [
        Suspect(**{"check": f"c{n}", "kind": "command", "target": f"service:s{n}", "since": NOW, **changes})
        for n in range(count)
    ]


def tally(count: int, share: str = SCRIPT, *, services: int = 1000) -> Tally:
    made = Tally(LIMITS)
    made.resize({f"c{n}": Member(kind="command", target=f"service:s{n % services}", share=share) for n in range(count)})
    return made


# ── examples ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_twenty_checks_whose_program_is_gone_are_one_cause_that_names_the_program() -> None:
    found = blame(suspects(20, unknown=True, cause="exit_127", share=SCRIPT), {("command", SCRIPT): 20}, LIMITS)
    assert [cause.text for cause in found] == [
        "20 command checks fail alike (exit_127): what they share is /opt/check; the services are not to blame"
    ]
    assert not found[0].holds


def test_checks_that_cannot_tell_for_different_causes_or_in_different_kinds_are_not_alike() -> None:
    mixed = [
        *suspects(2, unknown=True, cause="dns"),
        Suspect(check="x", kind="command", target="x", since=NOW, unknown=True, cause="exit_127"),
        Suspect(check="y", kind="http", target="y", since=NOW, unknown=True, cause="dns"),
    ]
    assert blame(mixed, {}, LIMITS) == ()


def test_a_cause_that_names_what_is_behind_it_is_told_so() -> None:
    mixed = [suspect for n in range(3) for suspect in suspects(3, unknown=True, cause="dns", share=f"h{n}")[n : n + 1]]
    assert blame(mixed, {}, LIMITS)[0].text == (
        "3 command checks fail alike (dns): what they share is the resolver; the services are not to blame"
    )


def test_what_is_behind_an_unknown_word_is_for_a_person_to_find() -> None:
    mixed = [suspect for n in range(3) for suspect in suspects(3, unknown=True, cause="odd", share=f"h{n}")[n : n + 1]]
    assert "look for what they have in common" in blame(mixed, {}, LIMITS)[0].text


def test_time_outs_on_an_overloaded_host_are_told_once_and_not_as_a_shared_cause_too() -> None:
    assert blame(suspects(9, unknown=True, cause="overloaded"), {}, LIMITS) == ()


def test_checks_that_cannot_tell_and_do_not_say_why_share_nothing() -> None:
    assert blame(suspects(10, unknown=True), {}, LIMITS) == ()


def test_services_behind_one_port_that_turn_bad_together_are_held() -> None:
    (cause,) = blame(suspects(5, share="127.0.0.1:80", cause="refused"), {("command", "127.0.0.1:80"): 5}, LIMITS)
    assert cause.holds
    assert cause.until("service:s0", after(1)) == after(120)


def test_five_checks_of_one_service_are_one_trouble_and_not_a_shared_cause() -> None:
    assert blame(suspects(5, share=SCRIPT, target="service:web"), {("command", SCRIPT): 5}, LIMITS) == ()


def test_what_most_checks_with_the_same_program_do_not_show_is_not_blamed_on_it() -> None:
    seven = suspects(7, share=SCRIPT)
    assert blame(seven, {("command", SCRIPT): 10}, LIMITS) == ()
    assert blame([*seven, *suspects(8, share=SCRIPT)[7:]], {("command", SCRIPT): 10}, LIMITS)


def test_what_turned_bad_one_after_the_other_is_not_blamed_on_what_is_shared() -> None:
    slowly = [suspect for n in range(5) for suspect in suspects(5, since=after(n * 40), share=SCRIPT)[n : n + 1]]
    assert blame(slowly, {("command", SCRIPT): 5}, LIMITS) == ()


def test_a_wrong_blame_lets_go_of_one_target_after_the_other() -> None:
    (cause,) = blame(suspects(4, share=SCRIPT), {("command", SCRIPT): 4}, LIMITS)
    waits = [(cause.free[f"service:s{n}"] - NOW).total_seconds() for n in range(4)]
    assert waits == [120, 120 + 240, 120 + 240 + 480, 120 + 240 + 480 + 960]


def test_one_that_passes_acquits_what_they_share_for_all() -> None:
    seen = tally(10)
    for n in range(10):
        seen.bad(f"c{n}", NOW, "exit_1")
    assert seen.holding("c4", after(1)) is not None
    assert seen.well("c0", after(5)).gone
    assert seen.holding("c4", after(6)) is None
    assert not seen.bad("c0", after(30), "exit_1").found, "one alone does not begin it again"
    assert seen.holding("c4", after(31)) is None


def test_a_check_that_passes_before_anybody_is_blamed_acquits_nobody() -> None:
    seen = tally(3)
    seen.bad("c0", NOW, "")
    seen.well("c0", after(1))
    for n in range(3):
        seen.bad(f"c{n}", after(2), "")
    assert seen.holding("c1", after(3)) is not None


def test_a_bad_check_that_then_cannot_tell_is_still_a_suspect() -> None:
    seen = tally(3)
    for n in range(3):
        seen.bad(f"c{n}", NOW, "")
    seen.unknown("c0", after(1), "overloaded")
    assert seen.holding("c1", after(2)) is not None


def test_the_words_of_a_cause_count_who_has_joined_since() -> None:
    seen = tally(20)
    changes = [seen.unknown(f"c{n}", after(n), "exit_127") for n in range(20)]
    assert [len(change.found) for change in changes] == [0, 0, 1] + [0] * 17
    assert seen.causes()[0].text.startswith("20 command checks")


def test_a_cause_is_gone_when_fewer_than_three_are_left() -> None:
    seen = tally(4)
    for n in range(4):
        seen.unknown(f"c{n}", NOW, "dns")
    assert seen.well("c0", NOW) == NO_CHANGE
    assert len(seen.well("c1", NOW).gone) == 1
    assert seen.causes() == ()


def test_checks_that_leave_the_config_take_their_suspicion_with_them() -> None:
    seen = tally(3)
    for n in range(3):
        seen.unknown(f"c{n}", NOW, "dns")
    assert len(seen.resize({}).gone) == 1
    assert seen.unknown("c0", NOW, "dns") == NO_CHANGE, "a look that ends after its check has left"


# ── properties ────────────────────────────────────────────────────────────────────────────────────────────────────────

NAMES = st.integers(0, 7).map("c{}".format)
WORDS = st.sampled_from(["", "a", "b"])
INSTANTS = st.integers(0, 200).map(after)


@st.composite
def sets_of_suspects(draw: st.DrawFn) -> list[Suspect]:
    return [
        Suspect(
            check=f"{name}-{unknown}",
            kind=draw(st.sampled_from(["http", "tcp"])),
            target=draw(st.sampled_from("stuvw")),
            since=draw(INSTANTS),
            unknown=unknown,
            cause=draw(WORDS),
            share=draw(WORDS),
        )
        for name in draw(st.lists(st.integers(0, 20), unique=True))
        for unknown in [draw(st.booleans())]
    ]


def population_of(found: Iterable[Suspect], healthy: int) -> dict[tuple[str, str], int]:
    population: dict[tuple[str, str], int] = {}
    for suspect in found:
        place = (suspect.kind, suspect.share)
        population[place] = population.get(place, healthy) + 1
    return population


@given(sets_of_suspects(), st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_of_the_suspects_does_not_matter(found: list[Suspect], healthy: int, random: Any) -> None:
    population = population_of(found, healthy)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert blame(found, population, LIMITS) == blame(shuffled, population, LIMITS)


@given(sets_of_suspects(), st.integers(0, 3))
def test_nobody_is_held_unless_three_targets_fail_and_nobody_is_named_who_is_no_suspect(
    found: list[Suspect], healthy: int
) -> None:
    by_name = {suspect.check: suspect for suspect in found}
    for cause in blame(found, population_of(found, healthy), LIMITS):
        members = [by_name[name] for name in cause.members]
        assert len(members) >= ALIKE
        assert {group_of(member) for member in members} == {cause.key}
        if cause.holds:
            assert len({member.target for member in members}) >= ALIKE
            assert set(cause.free) == {member.target for member in members}
            begin = min(member.since for member in members)
            assert cause.since - begin <= timedelta(seconds=LIMITS.storm_window)


@given(sets_of_suspects())
def test_every_hold_ends(found: list[Suspect]) -> None:
    for cause in blame(found, population_of(found, 0), LIMITS):
        longest = timedelta(seconds=LIMITS.storm_hold_max * (len(cause.free) + 1))
        assert all(cause.until(target, cause.since + longest) is None for target in cause.free)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("well"), NAMES, st.just("")),
        st.tuples(st.sampled_from(["bad", "unknown"]), NAMES, WORDS),
        st.tuples(st.just("wait"), st.integers(1, 50).map(str), st.just("")),
        st.tuples(st.just("shift"), st.integers(-7200, 3600).map(str), st.just("")),
    ),
    max_size=60,
)


@given(STEPS, st.lists(st.tuples(st.sampled_from("stuvw"), st.sampled_from(["x", ""])), min_size=8, max_size=8))
def test_looks_told_one_at_a_time_come_to_the_same_as_all_at_once(
    steps: list[tuple[str, str, str]], made: list[tuple[str, str]]
) -> None:
    members = {f"c{n}": Member(kind="http", target=target, share=share) for n, (target, share) in enumerate(made)}
    seen = Tally(LIMITS)
    seen.resize(members)
    population: dict[tuple[str, str], int] = {}
    for member in members.values():
        population[member.kind, member.share] = population.get((member.kind, member.share), 0) + 1
    now = NOW
    told: set[Any] = set()
    failing: dict[str, datetime] = {}
    for what, name, word in steps:
        change = NO_CHANGE
        if what == "wait":
            now += timedelta(seconds=int(name))
        elif what == "shift":
            by = timedelta(seconds=int(name))
            now, failing = now + by, {check: at + by for check, at in failing.items()}
            seen.shift(by)
        elif what == "well":
            failing.pop(name, None)
            change = seen.well(name, now)
        elif what == "bad":
            change = seen.bad(name, failing.setdefault(name, now), word)
        else:
            change = seen.unknown(name, now, word)
        told = _told(told, change)
        every = [suspect for group in seen._suspects for suspect in group.values()]
        assert {suspect.check for suspect in seen._suspects[0].values()} == set(failing)
        assert seen.causes() == blame(every, population, LIMITS, seen._acquitted)
        assert told == {cause.key for cause in seen.causes()}, "what began was told, and what ended"


def _told(told: set[Any], change: Change) -> set[Any]:
    found = {cause.key for cause in change.found}
    gone = {cause.key for cause in change.gone}
    assert not found & told
    assert gone <= told
    return (told | found) - gone
