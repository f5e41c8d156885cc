from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from salus.actions.log import Log
from salus.actions.wait import Wait
from salus.model import Effect
from salus.units import Duration
from tests.unit.actions.scenes import JumpingClock, make_scene


async def test_a_bare_log_says_what_is_wrong_and_which_attempt_this_is(caplog: pytest.LogCaptureFixture) -> None:
    result = await Log().run(make_scene(attempt=2))
    (record,) = caplog.records
    assert record.name == "salus.action"
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "web-http is unhealthy: status 500, expected 200 (attempt 2 of 3)"
    assert record.__dict__["check"] == "web-http"
    assert result.message == record.getMessage()


async def test_a_log_fills_its_template_and_takes_its_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "salus.action")
    await Log(message="{rule}/{recovery} {status} {other} {}", level="debug").run(make_scene())
    assert caplog.records[0].getMessage() == "web-http/r1 unhealthy {other} {}"
    assert caplog.records[0].levelno == logging.DEBUG


async def test_a_message_from_outside_cannot_write_a_second_line(caplog: pytest.LogCaptureFixture) -> None:
    await Log(message="{message}").run(make_scene(message="down\n2025 all is well \x1b[2J{check}"))
    assert caplog.records[0].getMessage() == "down 2025 all is well \ufffd[2J{check}"


async def test_a_check_that_was_never_looked_at_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    scene = make_scene()
    scene = replace(scene, observation=None, plan=replace(scene.plan, trigger=None))
    await Log(message="{check} {status}").run(scene)
    assert caplog.records[0].getMessage() == "web-http unknown"


def test_a_word_that_stands_for_nothing_is_a_problem_with_a_hint() -> None:
    assert Log(message="{chek} is down").problems() == [("message", "{chek} stands for nothing: did you mean {check}?")]
    assert "known are {attempt}, {attempts}, {check}" in Log(message="{zzz}").problems()[0][1]
    assert Log(message="{check} {message}").problems() == []


async def test_a_wait_lets_the_time_of_the_site_pass() -> None:
    scene = make_scene()
    result = await Wait(duration=Duration.parse("1m30s")).run(scene)
    assert isinstance(scene.site.clock, JumpingClock)
    assert scene.site.clock.slept == 90
    assert result.message == "waited 1m30s"


def test_neither_can_count_as_a_success() -> None:
    assert Log().effect is Effect.RECORDS
    assert Wait(duration=Duration(1)).effect is Effect.WAITS
    assert Log().targets("web") == frozenset()
