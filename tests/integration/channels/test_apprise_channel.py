"""Whatever Apprise can tell: here its own ``json://``, to a receiver on loopback."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from salus.channels.apprise import Apprise
from salus.clock import SystemClock
from salus.errors import DeliveryError
from salus.ports import Channel, Letter, Outlet
from salus.secret import Secret
from tests import letters
from tests.integration.channels.receiver import Receiver, receiving

PLANTED = "planted-token-4711"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


def url(receiver: Receiver, path: str = PLANTED) -> Secret:
    return Secret(f"json://user:{PLANTED}@{receiver.url.removeprefix('http://')}/{path}")


def made(*urls: Secret) -> Channel:
    options = Apprise(urls=urls)
    assert options.problems() == []
    return options.build(Outlet(clock=SystemClock(), state_dir=Path("state"), state_id="tests"))


async def refusal(channel: Channel, letter: Letter) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(letter)
    assert not caught.value.permanent
    return caught.value


@pytest.mark.parametrize(
    "sort, kind", [("firing", "failure"), ("reminder", "warning"), ("test", "info"), ("healed", "success")]
)
async def test_a_letter_arrives_as_text_with_how_bad_it_is(receiver: Receiver, sort: str, kind: str) -> None:
    letter = letters.LETTERS[sort]()
    assert await made(url(receiver)).send(letter) == "Apprise told json://"
    (posted,) = receiver.requests
    text = letters.as_read(letter)
    assert posted.body["type"] == kind
    assert posted.body["title"] == text.splitlines()[0]
    assert posted.body["message"].split() == " ".join(text.splitlines()[1:]).split()


async def test_a_failure_is_passing_and_shows_no_secret(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.NOTSET)
    for name in ("apprise", "urllib3.connectionpool"):
        caplog.set_level(1, name)
    receiver.answer = lambda _: ("500 Internal Server Error", PLANTED)
    error = await refusal(made(url(receiver)), letters.firing())
    assert str(error) == "Apprise could not tell json://"
    options = Apprise(url=url(receiver), urls=(Secret(f"nonsense://{PLANTED}"),))
    shown = [str(error), repr(error), repr(options), str(options.problems()), caplog.text, *capfd.readouterr()]
    assert not [text for text in shown if PLANTED in text]


async def test_other_users_of_apprise_still_hear_its_log(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    await made(url(receiver)).send(letters.firing())
    logging.getLogger("apprise").warning("somebody else's")
    assert "somebody else's" in caplog.text


async def test_a_further_try_tells_only_those_who_have_not_taken_it(receiver: Receiver) -> None:
    channel = made(url(receiver, "good"), url(receiver, "bad"))
    receiver.answer = lambda posted: ("500 No", "") if "/bad" in posted.line else ("200 OK", "")
    await refusal(channel, letters.firing())
    receiver.answer = lambda _: ("200 OK", "")
    await channel.send(replace(letters.firing(), attempt=2))
    assert [posted.line.split()[1].strip("/") for posted in receiver.requests] == ["good", "bad", "bad"]


async def test_a_service_that_hangs_is_left_in_time_and_blocks_nobody_else(receiver: Receiver) -> None:
    receiver.answer = lambda _: None
    channel = made(Secret(f"{url(receiver).reveal()}?rto=1"))
    error = await refusal(channel, replace(letters.firing(), timeout=0.3))
    assert str(error) == "Apprise did not end within 300 ms"
    assert any(thread.name == "salus-apprise" and thread.daemon for thread in threading.enumerate())
    async with receiving() as other:
        await made(url(other)).send(letters.firing())
        assert len(other.requests) == 1


@pytest.mark.parametrize("text", ["", "nonsense", "nonsense://x", "json://", "mailto://[", "http://[::1"])
def test_a_url_that_apprise_cannot_use_is_found_before_it_is_used(text: str) -> None:
    assert [field for field, _ in Apprise(url=Secret(text)).problems()] == ["url"]


async def test_hostile_words_arrive(receiver: Receiver) -> None:
    hostile = 'a\r\nSubject: b\ud800\x00<b>"é'
    alert: Any = replace(letters.WEB, summary=hostile, detail=hostile, check=hostile)
    letter = letters.firing()
    await made(url(receiver)).send(replace(letter, notification=replace(letter.notification, alerts=(alert,))))
    assert "é" in receiver.requests[0].body["title"]
