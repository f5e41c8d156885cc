"""Who is told what at ``/metrics``, in which format, and what that costs the loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from salus.clock import SystemClock
from salus.engine.units import CheckUnit, RuleUnit
from salus.model import Metric, RecoveryRule, Role, RuleState, Status
from salus.surfaces.access.audit import Audit
from salus.surfaces.http import App, Receive, Scope, Send
from salus.surfaces.metrics.app import OPENMETRICS, TEXT, MetricsApp
from salus.surfaces.metrics.scrape import Scrape
from salus.testing import ScriptedCheck
from tests.asgi import Answer, ask
from tests.exposition import parse
from tests.fake_access import Door
from tests.fake_agent import FakeView, check
from tests.unit.surfaces.metrics.scene import Scene

OPEN_FIRST = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"


class Place:
    """An app at some door, and somebody who asks from somewhere."""

    def __init__(self, *, who: str = "local", details: str = "when_authorized", scene: Scene | None = None) -> None:
        self.door = Door(details=details, trusted=("10.0.0.1",))
        self.scene = scene or Scene()
        audit = Audit(self.door.told, clock=self.door.clock)
        self.who = who
        self.app = MetricsApp(self.scene.parts, self.door.gate, audit, lambda: self.who, clock=self.door.clock)

    async def ask(self, target: str = "/metrics", client: str = "127.0.0.1", **how: Any) -> Answer:
        return await ask(_from(client, self.app), target, **how)


def _from(client: str, app: App) -> App:
    async def ask_from(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "client": (client, 4711) if client else None}, receive, send)

    return ask_from


# ── formats ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "accept, media",
    [
        (None, TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("text/plain;version=0.0.4", TEXT),
        (OPEN_FIRST, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", OPENMETRICS),
        ("application/openmetrics-text;q=0.1,text/plain;q=0.9", TEXT),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1", OPENMETRICS),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", TEXT),
        ("application/json", TEXT),
        (";;;q=", TEXT),
    ],
)
async def test_accept_chooses_the_format_and_there_always_is_one(accept: str | None, media: str) -> None:
    answer = await Place().ask(accept=accept)
    assert (answer.code, answer.headers["content-type"]) == (200, media)
    assert (answer.headers["vary"], answer.headers["cache-control"]) == ("Accept", "no-store")
    assert parse(answer.body, openmetrics=media == OPENMETRICS)


async def test_it_is_200_also_where_everything_is_bad() -> None:
    place = Place(scene=Scene(view=FakeView([check("web", Status.UNHEALTHY, "down", critical=True)], ready=False)))
    assert (await place.ask()).code == 200


async def test_head_says_how_long_it_would_be() -> None:
    place = Place()
    answer = await place.ask(method="HEAD")
    assert answer.body == b""
    assert int(answer.headers["content-length"]) == len((await place.ask()).body)


@pytest.mark.parametrize(
    "target, method, code", [("/metrics", "POST", 405), ("/metrics/", "GET", 404), ("/metrics/x", "GET", 404)]
)
async def test_nothing_else_is_answered(target: str, method: str, code: int) -> None:
    answer = await Place().ask(target, method=method)
    assert (answer.code, answer.headers["content-type"]) == (code, "application/problem+json")


# ── who may read it ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "who, details, client, code",
    [
        ("local", "when_authorized", "127.0.0.1", 200),
        ("local", "when_authorized", "127.8.8.8", 200),
        ("local", "when_authorized", "::1", 200),
        ("local", "when_authorized", "::ffff:127.0.0.1", 200),
        ("local", "never", "127.0.0.1", 200),
        ("local", "when_authorized", "192.0.2.7", 401),
        ("local", "when_authorized", "", 401),
        ("local", "when_authorized", "no-address", 401),
        ("local", "always", "192.0.2.7", 200),
        ("public", "never", "192.0.2.7", 200),
        ("token", "always", "127.0.0.1", 401),
    ],
)
async def test_the_config_says_who_reads_it_without_a_token(who: str, details: str, client: str, code: int) -> None:
    answer = await Place(who=who, details=details).ask(client=client)
    assert answer.code == code
    assert (code == 401) == ("www-authenticate" in answer.headers)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_a_proxy_on_this_host_is_not_whoever_it_speaks_for(header: str) -> None:
    place = Place()
    assert (await place.ask(more={header: "127.0.0.1"})).code == 401
    more = {header: "127.0.0.1", **await place.door.bearer(Role.VIEWER)}
    assert (await place.ask(more=more)).code == 200


@pytest.mark.parametrize(
    "host, code",
    [
        ("127.0.0.1:8787", 200),
        ("[::1]:8787", 200),
        ("localhost:8787", 200),
        ("LOCALHOST", 200),
        ("host:8787", 200),
        ("evil.example:8787", 401),
        ("localhost.evil.example", 401),
        ("[::1", 200),
        ("[evil", 401),
        (":8787", 200),
    ],
)
async def test_a_browser_that_a_strange_page_has_led_here_is_not_near(host: str, code: int) -> None:
    assert (await Place().ask(more={"Host": host})).code == code


@pytest.mark.parametrize("who", ["local", "token"])
@pytest.mark.parametrize("role", list(Role))
async def test_a_token_of_any_role_reads_it_from_anywhere(who: str, role: Role) -> None:
    place = Place(who=who)
    assert (await place.ask(client="192.0.2.7", more=await place.door.bearer(role))).code == 200


async def test_a_wrong_token_is_refused_also_where_none_is_needed_and_the_audit_says_so() -> None:
    place = Place()
    answer = await place.ask(more={"Authorization": "Bearer salus_00000000_nothing"})
    assert answer.code == 401
    assert place.door.told.audit() == [("", "GET /metrics", 401)]


async def test_whoever_tries_many_tokens_is_told_to_wait() -> None:
    place = Place(who="token")
    wrong = {"Authorization": "Bearer x"}
    codes = [(await place.ask(client="192.0.2.7", more=wrong)).code for _ in range(100)]
    assert set(codes) == {401, 429}


async def test_what_the_config_says_holds_from_the_next_request_on() -> None:
    place = Place(who="token")
    assert (await place.ask()).code == 401
    place.who = "public"
    assert (await place.ask()).code == 200


# ── what it costs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def many(count: int) -> Scene:
    metrics = {f"number_{place}": Metric(place / 3) for place in range(2)}
    scene = Scene(view=FakeView([check(f"check-{place:05}", metrics=metrics) for place in range(count)]))
    for report in scene.view.checks():
        name, last = report.spec.name, report.state.last
        assert last is not None
        scene.meter.looked(name, last)
        rule = RecoveryRule(name=name, check=name, ladders=())
        healed = RuleUnit(rule, (), (), frozenset(), RuleState(rule=name))
        scene.units[name] = CheckUnit(
            spec=report.spec, check=ScriptedCheck(Status.HEALTHY), state=report.state, rules=(healed,)
        )
    return scene


def test_two_thousand_checks_hold_the_loop_for_twenty_milliseconds_in_small_parts() -> None:
    scene = many(2000)
    tries = []
    for _ in range(5):
        steps, parts = Scrape(scene.parts, openmetrics=True).steps(), []
        done = False
        while not done:
            began = time.thread_time()
            done = next(steps, ...) is ...
            parts.append(time.thread_time() - began)
        tries.append(parts)
    assert min(sum(parts) for parts in tries) < 0.020
    assert min(max(parts) for parts in tries) < 0.001


async def test_others_have_their_turns_while_it_is_written() -> None:
    door, scene = Door(details="always"), many(2000)
    app = MetricsApp(scene.parts, door.gate, Audit(door.told), lambda: "public", clock=SystemClock())
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await SystemClock().sleep(0)

    other = asyncio.create_task(take_turns())
    answer = await ask(app, "/metrics")
    other.cancel()
    assert answer.code == 200
    assert turns >= 4


async def test_a_flood_is_served_from_what_was_just_written() -> None:
    door, scene = Door(details="always"), many(2000)
    app = MetricsApp(scene.parts, door.gate, Audit(door.told), lambda: "public", clock=SystemClock())
    answers = await asyncio.gather(*(ask(app, "/metrics") for _ in range(20)))
    assert len({answer.body for answer in answers}) == 1
    scene.meter.looks.add(1.0)
    assert (await ask(app, "/metrics")).body == answers[0].body
