"""Receivers in every kind of trouble, all at once: nothing is lost, doubled or put out of order, and nobody waits.

Ten minutes of trouble, one kind after another, pass in virtual time in ``tests/unit/engine/test_courier.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.alerts.receiving import Posted, Receiver
from tests.acceptance.salus_process import SalusProcess, eventually

TROUBLES = ("down", "error", "hang", "torn", "cut", "busy")
CHECKS = ("a", "b", "c")
MEANWHILE = ("b firing", "a resolved", "c firing", "a firing", "b resolved", "b firing", "a resolved")
IN_THE_END = ("b resolved", "c resolved")


def config(folder: Path, receivers: dict[str, Receiver]) -> str:
    checks = {name: {"file": {"path": str(folder / name), "exists": False}, "interval": "100ms"} for name in CHECKS}
    channels = {
        name: {"webhook": f"{receiver.url}/{name}", "timeout": "500ms", "rate_limit": 1000}
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


def told(posted: list[Posted]) -> list[str]:
    """Return what was told, in two words for each."""
    return [f"{alert['check']} {alert['state']}" for each in posted for alert in each.document["alerts"]]


def test_everything_arrives_in_order_and_once_whatever_ails_the_receiver(
    salus: Callable[[str], SalusProcess], receiver: Callable[[str], Receiver], tmp_path: Path
) -> None:
    ailing = {name: receiver(name) for name in TROUBLES}
    well = receiver("well")
    agent = salus(config(tmp_path, {**ailing, "well": well}))
    expected: list[str] = []

    def happens(word: str, *hearers: Receiver) -> None:
        check, state = word.split()
        if state == "firing":
            (tmp_path / check).touch()
        else:
            (tmp_path / check).unlink()
        expected.append(word)
        for one in hearers:
            eventually(lambda: len(told(one.taken())) == len(expected), what=f"{word} at {one.folder.name}")

    agent.ready()
    eventually(lambda: all(agent.check(name)["status"] == "healthy" for name in CHECKS))
    happens("a firing", well, *ailing.values())
    for name, one in ailing.items():
        one.be(name)
    for word in MEANWHILE:
        happens(word, well)  # while six others hang or fail, one that is well hears of it at once, and next to next
    for name, one in ailing.items():
        assert told(one.taken()) == ["a firing"], f"nothing can have come to the one that is {name}"
        eventually(lambda: f"reason={name}: {name}: try 2" in agent.log, what=f"a second try of {name}")
    for one in ailing.values():
        one.be("fine")
    for word in IN_THE_END:
        happens(word, well, *ailing.values())

    assert told(well.taken()) == expected
    for name, one in ailing.items():
        posted = one.taken()
        assert len({each.id for each in posted}) == len(posted), f"{name}: something arrived twice"
        for check in CHECKS:
            words = [word for word in told(posted) if word.startswith(check)]
            assert words == [word for word in expected if word.startswith(check)], f"{name}: {check} is out of order"
        alerts = {alert["id"]: alert["state"] for each in posted for alert in each.document["alerts"]}
        assert set(alerts.values()) == {"resolved"}, f"{name}: somebody was left with an open alert"
    assert agent.stop() == 0
