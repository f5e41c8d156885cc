"""A recovery as a tree of spans: from its record and what was told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from salus import traces
from salus.model import Event, EventKind, Outcome, RecoveryRecord, StepRecord, StepResult
from salus.surfaces.metrics.table import FAMILIES
from salus.surfaces.telemetry.instruments import INSTRUMENTS
from salus.surfaces.telemetry.story import Span, tell

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "0123456789abcdef"


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def event(seconds: float, kind: EventKind, **more: object) -> Event:
    return Event(id=1, at=at(seconds), kind=kind, check="web", recovery=ID, **more)  # type: ignore[arg-type]  # keywords


def step(position: int, action: str, seconds: float, result: StepResult, *, verified: bool | None = None) -> StepRecord:
    return StepRecord(
        position=position,
        action=action,
        result=result,
        message=f"{action} {result}",
        started_at=at(seconds),
        duration=0.5,
        verified=verified,
    )


RECORD = RecoveryRecord(
    id=ID,
    rule="web",
    check="web",
    targets=("service:web",),
    trigger="500, expected 200",
    decided_at=at(0),
    started_at=at(0),
    finished_at=at(4),
    outcome=Outcome.RECOVERED,
    message="restart_service healed it",
    steps=(
        step(1, "log", 1.2, StepResult.OK),
        step(2, "run", 1.7, StepResult.SKIPPED),
        step(3, "restart_service", 2, StepResult.OK, verified=True),
    ),
)
EVENTS = (
    event(0.1, EventKind.RECOVERY_STARTED, service="web"),
    event(0.9, EventKind.RECOVERY_CONFIRMED, message="it is still so"),
    event(1.2, EventKind.ACTION_STARTED, action="log"),
    event(1.7, EventKind.ACTION_FINISHED, action="log", reason="ok"),
    event(1.7, EventKind.ACTION_FINISHED, action="run", reason="skipped"),
    event(2, EventKind.ACTION_STARTED, action="restart_service", data={"evidence_seconds": 0.25}),
    event(2.5, EventKind.ACTION_FINISHED, action="restart_service", reason="ok"),
    event(3.9, EventKind.VERIFIED, reason="passed", message="verified by a fresh look"),
    event(4, EventKind.RECOVERY_FINISHED, reason="recovered"),
)


def times(root: Span) -> list[tuple[str, float, float, bool | None]]:
    return [
        (each.name, (each.start - BEGAN).total_seconds(), (each.end - BEGAN).total_seconds(), each.ok)
        for each in root.children
    ]


def test_every_step_is_a_span_at_its_own_times() -> None:
    root = tell(RECORD, EVENTS)
    assert (root.name, root.start, root.end, root.ok) == ("recovery web", at(0), at(4), True)
    assert times(root) == [
        ("confirm", 0.1, 0.9, None),
        ("action log", 1.2, 1.7, True),
        ("action run", 1.7, 2.2, None),
        ("evidence", 1.75, 2.0, None),
        ("action restart_service", 2.0, 2.5, True),
        ("verify web", 2.5, 3.9, True),
    ]
    assert root.attributes["salus.service"] == "web"
    assert "error.type" not in root.attributes


def test_without_its_events_the_record_says_what_it_knows() -> None:
    assert times(tell(RECORD, [])) == [
        ("confirm", 0.0, 1.2, None),
        ("action log", 1.2, 1.7, True),
        ("action run", 1.7, 2.2, None),
        ("action restart_service", 2.0, 2.5, True),
        ("verify web", 2.5, 4.0, True),
    ]


def test_what_was_under_way_when_salus_was_killed_ends_with_the_recovery() -> None:
    killed = replace(RECORD, steps=RECORD.steps[:2], outcome=Outcome.INTERRUPTED, finished_at=at(60), message="ended")
    root = tell(killed, EVENTS[:6])
    assert times(root)[-1] == ("action restart_service", 2.0, 60.0, False)
    assert root.children[-1].attributes["salus.step.result"] == "interrupted"
    assert (root.ok, root.end) == (False, at(60))
    assert root.attributes["salus.last_heard"] == at(2).isoformat()
    assert root.attributes["error.type"] == "interrupted"


def test_a_needless_one_was_only_confirmed_and_is_no_error() -> None:
    called_off = replace(
        RECORD,
        steps=(),
        outcome=Outcome.CANCELLED,
        needless=True,
        finished_at=at(1),
        message="a fresh look says healthy",
    )
    root = tell(called_off, [EVENTS[0], event(1, EventKind.RECOVERY_FINISHED, reason="cancelled")])
    assert times(root) == [("confirm", 0.1, 1.0, None)]
    assert root.ok is None
    assert root.attributes["salus.needless"] is True
    assert root.children[0].attributes["salus.confirmed"] is False


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOT_RECOVERED, Outcome.TIMED_OUT, Outcome.INTERRUPTED])
def test_whatever_did_not_heal_is_an_error(outcome: Outcome) -> None:
    root = tell(replace(RECORD, outcome=outcome), EVENTS)
    assert root.ok is False
    assert root.attributes["error.type"] == outcome.value


def test_a_clock_that_is_set_back_makes_no_span_end_before_it_begins() -> None:
    for back in (at(-100), at(1.3)):
        root = tell(replace(RECORD, finished_at=back), EVENTS)
        assert root.end >= root.start
        assert all(each.end >= each.start for each in root.children)


def test_the_last_words_of_a_rule_are_not_confirmed() -> None:
    assert "confirm" not in [each.name for each in tell(replace(RECORD, ladder=-1), EVENTS).children]


def test_the_ids_follow_from_the_recoverys_own() -> None:
    assert traces.trace_id(ID) == ID + ID
    assert traces.span_id(ID) == ID
    others = {traces.span_id(ID, place) for place in range(1, 50)}
    assert len(others) == 49
    assert ID not in others
    for odd in ("", "0" * 16, "r-1", "ABCDEF0123456789", "ü" * 3):
        assert len(traces.trace_id(odd)) == 32
        assert int(traces.trace_id(odd), 16) != 0
        assert int(traces.span_id(odd), 16) != 0


def test_every_metric_is_an_instrument_of_which_prometheus_makes_the_same_name() -> None:
    assert [one.family for one in INSTRUMENTS] == list(FAMILIES)
    assert [one.prometheus for one in INSTRUMENTS] == [family.name for family in FAMILIES]
