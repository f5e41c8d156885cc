"""A brake waits for its probe, and only for one that runs."""

from __future__ import annotations

from datetime import timedelta

from salus.engine.storms import Storms
from salus.engine.units import CheckUnit
from salus.model import CheckSpec, CheckState, EventKind, Limits, Memo, Status
from salus.testing import EPOCH, ScriptedCheck

LIMITS = Limits(storm_min_checks=3, storm_hold=30.0, storm_hold_max=120.0)
LATER = EPOCH + timedelta(seconds=31)
UNITS = {
    name: CheckUnit(
        spec=CheckSpec(name=name, kind="scripted"), check=ScriptedCheck(Status.UNHEALTHY), state=CheckState()
    )
    for name in ("a", "b", "c", "d")
}


def nothing(kind: EventKind, **_: object) -> None:
    """Say nothing."""


def braking(kept: dict[str, Memo]) -> Storms:
    storms = Storms(nothing, lambda memo: kept.update({memo.key: memo}))
    storms.resize(UNITS)
    for name in ("a", "b", "c"):
        storms.turned_bad(name, LIMITS, EPOCH, newly=True)
    return storms


def test_a_probe_that_was_called_off_lets_the_next_one_try() -> None:
    storms = braking({})
    storms.begins(UNITS["a"], "first")
    held = storms.hold(UNITS["b"], LATER)
    assert held is not None
    assert "waiting whether recovery first helps" in held.detail
    assert not storms.ends("first", LIMITS, LATER, helped=None)
    assert storms.hold(UNITS["b"], LATER) is None
    storms.begins(UNITS["b"], "second")
    assert storms.ends("second", LIMITS, LATER, helped=True)
    assert storms.brakes == {}


def test_a_probe_that_did_not_help_makes_the_brake_hold_twice_as_long() -> None:
    storms = braking({})
    storms.begins(UNITS["a"], "probe")
    assert not storms.ends("probe", LIMITS, LATER, helped=False)
    assert storms.hold(UNITS["b"], LATER + timedelta(seconds=59)) is not None
    assert storms.hold(UNITS["b"], LATER + timedelta(seconds=60)) is None


def test_a_probe_that_died_with_salus_is_waited_for_no_longer() -> None:
    kept: dict[str, Memo] = {}
    storms = braking(kept)
    storms.begins(UNITS["a"], "probe")
    again = Storms(nothing, lambda _: None)
    again.load({key: memo.value for key, memo in kept.items() if memo.value is not None})
    again.resize(UNITS)
    assert set(again.brakes) == {"all", "kind:scripted"}
    assert again.hold(UNITS["a"], EPOCH) is not None
    assert again.hold(UNITS["a"], LATER) is None


def test_a_brake_over_what_is_well_again_is_released_and_told() -> None:
    told: list[tuple[EventKind, str]] = []
    storms = Storms(lambda kind, **facts: told.append((kind, str(facts["reason"]))), lambda _: None)
    storms.resize(UNITS)
    for name in ("a", "b", "c"):
        storms.turned_bad(name, LIMITS, EPOCH, newly=True)
    assert not storms.well("a", LIMITS)
    assert storms.well("b", LIMITS)
    assert storms.brakes == {}
    assert [kind for kind, _ in told] == [EventKind.STORM_STARTED] * 2 + [EventKind.STORM_ENDED] * 2
