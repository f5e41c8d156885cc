"""The two answers that dashboards of others are made of."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from salus.model import Event, EventKind, Outcome, Pause, RecoveryRecord, Role, Status
from salus.ports import Batch
from salus.surfaces import wire
from salus.surfaces.access.caller import Caller
from salus.surfaces.dashboard import data
from tests.fake_agent import NOW, RECOVERY, check
from tests.fake_api import FakeApi


async def glance(api: FakeApi) -> dict[str, Any]:
    told = await data.at_a_glance(
        caller=Caller(role=Role.VIEWER),
        view=api.view,
        desk=api.desk,
        past=api.past,
        incidents=api.incidents,
        clock=api.door.clock,
    )
    found: dict[str, Any] = json.loads(wire.encode(told))
    return found


async def recovery(api: FakeApi) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        wire.encode(await data.recovery(view=api.view, past=api.past, clock=api.door.clock))
    )
    return found


async def filled() -> FakeApi:
    api = FakeApi()
    await api.fill()
    return api


async def test_everything_stands_in_one_answer_the_worst_first() -> None:
    told = await glance(await filled())
    assert told["overall"]["status"] in {status.value for status in Status}
    assert told["checks"] == {"total": 5, "healthy": 1, "degraded": 2, "unhealthy": 1, "unknown": 1}
    assert [one["name"] for one in told["attention"]] == ["web", "api", "odd.one", "new"]
    assert [one["id"] for one in told["recoveries"]] == ["running"]
    assert told["services"]["states"] == {"running": 1}
    assert told["alerts"]["first"]
    assert [one["open"] for one in told["incidents"]] == [True]
    assert told["paused"]["since"]
    assert [one["name"] for one in told["maintenance"]] == ["deploy"]
    assert len(told["events"]) == 5


async def test_a_check_that_somebody_paused_wants_no_attention() -> None:
    api = await filled()
    api.view.reports = [replace(report, paused=Pause(check=report.spec.name, since=NOW)) for report in api.view.reports]
    told = await glance(api)
    assert told["attention"] == []
    assert told["checks"]["total"] == 5


async def test_a_glance_stays_small_however_much_there_is() -> None:
    api = await filled()
    api.view.reports = [check(f"c{number:04}", Status.UNHEALTHY, "x" * 200) for number in range(3000)]
    api.view.service_list *= 900
    api.view.running *= 90
    events = [Event(id=n, at=NOW, kind=EventKind.STATUS_CHANGED, check="web") for n in range(1, 900)]
    await api.past.write(Batch(events=events))
    told = await glance(api)
    assert told["checks"]["total"] == 3000
    assert len(told["attention"]) == data.MOST_CHECKS
    assert len(told["services"]["items"]) == data.MOST_SERVICES
    assert len(told["recoveries"]) == data.MOST_RUNNING
    assert len(told["events"]) == data.MOST_EVENTS


def ended(name: str, outcome: Outcome | None, **facts: Any) -> RecoveryRecord:
    return replace(RECOVERY, id=name, outcome=outcome, started_at=NOW - timedelta(minutes=len(name)), **facts)


async def test_the_rate_of_success_counts_as_the_statistics_do() -> None:
    api = FakeApi()
    await api.past.open()
    records = [
        ended("a", Outcome.RECOVERED),
        ended("bb", Outcome.RECOVERED),
        ended("ccc", Outcome.NOT_RECOVERED),
        ended("dddd", Outcome.CANCELLED, needless=True),
        ended("eeeee", Outcome.RECOVERED, ladder=-1),
        ended("ffffff", None),
    ]
    await api.past.write(Batch(recoveries=records))
    told = await recovery(api)
    assert [one["id"] for one in told["running"]] == ["running"]
    assert [one["id"] for one in told["latest"]] == ["a", "bb", "ccc", "dddd", "eeeee"]
    assert told["latest"][0]["steps"]
    assert told["attempts"] == 3
    assert told["outcomes"] == {"recovered": 2, "not_recovered": 1}
    assert told["success_rate"] == 2 / 3
    assert told["complete"] is True


async def test_after_a_quiet_day_what_was_before_it_is_told() -> None:
    api = FakeApi()
    await api.past.open()
    assert (await recovery(api))["latest"] == []
    await api.past.write(Batch(recoveries=[replace(RECOVERY, id="old", started_at=NOW - timedelta(days=3))]))
    told = await recovery(api)
    assert [one["id"] for one in told["latest"]] == ["old"]
    assert told["attempts"] == 0
    assert told["success_rate"] is None
