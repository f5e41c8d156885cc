"""``kill -9`` of Salus at random instants while checks break and heal: no alert is lost, and no resolution."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import pytest

from salus.clock import SystemClock
from tests.acceptance.alerts.receiving import Posted, Receiver, courses, once
from tests.acceptance.salus_process import SalusProcess, eventually, nothing_may_happen_for

SEED = 20261124
ROUNDS = 100
CHECKS = ("a1", "a2", "b1", "b2", "c1", "c2")
LONG_ENOUGH = 1.0
"""Seconds of a trouble that one living Salus must not miss: six looks, ``for``, and a row."""

Life: TypeAlias = tuple[datetime, datetime]


def config(folder: Path, receiver: Receiver) -> str:
    checks = {
        name: {
            "command": ["test", "!", "-e", str(folder / name)],
            "interval": "150ms",
            "timeout": "10s",  # none of these troubles is a look that takes long
            "tags": [name[0]],
        }
        for name in CHECKS
    }
    rules = {f"tier-{tag}": {"tags": [tag], "status": "unhealthy", "labels": {"tier": tag}} for tag in "abc"}
    rules["tier-c"]["for"] = "200ms"
    alerts = {
        "channels": {
            name: {"webhook": f"{receiver.url}/{name}", "rate_limit": 100000, "rate_period": "1s"}
            for name in ("groups", "single")
        },
        "rules": rules,
        "default_rules": False,
        "routes": [
            {"channels": ["groups"], "group_by": ["tier"], "continue": True},
            {"channels": ["single"], "group_by": ["..."]},
        ],
        "group_wait": "0s",
        "group_interval": "50ms",
        "flap_threshold": 0,
    }
    return f"checks: {json.dumps(checks)}\nalerts: {json.dumps(alerts)}\n"


@dataclass
class Troubles:
    """Breaks and heals checks at random, and remembers when.

    Attributes:
        over: (check, from, to) of each that has ended.
        begun: those that last, since when.
    """

    folder: Path
    luck: random.Random
    over: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    begun: dict[str, datetime] = field(default_factory=dict)

    def turn(self, name: str) -> None:
        """Heal what is broken, break what is well."""
        if name in self.begun:
            (self.folder / name).unlink()
            self.over.append((name, self.begun.pop(name), now()))
        else:
            (self.folder / name).touch()
            self.begun[name] = now()

    @contextmanager
    def going_on(self, receiver: Receiver) -> Iterator[None]:
        """Make trouble, and a receiver that is slow now and then, as long as the block runs; then heal everything."""
        end = threading.Event()

        def run() -> None:
            while not end.wait(self.luck.uniform(0.02, 0.5)):
                self.turn(self.luck.choice(CHECKS))
                receiver.tell("slow" if self.luck.random() < 0.2 else "fine")

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
        receiver.be("fine")
        for name in list(self.begun):
            self.turn(name)

    def that_nobody_can_miss(self, lives: Sequence[Life]) -> Iterator[tuple[str, datetime, datetime]]:
        """Return the troubles that lasted long enough while one Salus lived."""
        for check, begin, end in self.over:
            if any((min(end, died) - max(begin, born)).total_seconds() >= LONG_ENOUGH for born, died in lives):
                yield check, begin, end


def now() -> datetime:
    return SystemClock().now()


def ready(agent: SalusProcess) -> datetime:
    agent.ready()
    return now()


def rows(agent: SalusProcess, query: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(agent.state / "ledger.sqlite")) as ledger:
        return ledger.execute(query).fetchall()


def nothing_is_open(agent: SalusProcess) -> bool:
    """Ask in one query, which sees one instant: between two, what one asked for may become what the other did."""
    open_ones = "select id from alerts where resolved_at is null or unheard"
    return not rows(agent, f"select id from deliveries where state = 'waiting' union all {open_ones}")


def all_was_looked_at(agent: SalusProcess, since: datetime) -> bool:
    """Tell whether the last look at each check began after an instant."""
    checks = (agent.status() or {"checks": []})["checks"]
    begun = [
        datetime.fromisoformat(one["last_checked"]) - timedelta(seconds=one["duration"])
        for one in checks
        if one["last_checked"] and one["name"] in CHECKS
    ]
    return len(begun) == len(CHECKS) and min(begun) > since


@pytest.mark.timeout(900)
def test_killed_a_hundred_times_while_checks_break_and_heal_it_loses_no_alert_and_no_resolution(
    salus: Callable[[str], SalusProcess], receiver: Callable[[str], Receiver], tmp_path: Path
) -> None:
    print(f"seed {SEED}")  # noqa: T201 - to be read where it fails
    luck, people = random.Random(SEED), receiver("people")
    troubles, lives = Troubles(tmp_path, random.Random(SEED + 1)), list[Life]()
    agent = salus(config(tmp_path, people))
    with troubles.going_on(people):
        for number in range(ROUNDS):
            if number % 3:  # it dies while it starts, or soon after
                nothing_may_happen_for(luck.uniform(0.0, 0.7))
            else:
                begin = ready(agent)
                nothing_may_happen_for(luck.uniform(0.0, 0.4) if number % 4 else 1.4 * LONG_ENOUGH)
                lives.append((begin, now()))
            agent.kill()
            agent.start()
        agent.ready()
    healed = now()
    eventually(lambda: all_was_looked_at(agent, healed), within=60, what=f"a look at what is well\n{agent.log[-3000:]}")
    code, _ = agent.talk("POST", "/v1/pause", b"{}")  # nothing heals here: it is answered when all that was is a row
    assert code == 200
    eventually(lambda: nothing_is_open(agent), within=60, what=f"peace in the end\n{agent.log[-3000:]}")
    posted = people.taken()
    every_id_is_a_row_and_every_row_arrived(agent, posted)
    assert agent.stop() == 0
    for channel in ("groups", "single"):
        heard = [each for each in posted if each.path == f"/{channel}"]
        for alert, course in courses(once(heard)).items():
            assert course == ["firing", "resolved"], f"{channel} was told of {alert}: {course}"
        alerts = [alert for each in heard for alert in each.document["alerts"]]
        grave = list(troubles.that_nobody_can_miss(lives))
        assert len(grave) >= 5
        for check, begin, end in grave:
            assert any(told_of(alert, check, begin, end) for alert in alerts), f"{channel}: {check} at {begin}"


def told_of(alert: dict[str, str], check: str, begin: datetime, end: datetime) -> bool:
    """Tell whether an alert is about that trouble: it may tell of several that came one soon after the other."""
    over = datetime.fromisoformat(alert["resolved_at"]) if alert["resolved_at"] else end
    return alert["check"] == check and datetime.fromisoformat(alert["first_seen"]) <= end and over >= begin


def every_id_is_a_row_and_every_row_arrived(agent: SalusProcess, posted: list[Posted]) -> None:
    known = {name: (number, key) for name, number, key in rows(agent, "select id, number, key from deliveries")}
    assert {each.id for each in posted} == set(known), "what was sent had a row, and what has a row was sent"
    assert {state for (state,) in rows(agent, "select distinct state from deliveries")} == {"sent"}
    assert len({each.delivery for each in posted}) == len(posted), "a try was not counted before it began"
    repeats = len(posted) - len(known)
    print(f"{len(known)} notifications, {repeats} repeated")  # noqa: T201 - to be read where it fails
    assert repeats <= 2 * ROUNDS, "a kill costs one repeated notification for each channel at most"
    for key in {(each.path, known[each.id][1]) for each in posted}:
        heard = [each for each in posted if (each.path, known[each.id][1]) == key]
        numbers = [known[name][0] for name, _ in groupby(heard, lambda each: each.id)]
        assert numbers == sorted(set(numbers)), f"{key}: out of order, or repeated after something newer"
