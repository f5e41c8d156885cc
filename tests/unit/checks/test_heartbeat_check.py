"""Silence is the alarm: late, failed, never, too long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from salus.checks.heartbeat import HeartbeatCheck
from salus.model import Observation, Status
from salus.ports import Heartbeat
from salus.units import Duration
from tests.looks import NOON, Reports, look_from, site

CHECK = HeartbeatCheck(slug="backup", every=Duration(3600), grace=Duration(600))


@dataclass
class StandingClock:
    """Stands until it is moved."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def boottime(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def judged(age: float, signal: str = "ok", check: HeartbeatCheck = CHECK, **more: object) -> Observation:
    last = Heartbeat(slug="backup", at=NOON - timedelta(seconds=age), signal=signal, **more)  # type: ignore[arg-type]
    return check.judge(look_from(site(), at=NOON), last, NOON)


@pytest.mark.parametrize(
    "age, status",
    [(0, Status.HEALTHY), (3600, Status.HEALTHY), (4200, Status.HEALTHY), (4201, Status.UNHEALTHY)],
)
def test_a_report_is_late_after_its_grace(age: float, status: Status) -> None:
    assert judged(age).status is status


def test_being_late_is_told_as_expected_against_actual() -> None:
    assert judged(7200).message == "'backup' last reported 2h ago, expected every 1h and 10m of grace"


def test_a_failure_stays_until_a_success_is_reported() -> None:
    observation = judged(5, "fail", message="disk full")
    assert (observation.status, observation.message) == (
        Status.UNHEALTHY, "'backup' reported failure 5 s ago: disk full",
    )  # fmt: skip


@pytest.mark.parametrize("code, status", [(0, Status.HEALTHY), (2, Status.UNHEALTHY)])
def test_an_exit_code_is_a_verdict(code: int, status: Status) -> None:
    assert judged(5, "exit", exit_code=code).status is status


def test_a_run_that_takes_too_long_is_unhealthy() -> None:
    limited = HeartbeatCheck(slug="backup", every=Duration(3600), max_duration=Duration(60))
    assert judged(59, "start", limited).status is Status.HEALTHY
    assert judged(61, "start", limited).message == "'backup' has been running for 1m1s, expected at most 1m"
    assert judged(4000, "start").status is Status.HEALTHY
    assert judged(4300, "start").status is Status.UNHEALTHY


def test_how_long_the_run_took_is_a_metric() -> None:
    observation = judged(10, "ok", started_at=NOON - timedelta(seconds=40))
    assert observation.metrics["run_seconds"].value == 30


async def test_a_job_that_never_reported_cannot_be_told_until_it_is_late() -> None:
    clock = StandingClock()
    place = site(clock=clock, reports=Reports())
    check = CHECK.build(place)
    assert (await check.look(look_from(place))).status is Status.UNKNOWN
    clock.seconds = 4200
    assert (await check.look(look_from(place))).status is Status.UNKNOWN
    clock.seconds = 4201
    observation = await check.look(look_from(place))
    assert observation.status is Status.UNHEALTHY
    assert "has never reported in" in observation.message


def test_a_report_from_before_the_clock_was_set_back_is_new() -> None:
    assert judged(-500).status is Status.HEALTHY


@pytest.mark.parametrize("slug, every", [("", 1), ("a/b", 1), ("a", 0)])
def test_a_schedule_that_makes_no_sense_is_told(slug: str, every: float) -> None:
    assert len(HeartbeatCheck(slug=slug, every=Duration(every)).problems()) == 1
