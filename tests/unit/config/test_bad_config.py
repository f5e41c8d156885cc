"""Every kind of bad config, with the exact lines that a person reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from salus.config import loads
from salus.errors import ConfigError

GOLDEN = Path(__file__).with_name("bad_config.txt").read_text(encoding="utf-8")


def cases() -> Iterator[ParameterSet]:
    """Read the golden file: ``=== name``, the config (with \\t and \\a written out), ``---->``, the lines."""
    for case in GOLDEN.split("\n=== ")[1:]:
        name, _, rest = case.partition("\n")
        text, _, lines = rest.partition("\n---->\n")
        yield pytest.param(text.replace(r"\t", "\t").replace(r"\a", "\a"), lines.strip(), id=name)


@pytest.mark.parametrize("text, lines", list(cases()))
def test_bad_config_is_told_with_place_and_remedy(text: str, lines: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, name="salus.yaml", environ={"PASSWORD": "hunter2"})
    assert str(caught.value) == lines


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
salus: {listen: nowhere, state: x}
defaults: {interval: never}
checks:
  web: {memory: , timeout: soon, service: web, url: "${NOT_SET}"}
  disk: {disk: {path: /}, depends_on: [wbe], critical: maybe}
rules:
  web: {actions: [log, [wait]], min_failure_count: -1}
"""
    with pytest.raises(ConfigError) as caught:
        loads(text, environ={})
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (1, "salus.state"),
        (2, "defaults.interval"),
        (4, "checks.web.timeout"),
        (4, "checks.web.service"),
        (4, "checks.web.url"),  # a second kind ...
        (4, "checks.web.url"),  # ... and a variable that is not set
        (5, "checks.disk.depends_on[0]"),
        (5, "checks.disk.critical"),
        (7, "rules.web.actions[1]"),
        (7, "rules.web.min_failure_count"),
    ]


def test_a_bad_environment_names_its_variable() -> None:
    with pytest.raises(ConfigError) as caught:
        loads("", environ={"SALUS_LISTEN": "8787", "SALUS_LOG_LEVEL": "inof"})
    assert str(caught.value).splitlines() == [
        (
            "environment variable SALUS_LISTEN: '8787' is not an address to listen on"
            " (write an address and a port, such as 127.0.0.1:8787, 0.0.0.0:8787 or [::1]:8787)"
        ),
        "environment variable SALUS_LOG_LEVEL: there is no log level 'inof' (did you mean 'info'?)",
    ]


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ConfigError, match="this holds more than 250000 entries"):
        loads("\n".join(lines))


def test_a_bomb_of_merges_is_refused() -> None:
    lines = ["a: &a0 {x: 1}"]
    lines += [f"b{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 30)}]}}" for n in range(1, 10)]
    with pytest.raises(ConfigError, match="this holds more than 250000 entries"):
        loads("\n".join(lines))


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 1000, "a: " + "[" * 40 + "]" * 40])
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="nested deeper than 32 levels"):
        loads(text)
