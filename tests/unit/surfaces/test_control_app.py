from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from salus.errors import ConfigError, ConflictError, Problem, SalusError, ServiceError
from salus.model import Event, EventKind, Status
from salus.surfaces.control import ControlApp
from salus.surfaces.http import Message
from tests.asgi import ask
from tests.fake_agent import DISK, NOW, RECOVERY, WEB_RULE, WEB_SERVICE, Bus, FakeControl, FakeView, FixedClock, look

EVENT = Event(id=7, at=NOW, kind=EventKind.STATUS_CHANGED, message="web is down", check="web", old="healthy")


def app(control: FakeControl | None = None, bus: Bus | None = None, view: FakeView | None = None) -> ControlApp:
    return ControlApp(view or FakeView(), control or FakeControl(), (bus or Bus()).subscribe, clock=FixedClock())


async def test_status_tells_everything_at_one_glance() -> None:
    view = FakeView(service_list=[WEB_SERVICE], rule_list=[WEB_RULE], running=[RECOVERY])
    status = (await ask(app(view=view), "/v1/status")).json
    assert list(status) == ["agent", "overall", "policy", "checks", "services", "rules", "recoveries"]
    assert status["agent"]["uptime"] == 11520
    assert status["overall"]["culprits"] == ["api", "web"]
    assert [check["name"] for check in status["checks"]] == ["api", "disk", "web"]
    assert status["services"][0]["pid"] == 777
    assert status["rules"][0]["attempts"] == 2
    assert status["rules"][0]["last_refusal"] == {
        "reason": "cooling_down",
        "detail": "the last attempt ended 18 s ago",
        "until": "2026-03-01T12:00:42Z",
    }
    assert status["recoveries"][0]["steps"][1]["verified"] is True


async def test_raw_options_never_leave_the_process() -> None:
    answer = await ask(app(view=FakeView(rule_list=[WEB_RULE])), "/v1/status")
    assert b"do-not-tell" not in answer.body


@pytest.mark.parametrize(
    "target, asked",
    [
        ("/v1/checks/web/run", ("check_now", "web")),
        ("/v1/rules/web/heal", ("heal", "web")),
        ("/v1/rules/web/reset", ("reset", "web")),
        ("/v1/services/web/start", ("start_service", "web")),
        ("/v1/services/web/stop", ("stop_service", "web")),
        ("/v1/services/web/restart", ("restart_service", "web")),
        ("/v1/reload", ("reload", "")),
    ],
)
async def test_what_a_person_asks_for_is_passed_on(target: str, asked: tuple[str, str]) -> None:
    control = FakeControl()
    answer = await ask(app(control), target, method="POST")
    assert answer.code == 200
    assert control.asked == [asked]
    refused = await ask(app(control), target)
    assert (refused.code, refused.headers["allow"]) == (405, "POST")
    assert control.asked == [asked]


async def test_a_heal_answers_with_the_whole_recovery() -> None:
    record = (await ask(app(), "/v1/rules/web/heal", method="POST")).json
    assert (record["outcome"], record["attempt"]) == ("recovered", 2)
    assert record["evidence"]["last_output"][1] == "MemoryError"


@pytest.mark.parametrize(
    "error, code, remedy",
    [
        (ConflictError("web is being healed", remedy="wait for it"), 409, "wait for it"),
        (ServiceError("web did not start"), 502, None),
        (SalusError("no"), 500, None),
        (RuntimeError("a bug with a secret"), 500, "the log of the agent has the details"),
    ],
)
async def test_errors_are_problems_with_their_code_and_remedy(error: Exception, code: int, remedy: str | None) -> None:
    answer = await ask(app(FakeControl(error=error)), "/v1/rules/web/heal", method="POST")
    assert answer.code == code
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json.get("remedy") == remedy
    assert b"secret" not in answer.body


async def test_a_bad_config_is_422_with_every_problem_and_its_place() -> None:
    problem = Problem(file="salus.yaml", line=3, column=5, path="checks.web", what="unknown key 'urll'", remedy="url?")
    answer = await ask(app(FakeControl(error=ConfigError((problem,)))), "/v1/reload", method="POST")
    assert (answer.code, answer.json["detail"]) == (422, "the config has 1 problem")
    assert answer.json["problems"][0] == {
        "file": "salus.yaml",
        "line": 3,
        "column": 5,
        "path": "checks.web",
        "what": "unknown key 'urll'",
        "remedy": "url?",
    }


@pytest.mark.parametrize(
    "target", ["/v1/rules/nope/heal", "/v1/rules//heal", "/v1/rules/web/explode", "/v1/", "/v1/services/web"]
)
async def test_what_is_not_there_is_404(target: str) -> None:
    answer = await ask(app(), target, method="POST")
    assert answer.code == 404
    assert answer.json["remedy"]


async def test_the_health_endpoints_are_there_too_with_full_details() -> None:
    answer = await ask(app(), "/health")
    assert answer.code == 503
    assert answer.json["checks"]["web"]["message"] == "expected status 200, got 500"


class Listener:
    """Reads the event stream of an app."""

    def __init__(self, control: ControlApp) -> None:
        self.lines: asyncio.Queue[bytes] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.ended = False
        scope = {"type": "http", "method": "GET", "path": "/v1/events/stream", "query_string": b"", "headers": []}
        self.task = asyncio.get_running_loop().create_task(control(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        await self.may_read.wait()
        for line in message.get("body", b"").splitlines():
            self.lines.put_nowait(line)
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")


async def test_events_come_as_lines_the_moment_they_happen() -> None:
    bus = Bus()
    listener = Listener(app(bus=bus))
    assert await listener.lines.get() == b""
    bus.tell(EVENT)
    assert json.loads(await listener.lines.get()) == {
        "id": 7,
        "at": "2026-03-01T12:00:00Z",
        "kind": "status_changed",
        "message": "web is down",
        "check": "web",
        "old": "healthy",
    }
    listener.gone.set()
    await listener.task
    assert bus.subscribers == []


async def test_a_slow_reader_loses_the_oldest_events_and_is_told_how_many() -> None:
    bus = Bus()
    listener = Listener(app(bus=bus))
    await listener.lines.get()
    listener.may_read.clear()
    for number in range(1500):
        bus.tell(Event(id=number, at=NOW, kind=EventKind.VERIFIED))
    listener.may_read.set()
    assert json.loads(await listener.lines.get()) == {"missed": 476}
    assert json.loads(await listener.lines.get())["id"] == 476
    listener.gone.set()
    await listener.task


async def test_closing_ends_every_stream_after_its_last_line() -> None:
    bus = Bus()
    control = app(bus=bus)
    listener = Listener(control)
    await listener.lines.get()
    bus.tell(EVENT)
    control.close()
    await listener.task
    assert json.loads(await listener.lines.get())["id"] == 7
    assert listener.ended


@pytest.mark.parametrize(
    "odd", [object(), float("nan"), "lone \udcff surrogate", {1: 2}, {"deep": [object()]}, 10**400]
)
async def test_an_answer_is_not_lost_over_one_odd_value_in_a_check(odd: object) -> None:
    report = replace(DISK, state=replace(DISK.state, last=look(Status.HEALTHY, "fine", metadata={"odd": odd})))
    answer = await ask(app(view=FakeView([report])), "/v1/status")
    assert answer.code == 200
    assert answer.json["checks"][0]["message"] == "fine"
    assert (await ask(app(view=FakeView([report])), "/health")).code == 200
