"""Text of others: performance data and versions. Nothing they print may break a look."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.checks import _nagios, _versions
from salus.checks.tools import Tools
from salus.model import Metric


def test_perfdata_becomes_metrics_in_base_units() -> None:
    assert _nagios.metrics("time=12ms;50;100;0 size=2KB /var=20%;80;90 'it''s C:'=3 users=4;;;;") == {
        "time_seconds": Metric(pytest.approx(0.012), "seconds"),  # type: ignore[arg-type]
        "size_bytes": Metric(2000.0, "bytes"),
        "var_ratio": Metric(pytest.approx(0.2), "ratio"),  # type: ignore[arg-type]
        "it_s_c": Metric(3.0),
        "users": Metric(4.0),
    }


def test_a_value_that_the_plugin_does_not_know_is_left_out() -> None:
    assert _nagios.metrics("a=U;1;2 b=1") == {"b": Metric(1.0)}


def test_a_decimal_comma_is_a_point() -> None:
    assert _nagios.metrics("load=0,25") == {"load": Metric(0.25)}


def test_numbers_of_all_lines_are_taken_together() -> None:
    output = "DISK OK - free | /=5MB;;\nmore text\nyet more | /boot=6MB\n/home=7MB\n"
    text, numbers = _nagios.split(output)
    assert text == "DISK OK - free"
    assert set(_nagios.metrics(numbers)) == {"value_bytes", "boot_bytes", "home_bytes"}


def test_there_is_a_limit_to_what_a_plugin_can_say() -> None:
    assert len(_nagios.metrics(" ".join(f"metric{number}=1" for number in range(1000)))) == 100


LABELS = st.text(st.characters(codec="utf-8", exclude_characters="\n|"), min_size=1, max_size=20)


@given(LABELS, st.floats(-1e300, 1e300), st.sampled_from(["", "s", "%", "KiB", "c"]))
def test_every_quoted_label_and_every_number_is_read(label: str, value: float, unit: str) -> None:
    quoted = label.replace("'", "''")
    (metric,) = _nagios.metrics(f"'{quoted}'={value!r}{unit};1;2;3;4").values()
    assert metric.value == pytest.approx(value * {"%": 0.01, "KiB": 1024}.get(unit, 1))


@given(st.text())
def test_no_output_breaks_the_reading(output: str) -> None:
    text, numbers = _nagios.split(output)
    assert "\n" not in text
    for name, metric in _nagios.metrics(numbers).items():
        assert name
        assert math.isfinite(metric.value)


@pytest.mark.parametrize(
    "output, version",
    [
        ("git version 2.39.2", "2.39.2"),
        ("psql (PostgreSQL) 14.5 (Ubuntu 14.5-0ubuntu0.22.04.1)", "14.5"),
        ("Python 3.11.7", "3.11.7"),
        ("OpenSSL 3.0.2 15 Mar 2022 (Library: OpenSSL 3.0.2 15 Mar 2022)", "3.0.2"),
        ("go version go1.21.3 linux/amd64", "1.21.3"),
        ("v18.17.0", "18.17.0"),
        ("less 590 (GNU regular expressions)", "590"),
        ("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.14 4 Jun 2024", "9.2"),
        ('openjdk version "17.0.9" 2023-10-17', "17.0.9"),
        ("nginx version: nginx/1.22.1", "1.22.1"),
        ("tmux 3.3a", "3.3"),
    ],
)
def test_versions_are_found_in_what_programs_print(output: str, version: str) -> None:
    found = _versions.find(output)
    assert found is not None
    assert _versions.show(found) == version


@pytest.mark.parametrize(
    "text, good, bad",
    [
        ("14", (14, 1), (13, 9)),
        (">=2.30", (2, 30), (2, 4)),
        (">=3.11, <4", (3, 12), (4,)),
        ("==1.2", (1, 2, 0), (1, 2, 1)),
        ("!=1.3", (1, 4), (1, 3)),
        (">1", (1, 0, 1), (1, 0)),
    ],
)
def test_demands_compare_numbers_not_text(text: str, good: tuple[int, ...], bad: tuple[int, ...]) -> None:
    assert _versions.meets(good, _versions.demand(text))
    assert not _versions.meets(bad, _versions.demand(text))


@pytest.mark.parametrize("text", ["", "new", ">=", "1,,2", "~=3"])
def test_a_demand_that_cannot_be_read_is_told_with_its_place(text: str) -> None:
    assert [field for field, _ in Tools(need={"git": text}).problems()] == ["need.git"]


VERSIONS = st.lists(st.integers(0, 9999), min_size=1, max_size=5).map(tuple)


@given(VERSIONS, VERSIONS)
def test_exactly_one_of_less_equal_and_more_holds(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    wanted = _versions.show(other)
    holds = [_versions.meets(one, _versions.demand(f"{how}{wanted}")) for how in ("<", "==", ">")]
    assert holds.count(True) == 1


@given(VERSIONS.filter(lambda version: len(version) > 1))
def test_a_version_is_found_again(version: tuple[int, ...]) -> None:
    assert _versions.find(f"tool v{_versions.show(version)}-rc1 (2024)") == version


@given(st.text())
def test_no_text_breaks_the_search_for_a_version(text: str) -> None:
    _versions.find(text)
