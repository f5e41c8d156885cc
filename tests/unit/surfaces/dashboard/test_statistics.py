"""Statistics: how available checks were, how healing went, and that the ledger is not read more than it must."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest

from salus.errors import StoreUnreadableError
from salus.model import Event, EventKind, Outcome, RecoveryRecord, Role, StepRecord, StepResult
from salus.model.history import Day, Series, Times
from salus.ports import Batch
from tests.fake_agent import NOW, check
from tests.fake_api import FakeApi
from tests.visitor import ROOT, Html, Visitor

HOUR = timedelta(hours=1)
EVIL = "<script>alert(1)</script>\"'/../ü" + "x" * 120


@dataclass
class Shares:
    """Says how available each check was, and counts how often it is asked."""

    shares: Mapping[str, float] = field(default_factory=dict)
    asked: int = 0
    broken: bool = False

    async def days(self, checks: Collection[str] | None = None, *, since: date) -> Mapping[str, Sequence[Day]]:
        self._ask()
        today = NOW.date()
        return {
            name: [Day(date=today, healthy=100 * share, unhealthy=100 * (1 - share), looks=10)]
            for name, share in self.shares.items()
            if checks is None or name in checks
        }

    async def lately(self, checks: Collection[str] | None = None, *, since: datetime) -> Mapping[str, Times]:
        self._ask()
        return {name: Times(healthy=share, unhealthy=1 - share) for name, share in self.shares.items()}

    async def whole(self, *, since: date) -> Sequence[Day]:
        return ()

    async def series(self, check: str, metric: str, *, since: datetime, until: datetime, points: int = 120) -> Series:
        return Series(check=check, metric=metric, unit="", since=since, until=until)

    async def metrics(self, check: str, *, since: datetime) -> Sequence[str]:
        return ()

    def _ask(self) -> None:
        self.asked += 1
        if self.broken:
            raise StoreUnreadableError("the disk is gone")


def recovery(name: str, outcome: Outcome, *, needless: bool = False) -> RecoveryRecord:
    began = NOW - HOUR
    step = StepRecord(
        position=1,
        action="restart_service",
        result=StepResult.OK,
        started_at=began,
        duration=0.5,
        verified=outcome is Outcome.RECOVERED,
    )
    return RecoveryRecord(
        id=name,
        rule="restart-web",
        check="web",
        failing_since=began - timedelta(seconds=4),
        decided_at=began,
        started_at=began + timedelta(microseconds=len(name)),
        finished_at=began + timedelta(seconds=6),
        outcome=outcome,
        needless=needless,
        steps=() if needless else (step,),
    )


def shares_of(**shares: float) -> tuple[FakeApi, Shares]:
    history = Shares(shares)
    api = FakeApi(history=history)
    api.view.reports = [check(name) for name in sorted(shares)]
    return api, history


async def page(api: FakeApi, query: str = "") -> Html:
    return await (await Visitor(api).sign_in(Role.VIEWER)).page(f"/statistics{query}")


def rows(shown: Html) -> list[str]:
    return [name.removeprefix("of-") for name in shown.ids if name.startswith("of-")]


@pytest.mark.parametrize("query", ["", "?days=1", "?days=90", "?sort=worst&days=7", "?days=x&sort=y&page=-1"])
async def test_the_least_available_stand_first(query: str) -> None:
    api, _ = shares_of(a=1.0, b=0.5, c=0.9995)
    assert rows(await page(api, query)) == ["b", "c", "a"]


async def test_of_very_many_the_worst_are_those_of_the_last_day() -> None:
    api, history = shares_of(**{f"c{number:04}": 1.0 for number in range(600)} | {"z": 0.1})
    shown = await page(api, "?days=90")
    assert rows(shown)[0] == "z"
    assert "Worst first , 24 h" in shown.words or "Worst first, 24 h" in shown.words
    assert history.asked < 20


async def test_they_can_stand_by_name_and_be_searched_for() -> None:
    api, _ = shares_of(a=1.0, b=0.5, ab=0.9)
    assert rows(await page(api, "?sort=name")) == ["a", "ab", "b"]
    assert rows(await page(api, "?q=B")) == ["b", "ab"]
    shown = await page(api, "?q=nothing")
    assert rows(shown) == []
    assert "No check fits" in shown.words


async def test_the_shares_of_every_window_and_the_days_are_shown() -> None:
    api, _ = shares_of(a=0.987)
    shown = await page(api)
    assert shown.words.count("98.7 %") == 4
    assert "98.7% available" in shown.text


async def test_many_checks_come_in_pages() -> None:
    api, _ = shares_of(**{f"c{number:03}": 1.0 for number in range(120)})
    first = await page(api, "?sort=name")
    assert len(rows(first)) == 50
    assert f"{ROOT}/statistics?sort=name&page=2" in first.links
    last = await page(api, "?sort=name&page=99")
    assert rows(last)[-1] == "c119"
    assert "Page 3 of 3 · 120 checks" in last.words


async def test_how_healing_went_is_summed_up_by_rule_by_action_and_by_reason() -> None:
    api, _ = shares_of(web=1.0)
    refused = Event(
        id=1, at=NOW - HOUR, kind=EventKind.RECOVERY_REFUSED, check="web", rule="restart-web", reason="cooling_down"
    )
    done = [
        recovery("r", Outcome.RECOVERED),
        recovery("rr", Outcome.RECOVERED),
        recovery("rrr", Outcome.NOT_RECOVERED),
        recovery("rrrr", Outcome.CANCELLED, needless=True),
    ]
    await api.past.open()
    await api.past.write(Batch(recoveries=done, events=[refused]))
    words = (await page(api)).words
    assert "3 recoveries 66.7 % succeeded" in words
    assert "4 s to detect (median) 10 s to recover (median) 1 needless" in words
    assert "1 called off before anything was done" in words
    assert "restart-web web 3 66.7 %" in words
    assert "restart_service 3 66.7 %" in words
    assert "cooling down 1 100 %" in words


async def test_where_nothing_was_done_each_part_says_so() -> None:
    api, _ = shares_of(web=1.0)
    words = (await page(api)).words
    assert "No rule had to act" in words
    assert "No action ran" in words
    assert "Nothing held healing back" in words


async def test_the_ledger_is_read_once_in_half_a_minute_whoever_looks() -> None:
    api, history = shares_of(a=1.0, b=0.5)
    await page(api)
    asked = history.asked
    for _ in range(3):
        await page(api)
    assert history.asked == asked


async def test_a_ledger_that_cannot_be_read_is_said_and_the_page_stands() -> None:
    api, history = shares_of(a=1.0)
    history.broken = True
    shown = await page(api)
    assert "The ledger cannot be read: the disk is gone" in shown.words


async def test_hostile_names_are_words_and_every_link_stays_below_the_root() -> None:
    api, _ = shares_of(**{EVIL: 0.5, "web": 1.0})
    await api.past.open()
    await api.past.write(Batch(recoveries=[replace(recovery("r", Outcome.FAILED), rule=EVIL, check=EVIL)]))
    shown = await page(api, "?q=%3Cscript")
    assert "<script>alert" not in shown.text
    assert all(link.startswith((f"{ROOT}/", "#")) for link in shown.links)
    assert sorted(set(shown.ids)) == sorted(shown.ids)
