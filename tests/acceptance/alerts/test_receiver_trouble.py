"""Receivers in every kind of trouble, all at once: nothing is lost, doubled or put out of order, and nobody waits.

Ten minutes of trouble, one kind after another, pass in virtual time in ``tests/unit/engine/test_courier.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from tests.acceptance.alerts.receiving import Receiver, courses
from tests.acceptance.salus_process import SalusProcess, eventually

TROUBLES = ("down", "error", "hang", "torn", "cut", "busy")
CHECKS = ("a", "b", "c")
MEANWHILE = ("b firing", "a resolved", "c firing", "a firing", "b resolved", "b firing", "a resolved")
IN_THE_END = ("b resolved", "c resolved")
PATIENCE = 120.0
"""Seconds; the longer a receiver was in trouble, the longer it is until it is tried again."""


def config(folder: Path, receivers: dict[str, Receiver]) -> str:
    checks = {
        name: {"command": ["test", "!", "-e", str(folder / name)], "interval": "300ms", "timeout": "10s"}
        for name in CHECKS
    }
    # An answer that comes too late is a notification that comes twice: only who hangs is not waited for.
    channels = {
        name: {"webhook": f"{receiver.url}/{name}", "timeout": "2s" if name == "hang" else "20s", "rate_limit": 1000}
        for name, receiver in receivers.items()
    }
    alerts = {
        "channels": channels,
        "rules": {"broken": {"checks": [*CHECKS], "status": "unhealthy"}},
        "default_rules": False,
        "routes": [{"channels": [*channels], "group_by": ["check"]}],
        "group_wait": "0s",
        "group_interval": "50ms",
        "flap_threshold": 0,
    }
    return f"checks: {json.dumps(checks)}\nalerts: {json.dumps(alerts)}\n"


def told(one: Receiver) -> list[str]:
    """Return what was told, in two words for each."""
    alerts = [alert for each in one.taken() for alert in each.document["alerts"]]
    return [f"{alert['check']} {alert['state']}" for alert in alerts]


def of(check: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.startswith(check)]


class Story:
    """What happens to the checks, word by word."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.words: list[str] = []

    def goes_on(self, word: str, *hearers: Receiver) -> None:
        """Break or heal a check, and wait until they have heard of it."""
        check, state = word.split()
        if state == "firing":
            (self.folder / check).touch()
        else:
            (self.folder / check).unlink()
        self.words.append(word)
        for one in hearers:
            eventually(partial(self._is_known_to, one), PATIENCE, what=f"{word} at {one.folder.name}")

    def _is_known_to(self, one: Receiver) -> bool:
        return len(told(one)) == len(self.words)

    def was_told_in_order_and_once(self, one: Receiver) -> None:
        posted = one.taken()
        assert len({each.id for each in posted}) == len(posted), f"{one.folder.name}: something arrived twice"
        for check in CHECKS:
            assert of(check, told(one)) == of(check, self.words), f"{one.folder.name}: {check} is out of order"
        found = courses(posted)
        assert all(course == ["firing", "resolved"] for course in found.values()), f"{one.folder.name}: {found}"


@pytest.mark.timeout(400)
def test_everything_arrives_in_order_and_once_whatever_ails_the_receiver(
    salus: Callable[[str], SalusProcess], receiver: Callable[[str], Receiver], tmp_path: Path
) -> None:
    ailing = {name: receiver(name) for name in TROUBLES}
    well, story = receiver("well"), Story(tmp_path)
    agent = salus(config(tmp_path, {**ailing, "well": well}))
    agent.ready()
    eventually(lambda: all(agent.check(name)["status"] == "healthy" for name in CHECKS))
    story.goes_on("a firing", well, *ailing.values())
    for name, one in ailing.items():
        one.be(name)
    for word in MEANWHILE:  # while six others hang or fail, one that is well hears of each at once
        story.goes_on(word, well)
    for name, one in ailing.items():
        assert told(one) == ["a firing"], f"nothing can have come to the one that is {name}"
        eventually(partial(_was_tried_twice, agent, name), PATIENCE, what=f"a second try of {name}")
    for one in ailing.values():
        one.be("fine")
    for word in IN_THE_END:
        story.goes_on(word, well, *ailing.values())
    assert told(well) == story.words
    for one in ailing.values():
        story.was_told_in_order_and_once(one)
    assert agent.stop() == 0


def _was_tried_twice(agent: SalusProcess, channel: str) -> bool:
    return f"reason={channel}: {channel}: try 2" in agent.log
