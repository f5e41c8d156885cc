"""How what a helper found is held against the bounds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from salus.checks.directory import Directory
from salus.checks.disk import Disk
from salus.checks.file import File
from salus.checks.filesystem import Filesystem
from salus.model import Observation, Status
from salus.units import Amount, Duration, Size
from tests.looks import NOON, look_from, site

DATA = Path("/data")


def room(free: int, **more: Any) -> dict[str, Any]:
    return {"used": 1000 - free, "free": free, "inodes_used": 90, "inodes_free": 10, "read_only": False} | more


def judged(check: Disk, free: int, *, after: float = 0, previous: Observation | None = None) -> Observation:
    look = look_from(site(), at=NOON + timedelta(seconds=after), previous=previous)
    return check.judge(look, room(free))


def test_free_room_is_told_as_share_and_as_size() -> None:
    observation = judged(Disk(path=DATA, free_above=Amount.parse("10%")), 50)
    assert (observation.status, observation.message) == (
        Status.UNHEALTHY, "5% free (50 B of 1000 B), expected above 10%",
    )  # fmt: skip


def test_an_absolute_bound_is_said_as_it_was_given() -> None:
    observation = judged(Disk(path=DATA, free_above=Amount.parse("1KiB")), 500)
    assert observation.message == "50% free (500 B of 1000 B), expected above 1 KiB"


def test_inodes_are_judged_too() -> None:
    observation = judged(Disk(path=DATA, warn_inodes_free_above=Amount.parse("20%")), 900)
    assert (observation.status, observation.message) == (
        Status.DEGRADED, "10% of inodes free (10 of 100), expected above 20%",
    )  # fmt: skip


def test_a_file_system_that_makes_inodes_as_it_goes_has_none_to_run_out_of() -> None:
    check = Disk(path=DATA, inodes_free_above=Amount.parse("20%"))
    observation = check.judge(look_from(site()), room(900, inodes_used=0, inodes_free=0))
    assert observation.status is Status.HEALTHY


def test_a_filling_disk_tells_when_it_will_be_full() -> None:
    check = Disk(path=DATA, full_in_above=Duration(60))
    first = judged(check, 900)
    assert "full_in_seconds" not in first.metrics
    second = judged(check, 800, after=10, previous=first)
    assert second.metrics["full_in_seconds"].value == pytest.approx(80)
    assert second.status is Status.HEALTHY
    third = judged(check, 300, after=20, previous=second)
    assert third.metrics["filling_bytes_per_second"].value == pytest.approx(0.3 * 50 + 0.7 * 10)
    assert third.status is Status.UNHEALTHY
    assert third.message == "full in 13.6 s (22 B more per second), expected above 1m"


def test_a_disk_that_is_being_emptied_is_never_full() -> None:
    check = Disk(path=DATA, full_in_above=Duration(60))
    observation = judged(check, 900, after=10, previous=judged(check, 100))
    assert "full_in_seconds" not in observation.metrics
    assert observation.status is Status.HEALTHY


def test_a_clock_that_was_set_back_gives_no_speed() -> None:
    check = Disk(path=DATA)
    assert "filling_bytes_per_second" not in judged(check, 100, after=-5, previous=judged(check, 900)).metrics


def found(**more: Any) -> dict[str, Any]:
    return {
        "exists": True, "size": 100, "modified": NOON.timestamp() - 30, "directory": False, "identity": "1:2",
    } | more  # fmt: skip


def test_an_old_file_says_how_old() -> None:
    observation = File(path=DATA, age_below=Duration(10)).judge(look_from(site(), at=NOON), found())
    assert observation.message == "/data was written 30 s ago, expected below 10 s"


def test_a_file_from_the_future_is_new() -> None:
    look = look_from(site(), at=NOON)
    observation = File(path=DATA, age_below=Duration(10)).judge(look, found(modified=NOON.timestamp() + 99))
    assert observation.metrics["age_seconds"].value == 0
    assert observation.status is Status.HEALTHY


def test_growth_is_that_since_the_look_before_and_a_truncated_file_is_all_new() -> None:
    check = File(path=DATA, growth_below=Size(5))
    first = check.judge(look_from(site(), at=NOON), found(size=100))
    later = look_from(site(), at=NOON + timedelta(seconds=10), previous=first)
    assert check.judge(later, found(size=200)).status is Status.UNHEALTHY
    assert check.judge(later, found(size=20)).metrics["growth_bytes_per_second"].value == 2


@pytest.mark.parametrize(
    "check, field",
    [
        (File(path=DATA, matches="("), "matches"),
        (File(path=DATA, sha256="abc"), "sha256"),
        (File(path=DATA, exists=False, contains="x"), "exists"),
        (File(path=DATA, tail=Size(5), format="json"), "tail"),
        (Directory(), "path"),
        (Directory(path=DATA, paths=(DATA,)), "path"),
        (Filesystem(path=DATA, size=Size(0)), "size"),
    ],
)
def test_options_that_make_no_sense_are_told(check: Any, field: str) -> None:
    assert [name for name, _ in check.problems()] == [field]
