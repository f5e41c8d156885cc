"""Whatever comes in: settings, or problems that point into the text."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from salus.config import Sources, loads, options
from salus.config.interpolation import Interpolated, interpolate
from salus.errors import ConfigError
from salus.options import Options
from salus.units import Amount, Duration, Share, Size, format_size

ENVIRON = {"A": "1", "B": "two", "EMPTY": ""}
TEXT = r"""
checks: rules: services: salus: defaults: limits: alerts: a b : - { } [ ] , ' " &x *x << !t ? | > # --- % @ ~ on
memory http interval timeout depends_on tags check actions wait log critical 5s -1 010 1e999 ${A} ${B:-x} ${C} ${ $$ \
maintenance: true 30% 0 match: routes: channels: console level="x" monday:friday 09:00-17:00 {check}
"""
NAMES = """
checks rules salus limits defaults services interval timeout tags depends_on service actions check listen
keep_events storm_brake recoveries_at_once a b wait critical maintenance cron duration time_zone everything all_checks
ladders on_exhausted when mode groups max_unavailable failure_window cooldown_max low_flap_threshold alerts channels
"""
ALERTS = """
channels rules default_rules routes group_by inhibit time_intervals labels link targets flap_threshold a b console log
webhook enabled status metric above below when on for level message runbook match continue escalate after mute_during
source target equal ranges times weekdays days_of_month months years time_zone start_time end_time allow deny gave-up
"""
WRITTEN = r"""
level="critical" component=~"web.*" x=~"(" {level=a} level= ... component my-label check-unhealthy gave-up console nope
monday:friday friday:monday fryday 09:00-17:00 22:00-06:00 24:00-24:00 -3:-1 -3:2 january 12 2026:2027 0 31 -1 1e999
Europe/Berlin europe/berlin unhealthy exhausted critical {check} {chekc} { } {${B}} level="${B} https://a http://
10.0.0.0/8 10.0.0.1/8 *.example.org a:1 ::1 true 90% 512MiB 1h30m -5 5m alertname environment
"""
WORDS, KEYS = (text.split() for text in (TEXT, NAMES))
SPACES = (" ", ": ", "- ", "\n", "\n  ", "\n    ", "\t", "\0", "\u2028", "\ufeff", "é", "9" * 400 + "d")

alert_keys = st.sampled_from(ALERTS.split())
alert_trees = st.recursive(
    st.sampled_from(WRITTEN.split()) | st.integers(-40, 40) | st.booleans() | st.none(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(alert_keys, children, max_size=4),
    max_leaves=25,
)
texts = st.text(st.characters(codec=None)) | st.lists(st.sampled_from([*WORDS, *SPACES])).map("".join)
keys = st.sampled_from(KEYS) | st.text(max_size=3)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(WORDS)
trees = st.recursive(
    leaves,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(keys, children, max_size=4),
    max_leaves=20,
)


def check_outcome(text: str) -> None:
    with suppress(ConfigError):
        loads(text, name="salus.yaml", environ=ENVIRON)
        return
    with pytest.raises(ConfigError) as caught:
        loads(text, name="salus.yaml", environ=ENVIRON)
    problems = caught.value.problems
    assert problems
    assert list(problems) == sorted(set(problems))
    for problem in problems:
        assert problem.file == "salus.yaml"
        assert 1 <= problem.line <= len((text + "\n").splitlines()) + 1
        assert 1 <= problem.column <= len(text) + 1
        assert problem.what
        assert len(str(problem).splitlines()) == 1


@given(texts)
@example("a: {b: 1\n")
@example("? ")
@example("\ufeffchecks: 1")
@example("a: !!binary x")
@example("'\ud800'")
@example("- - - -")
@example('{"a\\nb": 1}')
@example("rules: {a: {actions: [{'': 1}]}}")
def test_any_text_becomes_settings_or_problems_inside_the_text(text: str) -> None:
    check_outcome(text)


@given(st.dictionaries(keys, trees))
def test_any_tree_becomes_settings_or_problems_inside_the_text(tree: dict[str, Any]) -> None:
    check_outcome(yaml.safe_dump(tree, allow_unicode=True))
    check_outcome(json.dumps(tree))


@given(st.dictionaries(alert_keys, alert_trees))
@example({"rules": {"a": {"on": "exhausted", "message": "{${B}} {"}}})
@example({"routes": [{"match": ['level="${B}', ""], "channels": []}]})
def test_any_tree_of_alerts_becomes_settings_or_problems_inside_the_text(tree: dict[str, Any]) -> None:
    whole = {"checks": {"a": "memory", "b": {"memory": None, "tags": ["a"]}}, "alerts": tree}
    check_outcome(yaml.safe_dump(whole, allow_unicode=True))
    check_outcome(json.dumps(whole))


class Everything(Options, frozen=True, kw_only=True):
    a: str = ""
    b: int | list[int] = 0
    tags: tuple[str, ...] = ()
    wait: Duration | None = None
    timeout: Size | Share | None = None
    checks: dict[str, Amount] | bool = False
    rules: tuple[int, str] | float | None = None


@given(trees)
def test_any_data_becomes_options_or_problems(raw: object) -> None:
    with suppress(ConfigError):
        assert isinstance(options(Everything, raw, path=("checks", "a", "x"), sources=Sources()), Everything)


@given(st.floats(min_value=0, max_value=1e9), st.sampled_from(["us", "ms", "s", "m", "h", "d", "w"]))
def test_durations_survive_being_written(number: float, unit: str) -> None:
    written = f"{number:f}{unit}"
    seconds = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit]
    assert abs(Duration.parse(written) - float(f"{number:f}") * seconds) <= 1e-9 * (1 + number * seconds)


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parts_of_a_duration_add_up(days: int, hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    written = f"{days}d{hours}h{minutes}m{seconds}s{milliseconds}ms"
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    assert abs(Duration.parse(written) - total) < 1e-6


@given(st.integers(0, 2**45))
def test_sizes_survive_being_written(count: int) -> None:
    assert Size.parse(count) == Size.parse(str(count)) == Size.parse(f"{count}B") == count
    assert abs(Size.parse(format_size(count)) - count) <= count / 100


@given(st.text())
def test_text_is_a_unit_or_a_value_error(text: str) -> None:
    for unit in (Duration, Size, Share, Amount):
        with suppress(ValueError):
            assert 0 <= unit.parse(text) < float("inf")


@given(st.text())
def test_doubled_dollars_always_survive(text: str) -> None:
    result = interpolate(text.replace("$", "$$"), {})
    assert result == text
    assert not isinstance(result, Interpolated)


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True), st.text(max_size=5), min_size=1))
def test_variables_take_their_values(environ: dict[str, str]) -> None:
    written = "-".join(f"${{{name}}}" for name in environ)
    result = interpolate(written, environ)
    assert result == "-".join(environ.values())
    assert repr(result) == repr(written)


@given(st.text(st.characters(exclude_characters="{}$")))
def test_a_default_stands_in_for_a_variable_that_is_missing_or_empty(default: str) -> None:
    assert interpolate(f"<${{NONE:-{default}}}${{EMPTY:-{default}}}>", ENVIRON) == f"<{default}{default}>"
