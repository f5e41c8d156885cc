"""The stream of events: nothing missed, nothing twice, and a slow client harms only itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from salus.errors import StoreUnreadableError
from salus.model import Event, EventKind, Role
from salus.ports import Batch, EventQuery
from salus.surfaces.api import live
from tests.asgi import ask
from tests.fake_api import EVENT, FakeApi

PATH = "/api/v1/stream"


class Listener:
    """A client of the stream; ``wedge`` keeps it from taking anything."""

    def __init__(self, api: FakeApi, query: str = "", **headers: str) -> None:
        self.api = api
        self.query = query
        self.headers = headers
        self.code = 0
        self.text = ""
        self.chunks = 0
        self.gone = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        token = await self.api.door.bearer(Role.VIEWER)
        more = {**token, **{name.replace("_", "-"): value for name, value in self.headers.items()}}
        headers = [(name.lower().encode(), value.encode()) for name, value in more.items()]
        scope = {"type": "http", "method": "GET", "path": PATH, "headers": headers, "query_string": self.query.encode()}
        await self.api.app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.free.wait()
        if message["type"] == "http.response.start":
            self.code = message["status"]
        else:
            self.text += message["body"].decode()
            self.chunks += 1
        self._news.set()

    async def until(self, what: str) -> None:
        async with asyncio.timeout(5):
            while what not in self.text:
                self._news.clear()
                await self._news.wait()

    @property
    def messages(self) -> list[tuple[str, int, str]]:
        """Return the kind, the id and the check of every message."""
        found = []
        for block in self.text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in fields:
                about = json.loads(fields["data"]).get("check", "")
                found.append((fields["event"], int(fields.get("id", 0)), about))
        return found


@asynccontextmanager
async def listening(api: FakeApi, query: str = "", **headers: str) -> AsyncIterator[Listener]:
    one = Listener(api, query, **headers)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.run())
        await one.until("retry")
        yield one
        one.gone.set()
        one.free.set()


def event(number: int, kind: EventKind = EventKind.STATUS_CHANGED, **about: Any) -> Event:
    return replace(EVENT, id=EVENT.id + number, kind=kind, **about)


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


async def test_what_happens_is_sent_at_once_and_together(api: FakeApi) -> None:
    async with listening(api) as one:
        for number in range(20):
            api.bus.tell(event(number))
        await one.until(f"id: {EVENT.id + 19}\n")
        assert [number - EVENT.id for _, number, _ in one.messages] == list(range(20))
        assert one.chunks == 2
        assert one.text.startswith("retry: 2000\n\n")
    assert len(api.answers.live) == 0
    assert api.bus.subscribers == []


async def test_only_the_kinds_that_were_asked_for_are_sent(api: FakeApi) -> None:
    async with listening(api, "kind=paused,resumed") as one:
        api.bus.tell(event(1))
        api.bus.tell(event(2, EventKind.PAUSED))
        await one.until(f"id: {EVENT.id + 2}\n")
        assert len(one.messages) == 1


async def test_a_viewer_is_never_sent_who_asked_for_what(api: FakeApi) -> None:
    async with listening(api) as one:
        api.bus.tell(event(1, EventKind.REQUEST_DONE))
        api.bus.tell(event(2, EventKind.TOKEN_CREATED))
        api.bus.tell(event(3))
        await one.until(f"id: {EVENT.id + 3}\n")
        assert [number - EVENT.id for _, number, _ in one.messages] == [3]
    viewer = await api.door.bearer(Role.VIEWER)
    assert (await ask(api.app, f"{PATH}?kind=request_done", more=viewer)).code == 403


@pytest.mark.parametrize("way", ["header", "query"])
async def test_whoever_was_away_gets_what_they_missed_and_then_goes_on(api: FakeApi, way: str) -> None:
    await api.fill()
    last = str(EVENT.id + 1)
    how: dict[str, Any] = {"Last_Event_ID": last} if way == "header" else {"query": f"after={last}"}
    async with listening(api, **how) as one:
        api.bus.tell(event(4))  # written already: it must not come twice
        api.bus.tell(event(5))
        await one.until(f"id: {EVENT.id + 5}\n")
        assert [number - EVENT.id for _, number, _ in one.messages] == [2, 3, 4, 5]


async def test_an_event_between_the_ledger_and_the_listening_is_not_lost(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.fill()
    read = api.past.events

    async def while_reading(query: EventQuery) -> Any:
        found = await read(query)
        if query.after:
            api.bus.tell(event(5))
        return found

    monkeypatch.setattr(api.past, "events", while_reading)
    async with listening(api, Last_Event_ID=str(EVENT.id + 3)) as one:
        await one.until(f"id: {EVENT.id + 5}\n")
        assert [number - EVENT.id for _, number, _ in one.messages] == [4, 5]


@pytest.mark.parametrize("why", ["too old", "of the future", "too much", "unreadable", "unwritable"])
async def test_where_not_all_can_be_told_the_client_is_told_to_begin_again(
    api: FakeApi, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.fill()
    last = EVENT.id
    if why == "too old":
        last = 1
    elif why == "of the future":
        last = EVENT.id * 2
    elif why == "too much":
        await api.past.write(Batch(events=[event(10 + number) for number in range(live.MOST_RESUMED)]))
    elif why == "unreadable":

        async def broken(query: EventQuery) -> Any:
            raise StoreUnreadableError

        monkeypatch.setattr(api.past, "events", broken)
    else:
        api.past.settled = False
    async with listening(api, Last_Event_ID=str(last)) as one:
        await one.until("event: reset\n")
        ((kind, at, _),) = one.messages
        assert kind == "reset"
        assert at == int(api.door.clock.at.timestamp() * 1_000_000)


async def test_a_slow_client_loses_what_is_too_much_is_told_so_and_holds_up_nobody(api: FakeApi) -> None:
    async with listening(api) as slow, listening(api) as quick:
        slow.free.clear()
        api.bus.tell(event(0))
        await quick.until(f"id: {EVENT.id}\n")
        for number in range(1, live.KEPT + 100):
            api.bus.tell(event(number))
            if number % 100 == 0:
                await quick.until(f"id: {EVENT.id + number}\n")
        await quick.until(f"id: {EVENT.id + live.KEPT + 99}\n")
        slow.free.set()
        await slow.until(f"id: {EVENT.id + live.KEPT + 99}\n")
        kinds = [kind for kind, _, _ in slow.messages]
        assert kinds.count("reset") == 1
        assert len(kinds) < live.KEPT
        ids = [number for _, number, _ in slow.messages]
        assert ids == sorted(ids)
        assert [kind for kind, _, _ in quick.messages] == ["event"] * (live.KEPT + 100)


async def test_more_than_so_many_are_told_to_come_later(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.answers.live, "_most", 2)
    async with listening(api), listening(api):
        answer = await ask(api.app, PATH, more=await api.door.bearer(Role.VIEWER))
        assert (answer.code, answer.headers["retry-after"]) == (429, "30")


async def test_a_quiet_stream_shows_that_it_lives(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.02)
    async with listening(api) as one:
        await one.until(": still here")
        assert one.messages == []


async def test_whose_token_is_revoked_hears_no_more(api: FakeApi) -> None:
    one = Listener(api)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(one.run())
        await one.until("retry")
        await api.door.book.revoke("viewer")
        api.bus.tell(event(1))
        async with asyncio.timeout(5):
            await task
    assert one.messages == []


async def test_when_salus_stops_what_waits_is_sent_and_the_stream_ends(api: FakeApi) -> None:
    one = Listener(api)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(one.run())
        await one.until("retry")
        api.bus.tell(event(1))
        api.app.close()
    assert len(one.messages) == 1


async def test_a_stream_that_is_opened_after_salus_was_told_to_stop_ends_at_once(api: FakeApi) -> None:
    api.app.close()
    one = Listener(api)
    async with asyncio.timeout(5):
        await one.run()
    assert (one.code, one.messages) == (200, [])


async def test_the_stream_is_for_viewers_and_a_wrong_cursor_is_refused(api: FakeApi) -> None:
    assert (await ask(api.app, PATH)).code == 401
    more = await api.door.bearer(Role.VIEWER)
    assert (await ask(api.app, PATH, more={**more, "Last-Event-ID": "x"})).code == 422
    assert (await ask(api.app, f"{PATH}?after=-1", more=more)).code == 422
    assert (await ask(api.app, PATH, method="POST", more=more)).code == 405
