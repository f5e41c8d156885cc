"""Bounds are one idiom, judged in one way."""

from __future__ import annotations

import pytest

from salus.app import registry
from salus.checks._bounds import BoundedOptions, Findings, bounded_line, show_share
from salus.checks.disk import Disk
from salus.checks.memory import Memory
from salus.model import Status
from salus.options import CheckOptions
from salus.units import Amount, Share, Size, format_size
from tests.looks import look_from, site

LOCAL = [
    "command",
    "cpu",
    "directory",
    "disk",
    "file",
    "filesystem",
    "function",
    "heartbeat",
    "load",
    "memory",
    "process",
    "swap",
    "tools",
]


class Bounds(BoundedOptions, frozen=True, kw_only=True):
    """All four on one number."""

    room_above: Amount | None = None
    warn_room_above: Amount | None = None
    room_below: Amount | None = None
    warn_room_below: Amount | None = None


def status(bounds: Bounds, actual: float, whole: float = 100.0) -> Status:
    findings = Findings()
    findings.judge(bounds, "room", actual, "so much room", whole=whole)
    return findings.status


@pytest.mark.parametrize(
    "actual, expected",
    [(30, Status.HEALTHY), (20, Status.DEGRADED), (15, Status.DEGRADED), (10, Status.UNHEALTHY), (0, Status.UNHEALTHY)],
)
def test_above_is_strict_and_the_warning_comes_first(actual: float, expected: Status) -> None:
    assert status(Bounds(room_above=Amount.parse("10%"), warn_room_above=Amount.parse(20)), actual) is expected


@pytest.mark.parametrize(
    "actual, expected", [(10, Status.HEALTHY), (80, Status.DEGRADED), (90, Status.UNHEALTHY), (99, Status.UNHEALTHY)]
)
def test_below_is_strict_and_the_warning_comes_first(actual: float, expected: Status) -> None:
    assert status(Bounds(room_below=Amount.parse("90%"), warn_room_below=Amount.parse("80%")), actual) is expected


def test_a_number_without_bounds_is_healthy() -> None:
    assert status(Bounds(), 0) is Status.HEALTHY


def test_the_message_says_expected_against_actual() -> None:
    findings = Findings()
    options = Disk(path="/", free_above=Amount.parse("10%"))  # type: ignore[arg-type]
    findings.judge(options, "free", 2 * 2**30, "4.17% free (2 GiB of 48 GiB)", whole=48 * 2**30)
    observation = findings.answer(look_from(site()), "fine")
    assert observation.message == "4.17% free (2 GiB of 48 GiB), expected above 10%"
    assert observation.status is Status.UNHEALTHY


def test_what_is_unhealthy_is_told_before_what_is_degraded() -> None:
    findings = Findings()
    findings.degraded("slow")
    findings.unhealthy("gone")
    observation = findings.answer(look_from(site()), "fine")
    assert (observation.status, observation.message) == (Status.UNHEALTHY, "gone; slow")


def test_a_warning_that_could_never_come_first_is_a_problem() -> None:
    assert [field for field, _ in Bounds(room_above=Amount(10), warn_room_above=Amount(5)).problems()] == [
        "warn_room_above"
    ]
    assert [field for field, _ in Bounds(room_below=Amount(10), warn_room_below=Amount(10)).problems()] == [
        "warn_room_below"
    ]


def test_an_empty_range_is_a_problem() -> None:
    assert [field for field, _ in Bounds(room_above=Amount(10), room_below=Amount(5)).problems()] == ["room_above"]


def test_a_share_and_a_size_are_not_compared_without_the_whole() -> None:
    assert Bounds(room_above=Amount.parse("10%"), warn_room_above=Amount.parse("1KiB")).problems() == []


@pytest.mark.parametrize("name", LOCAL)
def test_every_bound_has_its_warning_and_every_option_is_described(name: str) -> None:
    kind = registry.kind("checks", name)
    assert issubclass(kind, CheckOptions)
    fields = kind.__struct_fields__
    for field in fields:
        if field.endswith(("_above", "_below")) and not field.startswith("warn_"):
            assert f"warn_{field}" in fields
    for field in fields:
        assert f"        {field}: " in (kind.__doc__ or "") or f"    {field}: " in (kind.__doc__ or ""), field


def test_shares_are_written_with_three_figures() -> None:
    assert [show_share(value) for value in (0.041, 0.0417, 1.0, 0.9999, 12.345)] == [
        "4.1%", "4.17%", "100%", "100%", "1234%",
    ]  # fmt: skip


def test_a_line_is_the_first_that_says_something_and_is_bounded() -> None:
    assert bounded_line("\n\n  hello\x1b[31m \nmore") == "hello?[31m"
    assert len(bounded_line("x" * 9000)) == 500


def test_memory_of_the_example_config_is_unhealthy_at_five_percent() -> None:
    from salus.checks import _host

    options = Memory(available_above=Amount.parse("5%"), warn_pressure_below=Share(0.2))
    look = look_from(site())
    bad = options.judge(look, _host.Memory(1000, 50), {"some": 0.1})
    assert (bad.status, bad.message) == (
        Status.UNHEALTHY, "5% available (50 B of 1000 B), expected above 5%",
    )  # fmt: skip
    slow = options.judge(look, _host.Memory(1000, 500), {"some": 0.25, "full": 0.1})
    assert slow.status is Status.DEGRADED
    assert slow.metrics["pressure_some_ratio"].value == 0.25
    assert Size(5) == 5
    assert format_size(2**20) == "1 MiB"
