"""Whatever the nouns hold comes back from their rows; whatever JSON cannot say is still written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import (
    Answer,
    Approval,
    CheckState,
    Event,
    EventKind,
    Metric,
    Observation,
    Outcome,
    RecoveryRecord,
    RuleState,
    ServiceRecord,
    Status,
    StepRecord,
    StepResult,
)
from salus.store import codec, rows
from salus.units import Duration

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAME = TEXT
INSTANT = st.datetimes(timezones=st.just(UTC))
SECONDS = st.floats(min_value=0, max_value=1e9)
COUNT = st.integers(0, 2**31)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=4)
METRICS = st.dictionaries(TEXT, st.builds(Metric, st.floats(allow_nan=False), TEXT), max_size=4)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


OBSERVATIONS = st.builds(
    Observation,
    status=st.sampled_from(Status),
    message=TEXT,
    at=INSTANT,
    duration=SECONDS,
    metrics=METRICS,
    metadata=OBJECT,
    incarnation=maybe(TEXT),
    cause=TEXT,
)
CHECK_STATES = st.builds(
    CheckState,
    status=st.sampled_from(Status),
    since=maybe(INSTANT),
    started=maybe(INSTANT),
    settled=st.booleans(),
    consecutive_failures=COUNT,
    consecutive_unhealthy=COUNT,
    consecutive_successes=COUNT,
    consecutive_better=COUNT,
    consecutive_unknown=COUNT,
    failing_since=maybe(INSTANT),
    recent=st.integers(0, 2**42 - 1),
    flapping=st.booleans(),
    last=maybe(OBSERVATIONS),
)
APPROVALS = st.builds(
    Approval,
    id=TEXT,
    asked_at=INSTANT,
    expires_at=INSTANT,
    answer=st.sampled_from(Answer),
    answered_at=maybe(INSTANT),
    by=TEXT,
    note=TEXT,
)
RULE_STATES = st.builds(
    RuleState,
    rule=NAME,
    attempts=COUNT,
    last_started=maybe(INSTANT),
    last_finished=maybe(INSTANT),
    last_outcome=maybe(st.sampled_from(Outcome)),
    acted_on=maybe(TEXT),
    exhausted_since=maybe(INSTANT),
    half_open_tries=COUNT,
    healthy_since=maybe(INSTANT),
    recoveries=st.lists(INSTANT, max_size=4).map(tuple),
    recurring_since=maybe(INSTANT),
    escalations=COUNT,
    approval=maybe(APPROVALS),
)
STEPS = st.builds(
    StepRecord,
    position=COUNT,
    action=NAME,
    result=st.sampled_from(StepResult),
    message=TEXT,
    started_at=INSTANT,
    duration=SECONDS,
    verified=maybe(st.booleans()),
    evidence=OBJECT,
)
RECOVERIES = st.builds(
    RecoveryRecord,
    id=NAME,
    rule=NAME,
    check=NAME,
    targets=st.lists(NAME, max_size=3).map(tuple),
    attempt=COUNT,
    trigger=TEXT,
    failing_since=maybe(INSTANT),
    decided_at=INSTANT,
    started_at=INSTANT,
    finished_at=maybe(INSTANT),
    outcome=maybe(st.sampled_from(Outcome)),
    message=TEXT,
    initiation=maybe(SECONDS),
    duration=maybe(SECONDS),
    half_open=st.booleans(),
    ladder=st.integers(-1, 9),
    manual=st.booleans(),
    approved_by=TEXT,
    needless=st.booleans(),
    steps=st.lists(STEPS, max_size=2).map(tuple),
    evidence=OBJECT,
)
EVENTS = st.builds(
    Event,
    id=st.integers(0, 2**62),
    at=INSTANT,
    kind=st.sampled_from(EventKind),
    message=TEXT,
    check=maybe(NAME),
    rule=maybe(NAME),
    service=maybe(NAME),
    recovery=maybe(NAME),
    action=maybe(NAME),
    old=maybe(TEXT),
    new=maybe(TEXT),
    reason=maybe(TEXT),
    data=OBJECT,
)


@given(EVENTS)
def test_any_event_comes_back(event: Event) -> None:
    assert rows.event(rows.event_row(event)) == event


@given(OBSERVATIONS)
def test_any_observation_comes_back(look: Observation) -> None:
    assert rows.observation(rows.observation_row("web", look)) == look


@given(CHECK_STATES)
def test_any_check_state_comes_back(state: CheckState) -> None:
    assert codec.load_check_state(codec.dump_check_state(state)) == state


@given(RULE_STATES)
def test_any_rule_state_comes_back(state: RuleState) -> None:
    assert codec.load_rule_state(codec.dump(state)) == state


@given(RECOVERIES)
def test_any_recovery_comes_back(record: RecoveryRecord) -> None:
    assert rows.recovery(rows.recovery_row(record)) == record


@given(NAME, st.booleans(), OBJECT)
def test_any_service_comes_back(name: str, wanted: bool, launch: Mapping[str, Any]) -> None:
    record = ServiceRecord(service=name, wanted=wanted, launch=launch)
    assert rows.service(rows.service_row(record)) == record


@given(st.datetimes(timezones=st.timedeltas(timedelta(hours=-12), timedelta(hours=12)).map(timezone)))
def test_instants_are_exact_in_every_zone_and_year(instant: datetime) -> None:
    try:
        utc = instant.astimezone(UTC)
    except OverflowError:
        return  # hours before year 1, or after year 9999
    assert codec.from_micros(codec.to_micros(instant)) == utc


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2))
def test_stored_instants_sort_like_instants(instants: list[datetime]) -> None:
    assert [codec.to_micros(instant) for instant in sorted(instants)] == sorted(map(codec.to_micros, instants))


def test_a_naive_instant_is_refused_instead_of_guessed() -> None:
    with pytest.raises(TypeError):
        codec.to_micros(datetime(2026, 1, 1))  # noqa: DTZ001  # the point of this test


def test_metrics_that_are_not_numbers_come_back_as_they_were() -> None:
    metrics = {"up": Metric(math.inf), "down": Metric(-math.inf, "seconds"), "lost": Metric(math.nan), "x": Metric(1.5)}
    look = Observation(status=Status.HEALTHY, at=datetime(2026, 1, 1, tzinfo=UTC), metrics=metrics)
    for found in (
        rows.observation(rows.observation_row("web", look)),
        codec.load_check_state(codec.dump_check_state(CheckState(last=look))).last,
    ):
        assert found is not None
        assert found.metrics["up"].value == math.inf
        assert found.metrics["down"] == Metric(-math.inf, "seconds")
        assert math.isnan(found.metrics["lost"].value)
        assert found.metrics["x"] == Metric(1.5)


class Rude:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_what_json_cannot_say_is_written_as_its_nearest_text() -> None:
    loop: list[Any] = []
    loop.append(loop)
    odd: dict[Any, Any] = {
        "path": Path("/x"),
        "seconds": Duration(1.5),
        "money": Decimal("1.10"),
        "mapping": MappingProxyType({"a": 1}),
        "set": {1},
        "broken text": "a\udcffb",
        ("a", "tuple"): 1,
        "rude": Rude(),
        "loop": loop,
    }
    for key, value in odd.items():
        found = msgspec.json.decode(codec.dump({key: value}))
        assert list(found) == [str(key)]
    assert msgspec.json.decode(codec.dump({"s": Duration(1.5), "p": Path("/x")})) == {"s": 1.5, "p": "/x"}
    assert msgspec.json.decode(codec.dump({"s": "a\udcffb", "rude": Rude()})) == {"s": "a\\udcffb", "rude": "<Rude>"}


def test_a_state_with_odd_values_inside_is_still_a_state() -> None:
    look = Observation(
        status=Status.UNHEALTHY,
        at=datetime(2026, 1, 1, 12, tzinfo=UTC),
        message="bad name \udcff",
        metadata={"rude": Rude()},  # type: ignore[dict-item]
        metrics={"x": Metric(2.0, "s")},
    )
    found = codec.load_check_state(codec.dump_check_state(CheckState(status=Status.UNHEALTHY, last=look)))
    assert found.status is Status.UNHEALTHY
    assert found.last is not None
    assert found.last.at == look.at
    assert found.last.message == "bad name \\udcff"
    assert found.last.metrics == look.metrics


@pytest.mark.parametrize(
    "raw", ["", "{", "[]", "null", '{"status":"splendid"}', '{"status":"healthy","consecutive_failures":"two"}']
)
def test_a_check_state_that_nobody_wrote_is_not_guessed_at(raw: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        codec.load_check_state(raw)


@given(OBJECT)
def test_any_memo_comes_back(value: Mapping[str, Any]) -> None:
    assert codec.load_memo(codec.dump(value)) == value


@pytest.mark.parametrize("raw", ["", "{", "[]", "null", "7"])
def test_a_memo_that_nobody_wrote_is_not_guessed_at(raw: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        codec.load_memo(raw)


def test_a_permission_without_its_answer_is_not_guessed_at() -> None:
    asked = '{"id":"a","asked_at":"2026-05-01T12:00:00Z","expires_at":"2026-05-01T13:00:00Z"}'
    with pytest.raises(msgspec.DecodeError):
        codec.load_rule_state(f'{{"rule":"web","attempts":1,"approval":{asked}}}')


def test_a_budget_without_its_attempts_is_not_guessed_at() -> None:
    with pytest.raises(msgspec.DecodeError):
        codec.load_rule_state('{"rule":"web"}')


def test_a_state_written_before_a_field_existed_is_still_understood() -> None:
    assert codec.load_check_state('{"status":"healthy"}') == CheckState(status=Status.HEALTHY)
    assert codec.load_rule_state('{"rule":"web","attempts":2,"of_the_future":1}') == RuleState(rule="web", attempts=2)
