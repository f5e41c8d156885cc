"""What is written for a Prometheus is what the two formats allow, whatever things are called."""

from __future__ import annotations

import platform
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.model import (
    Event,
    EventKind,
    Metric,
    Status,
    Suppression,
)
from salus.surfaces.metrics.scrape import MOST_NUMBERS
from salus.surfaces.metrics.table import FAMILIES, Family, Kind
from salus.surfaces.metrics.words import escape, number
from tests.exposition import parse, value, values
from tests.fake_agent import NOW, RECOVERY, FakeView, check
from tests.unit.surfaces.metrics.scene import Scene, busy, finished

HOSTILE = [
    'a"b',
    "a\\",
    'a\\"',
    "a\nb",
    "a\\nb",
    "{}",
    "{0}",
    "%s",
    "# EOF",
    "",
    " ",
    "ü",
    "\0",
    "\r",
    "\u2028",
    "\ud800",
    "🦊",
]
TEXT = st.text(st.characters(), max_size=12) | st.sampled_from(HOSTILE)
NUMBERS = st.floats() | st.integers(-(10**30), 10**30) | st.just(10**400)


# ── names, labels, kinds ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_names_and_labels_are_those_that_were_agreed_on() -> None:
    assert {family.name: set(family.labels) for family in FAMILIES} == {
        "salus_build_info": {"version", "python"},
        "salus_check_status": {"check", "salus_check_status"},
        "salus_check_duration_seconds": set(),
        "salus_check_runs_total": {"check", "status"},
        "salus_check_last_run_timestamp_seconds": {"check"},
        "salus_check_last_success_timestamp_seconds": {"check"},
        "salus_check_metric": {"check", "name"},
        "salus_recoveries_total": {"check", "outcome"},
        "salus_recovery_refusals_total": {"check", "reason"},
        "salus_recovery_duration_seconds": set(),
        "salus_recovery_initiation_seconds": set(),
        "salus_actions_total": {"action", "result"},
        "salus_recovery_exhausted": {"check"},
        "salus_alerts": {"level", "state"},
        "salus_notifications_total": {"channel", "result"},
        "salus_alerts_suppressed_total": {"reason"},
        "salus_scheduler_lateness_seconds": set(),
    }


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_is_described_as_its_kind_wants(family: Family) -> None:
    assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
    assert family.name.endswith("_info") == (family.kind is Kind.INFO)
    assert not set(family.about) & set('\\"\n')
    assert family.about.endswith(".")


@pytest.mark.parametrize("openmetrics", [True, False])
def test_every_sample_has_the_labels_of_its_family(openmetrics: bool) -> None:
    families = busy().scraped(openmetrics=openmetrics)
    assert len(families) == len(FAMILIES)
    for family in FAMILIES:
        found = families[family.stem if openmetrics else family.name]
        assert found.samples or family.name == "salus_recovery_exhausted"
        for _, labels in found.samples:
            assert {label for label, _ in labels} - {"le"} == set(family.labels)


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_has_happened_is_said() -> None:
    told = busy().scraped()
    assert value(told, "salus_check_status", check="api", salus_check_status="degraded") == 1
    assert value(told, "salus_check_status", check="web", salus_check_status="healthy") == 0
    assert value(told, "salus_check_runs_total", check="web", status="unhealthy") == 1
    assert value(told, "salus_check_metric", check="disk", name="free_ratio") == 0.62
    assert value(told, "salus_check_duration_seconds_count") == 3
    assert value(told, "salus_recoveries_total", check="web", outcome="recovered") == 1
    assert value(told, "salus_recoveries_total", check="web", outcome="interrupted") == 1
    assert value(told, "salus_recoveries_total", check="web", outcome="failed") == 0
    assert value(told, "salus_recovery_refusals_total", check="web", reason="cooling_down") == 1
    assert value(told, "salus_recovery_duration_seconds_sum") == RECOVERY.duration
    assert value(told, "salus_recovery_initiation_seconds_count") == 1
    assert value(told, "salus_actions_total", action="restart_service", result="ok") == 1
    assert value(told, "salus_alerts", level="critical", state="firing") == 2
    assert value(told, "salus_alerts", level="info", state="pending") == 0
    assert [value(told, "salus_notifications_total", channel="pager", result=one) for one in ("sent", "dead")] == [1, 1]
    assert value(told, "salus_notifications_total", channel="log", result="sent") == 0
    assert value(told, "salus_alerts_suppressed_total", reason="silenced") == 3
    assert value(told, "salus_alerts_suppressed_total", reason=Suppression.MUTED) == 0
    assert value(told, "salus_build_info", version="0.1.0", python=platform.python_version()) == 1


def test_both_formats_say_the_same() -> None:
    scene = busy()
    assert values(scene.scraped(openmetrics=True)) == values(scene.scraped(openmetrics=False))


def test_the_newest_recovery_of_a_bucket_is_its_example_in_openmetrics_alone() -> None:
    scene = busy()
    told = scene.scraped()
    (_, labels, example), *others = told["salus_recovery_duration_seconds"].examples
    assert not others
    assert dict(labels) == {"le": "2.5"}
    assert (example.labels, example.value, example.at) == ({"recovery_id": "01A"}, 1.94, NOW.timestamp())
    assert told["salus_recovery_initiation_seconds"].examples
    assert not told["salus_check_duration_seconds"].examples
    assert b"01A" not in scene.body(openmetrics=False)


def test_a_check_that_nobody_has_looked_at_is_unknown_and_has_no_times() -> None:
    told = Scene(view=FakeView([check("new", Status.UNKNOWN)])).scraped()
    assert value(told, "salus_check_status", check="new", salus_check_status="unknown") == 1
    for name in ("salus_check_last_run_timestamp_seconds", "salus_check_last_success_timestamp_seconds"):
        assert value(told, name, check="new") is None


def test_the_last_success_is_that_of_an_earlier_salus_until_this_one_sees_one() -> None:
    report = check("web")
    scene = Scene(view=FakeView([report]))
    last = report.state.last
    assert last is not None
    name = "salus_check_last_success_timestamp_seconds"
    assert value(scene.scraped(), name, check="web") == last.at.timestamp()
    later = last.at + timedelta(seconds=30)
    scene.meter.looked("web", replace(last, at=later))
    scene.meter.looked("web", replace(last, at=later + timedelta(seconds=30), status=Status.UNHEALTHY))
    assert value(scene.scraped(), name, check="web") == later.timestamp()


def test_of_a_check_that_sees_a_thousand_numbers_a_hundred_are_shown() -> None:
    told = Scene(view=FakeView([check("web", metrics={f"n{place}": Metric(1.0) for place in range(1000)})])).scraped()
    assert len(told["salus_check_metric"].samples) == MOST_NUMBERS


def test_names_that_are_alike_where_they_are_cut_are_one() -> None:
    told = Scene(view=FakeView([check("web", metrics={"n" * 200 + end: Metric(1.0) for end in "ab"})])).scraped()
    assert [dict(labels)["name"] for _, labels in told["salus_check_metric"].samples] == ["n" * 128]


# ── hostile names and numbers ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("openmetrics", [True, False])
@given(
    names=st.lists(TEXT, max_size=4, unique=True),
    numbers=st.dictionaries(TEXT, NUMBERS, max_size=4),
    others=st.tuples(TEXT, TEXT, TEXT),
)
def test_whatever_things_are_called_it_can_be_read(
    openmetrics: bool, names: list[str], numbers: dict[str, float], others: tuple[str, str, str]
) -> None:
    channel, action, recovery = others
    metrics = {name: Metric(one) for name, one in numbers.items()}
    scene = Scene(view=FakeView([check(name, metrics=metrics) for name in names]), channels=[channel])
    scene.records[recovery] = replace(RECOVERY, id=recovery * 30)
    for name in names:
        scene.meter(finished(name, recovery))
    scene.meter(Event(id=1, at=NOW, kind=EventKind.ACTION_FINISHED, action=action, reason="ok"))
    told = scene.scraped(openmetrics=openmetrics)
    for name in names:
        shown = name.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
        assert value(told, "salus_check_status", check=shown, salus_check_status="healthy") == 1
        assert len(told["salus_check_metric"].samples) <= len(names) * len(numbers)


@given(TEXT)
def test_a_label_value_comes_back_as_it_was(text: str) -> None:
    line = f'# HELP a x.\n# TYPE a gauge\na{{b="{escape(text)}"}} 1\n'
    [(_, labels)] = parse(line.encode(), openmetrics=False)["a"].samples
    assert dict(labels)["b"] == text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


@given(st.floats(allow_nan=False))
def test_a_number_comes_back_as_it_was(one: float) -> None:
    assert float(number(one)) == one
