"""Curves, days and availability over the API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from salus.errors import StoreUnreadableError
from salus.model import Metric, Role, Status
from salus.model.history import Times
from salus.ports import Batch
from tests.asgi import Answer, ask
from tests.fake_agent import NOW, check, look
from tests.fake_api import FakeApi, names

API = "/api/v1"


async def get(api: FakeApi, path: str, role: Role = Role.VIEWER) -> Answer:
    return await ask(api.app, API + path, more=await api.door.bearer(role))


async def filled() -> FakeApi:
    api = FakeApi()
    await api.fill()
    return api


async def test_a_curve_tells_its_points_its_unit_and_which_numbers_there_are() -> None:
    api = await filled()
    seen = [
        ("web", look(Status.HEALTHY, ago=60 * ago, metrics={"free": Metric(ago, "bytes")})) for ago in range(20, 5, -1)
    ]
    await api.past.write(Batch(observations=seen))
    told = (await get(api, "/checks/web/series?metric=free&since=2026-03-01T11:40:00Z&points=4")).json
    assert (told["unit"], told["metrics"]) == ("bytes", ["duration", "free"])
    assert (told["since"], told["until"]) == ("2026-03-01T11:40:00Z", "2026-03-01T12:00:00Z")
    assert [(one["at"], one["looks"], one["low"], one["mean"], one["high"]) for one in told["points"]] == [
        ("2026-03-01T11:40:00Z", 5, 16.0, 18.0, 20.0),
        ("2026-03-01T11:45:00Z", 5, 11.0, 13.0, 15.0),
        ("2026-03-01T11:50:00Z", 5, 6.0, 8.0, 10.0),
    ]
    took = (await get(api, "/checks/web/series?since=2026-03-01T13:40:00%2B02:00&points=1")).json
    assert (took["metric"], took["unit"], took["points"][0]["status"]) == ("duration", "seconds", "unhealthy")


async def test_a_time_that_is_none_is_answered_with_how_one_is_written() -> None:
    told = (await get(await filled(), "/checks/web/series?since=1h")).json
    assert told["remedy"] == "what can stand there: metric, since, until, points; write a time as 2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    "query",
    [
        *("since=2026-03-01T12:00:00Z", "since=2030-01-01T00:00:00Z", "until=1980-01-01T00:00:00Z"),
        *("since=1970-01-01T00:00:00Z&until=1970-01-01T00:00:00Z", "since=8999-01-01T00:00:00Z", "metric=nothing"),
        "since=1970-01-01T00:00:00Z&until=8999-01-01T00:00:00Z&metric=%3Cb%3E",
    ],
)
async def test_a_curve_of_no_time_or_no_number_is_empty(query: str) -> None:
    told = (await get(await filled(), f"/checks/web/series?{query}")).json
    assert told["points"] == []


@pytest.mark.parametrize("path", ["series", "days"])
async def test_a_check_that_is_not_there_has_no_past(path: str) -> None:
    assert (await get(await filled(), f"/checks/nobody/{path}")).code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/checks/web/series?points=0", "/checks/web/series?points=1001", "/checks/web/series?since=yesterday"),
        *("/checks/web/days?since=x", "/availability?limit=0", "/availability?limit=501"),
    ],
)
async def test_what_cannot_be_asked_is_refused(path: str) -> None:
    assert (await get(await filled(), path)).code == 422


async def test_the_days_of_a_check_are_told_oldest_first() -> None:
    told = (await get(await filled(), "/checks/web/days")).json
    assert [one["date"] for one in told["days"]] == ["2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01"]
    assert told["days"][1] == {
        "date": "2026-02-27", "looks": 0, "availability": 1.0, "healthy": 86_400.0, "degraded": 0.0, "unhealthy": 0.0,
        "unknown": 0.0,
    }  # fmt: skip
    assert (told["days"][3]["unhealthy"], told["days"][3]["looks"]) == (3600.0, 100)
    assert told["days"][3]["availability"] == pytest.approx(11 / 12)
    since = (await get(await filled(), "/checks/web/days?since=2026-03-01T01:00:00%2B02:00")).json
    assert [one["date"] for one in since["days"]] == ["2026-02-28", "2026-03-01"]
    assert (await get(await filled(), "/checks/disk/days")).json == {"check": "disk", "days": []}


async def test_availability_is_told_page_by_page_with_all_checks_together() -> None:
    api = await filled()
    told = (await get(api, "/availability?limit=2&after=new")).json
    assert (names(told), told["next"], told["total"]) == (["odd.one", "web"], None, 5)
    web = told["items"][1]
    assert web["status"] == "unhealthy"
    assert web["week"]["unhealthy"] == 3600.0
    assert web["week"]["availability"] == pytest.approx(71 / 72)
    assert web["month"] == web["quarter"] == told["whole"]["quarter"] == web["week"]
    assert told["items"][0]["quarter"]["availability"] is None
    assert names((await get(api, "/availability?tag=shop")).json) == ["odd.one"]
    assert names((await get(api, "/availability?service=web")).json) == ["web"]
    assert (await get(api, "/availability?tag=none")).json["items"] == []
    first = (await get(api, "/availability?limit=2")).json
    assert (names(first), first["next"]) == (["api", "disk"], "disk")


async def test_the_last_day_of_a_check_is_counted_to_the_second() -> None:
    api = await filled()
    state = replace(api.view.reports[-1].state, started=NOW - timedelta(days=2), since=NOW - timedelta(hours=6))
    api.view.reports[-1] = replace(api.view.reports[-1], state=state)
    web = (await get(api, "/availability?service=web")).json["items"][0]
    assert web["day"]["unhealthy"] == 6 * 3600.0


async def test_all_checks_together_are_summed_up_for_all_who_ask_within_a_moment() -> None:
    api = await filled()
    asked: list[str] = []
    room: Any = api.answers._router.find("GET", f"{API}/availability")[1]
    history = room._history
    whole, lately = history.whole, history.lately

    async def counting_whole(*, since: date) -> object:
        asked.append("whole")
        return await whole(since=since)

    async def counting_lately(checks: Collection[str] | None = None, *, since: datetime) -> Mapping[str, Times]:
        asked.extend(["lately"] if checks is None else [])
        found: Mapping[str, Times] = await lately(checks, since=since)
        return found

    history.whole, history.lately = counting_whole, counting_lately
    for _ in range(5):
        await get(api, "/availability")
    assert asked == ["whole", "lately"]
    api.door.clock.at += timedelta(minutes=1)
    await get(api, "/availability")
    assert asked == ["whole", "lately"] * 2


async def test_a_ledger_that_cannot_be_read_is_said_to_be_the_reason() -> None:
    api = await filled()

    async def broken(*_: object, **__: object) -> None:
        raise StoreUnreadableError("the ledger is damaged")

    for name in ("days", "points", "whole_days"):
        setattr(api.past, name, broken)
    for path in ("/checks/web/series", "/checks/web/days", "/availability"):
        assert (await get(api, path)).code == 503


async def test_a_check_whose_words_change_is_found_by_the_new_ones() -> None:
    api = FakeApi()
    api.view.reports = [check("web", description="Old words"), check("db", description="Other")]
    assert names((await get(api, "/checks?text=old")).json) == ["web"]
    api.view.reports = [check("web", description="New words")]
    assert names((await get(api, "/checks?text=old")).json) == []
    assert names((await get(api, "/checks?text=NEW")).json) == ["web"]


async def test_a_word_is_found_among_ten_thousand_checks_and_others_have_their_turns() -> None:
    api = FakeApi()
    api.view.reports = [check(f"c{number:05}", description=f"Number {number}") for number in range(10_000)]
    turns = 0
    pause = api.door.clock.sleep

    async def counting(seconds: float) -> None:
        nonlocal turns
        turns += 1
        await pause(seconds)

    api.door.clock.sleep = counting  # type: ignore[method-assign] # counts, and goes on
    page = (await get(api, "/checks?text=number%20777&limit=3")).json
    assert (names(page), page["total"]) == (["c00777", "c07770", "c07771"], 11)
    assert turns == 20
