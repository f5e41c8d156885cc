"""A process that follows answers what the one that leads would, whatever is asked and whatever becomes of that one."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from salus import HealthSystem
from salus.clock import SystemClock
from salus.library.life import Follower
from salus.library.workers import BrokenOffError, NobodyError, Proxy, SilentError, WorkersDoor
from salus.store.lock import Lock
from salus.surfaces.http import Message, Receive, Scope, Send
from tests.integration.library.waiting import until


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("led") / "state"


@pytest.fixture(scope="module")
def leader(folder: Path) -> Iterator[HealthSystem]:
    system = HealthSystem("shop", state_dir=folder, settings={"salus": {"show_details": "always"}})
    system.register("fine", lambda: None, interval="50ms")
    with system:
        assert until(system.is_healthy)
        yield system


@pytest.fixture
async def follower(leader: HealthSystem, folder: Path) -> AsyncIterator[HealthSystem]:
    system = HealthSystem("shop", state_dir=folder)
    system.register("fine", lambda: None)
    async with system:
        yield system


@pytest.fixture
async def client(follower: HealthSystem) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(follower.asgi())
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        yield client


async def test_it_knows_from_its_first_moment_how_the_whole_is(follower: HealthSystem) -> None:
    assert follower.summary() == "All systems operational"


async def test_head_has_the_length_and_no_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/livez")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("path", ["//livez", "/h%C3%A9/%F0%9F%98%80", "/health/checks/a%2Fb%20c?x=%0d%0aa:b"])
async def test_odd_paths_arrive_as_they_are(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_what_a_stranger_says_of_where_it_comes_from_is_not_believed(client: httpx.AsyncClient) -> None:
    said = json.dumps({"path": "/livez", "client": ["10.0.0.1", 1]})
    answer = await client.get("/health", headers={"x-salus-asked": said})
    assert "checks" in answer.json()


async def test_a_large_body_is_bounded_and_whoever_sends_one_hears_why(client: httpx.AsyncClient) -> None:
    body = b"x" * 3_000_000  # the one that leads answers and closes while this is being sent
    for _ in range(10):
        answers = await asyncio.gather(*(client.post("/ping/nobody", content=body) for _ in range(8)))
        assert {answer.status_code for answer in answers} == {404}


async def test_streams_that_are_left_leave_nothing_behind(follower: HealthSystem) -> None:
    async def one(*, cancelled: bool) -> None:
        begun, left = asyncio.Event(), asyncio.Event()

        async def receive() -> Message:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            begun.set()

        asking = asyncio.ensure_future(follower.asgi()(scope("/health-dashboard/live", b"page=/"), receive, send))
        await begun.wait()
        asking.cancel() if cancelled else left.set()
        await asyncio.wait({asking})

    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    async with asyncio.timeout(30):
        await asyncio.gather(*(one(cancelled=bool(number % 2)) for number in range(6)))
        while opened() > before:
            await asyncio.sleep(0.01)


def scope(path: str, query: bytes = b"", *headers: tuple[bytes, bytes], method: str = "GET") -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"shop.test"), *headers],
    }


async def nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def never() -> Message:
    await asyncio.get_running_loop().create_future()
    return {}


async def ignore(message: Message) -> None: ...


async def test_a_leader_that_hangs_is_told_soon(tmp_path: Path) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        left.set()

    left = asyncio.Event()
    path = tmp_path / "workers.sock"
    server = await asyncio.start_unix_server(hang, path)
    async with server:
        proxy = Proxy(path, patience=0.05)
        with pytest.raises(SilentError, match=r"has not answered for 0\.05 s"):
            await proxy(scope("/livez"), never, ignore)
        await left.wait()


async def test_a_line_break_in_a_header_makes_no_second_header(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    path = tmp_path / "workers.sock"
    server = await asyncio.start_unix_server(answer, path)
    async with server:
        odd = ((b"x-a", b"b\r\nx-salus-asked: {}"), (b"x-c\r\nx-salus-asked", b"{}"))
        await Proxy(path)(scope("/livez", b"a=b c\r\nd", *odd), never, ignore)
    assert heard[0].startswith(b"GET /livez?a=b%20cd HTTP/1.1\r\n")
    assert heard[0].count(b"x-salus-asked") == 1


async def test_the_door_gives_back_who_asked() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    told = json.dumps({"client": ["10.0.0.1", 7], "server": None, "path": "/a/é", "root_path": "/a"}).encode()
    await WorkersDoor(app)(scope("/x", b"", (b"x-salus-asked", told)), nothing, ignore)
    assert (seen[0]["client"], seen[0]["path"], seen[0]["root_path"]) == (("10.0.0.1", 7), "/a/é", "/a")
    assert seen[0]["headers"] == [(b"host", b"shop.test")]


def test_another_application_in_the_same_folder_is_told_loudly(
    leader: HealthSystem, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = HealthSystem("mailer", state_dir=folder)
    other.register("letters", lambda: None)
    with caplog.at_level(logging.ERROR, "salus.library"), other:
        assert "knows none of the checks of this one (letters)" in caplog.text
    assert "state_dir of its own" in caplog.text


async def test_after_its_end_it_is_not_started_again_by_a_request(
    follower: HealthSystem, client: httpx.AsyncClient
) -> None:
    await asyncio.to_thread(follower.stop)
    answer = await client.get("/livez")
    assert (answer.status_code, follower.runs) == (503, False)
    await asyncio.to_thread(follower.start)
    assert (await client.get("/livez")).status_code == 200


STATUS = {
    "overall": {"status": "healthy", "message": "all is well", "ready": True, "live": True, "started": True},
    "checks": [{"name": "fine"}],
}


class Led:
    """A folder that this process leads in; at its sockets, requests are answered, left waiting, or dropped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = Lock(folder)
        self.answers = {"salus.sock": "silence", "workers.sock": "silence"}
        self.asked = dict.fromkeys(self.answers, 0)
        self.heard = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        self._stack.callback(self.lock.release)
        self.lock.acquire()
        for name in self.answers:
            await self._stack.enter_async_context(await asyncio.start_unix_server(self._at(name), self.folder / name))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _at(self, name: str) -> Any:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            self.asked[name] += 1
            self.heard.set()
            if self.answers[name] == "an answer":
                body = json.dumps(STATUS).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            elif self.answers[name] == "silence":
                await reader.read()  # until whoever asked has gone
            writer.close()

        return take


@pytest.fixture
async def led(tmp_path: Path) -> AsyncIterator[Led]:
    async with Led(tmp_path) as led:
        yield led


async def test_a_leader_known_to_be_silent_is_asked_for_nobody_until_it_answers_the_follower(led: Led) -> None:
    follower = Follower(led.folder, SystemClock())
    await follower.ask()
    for method in ("GET", "HEAD", "POST"):
        for door in (follower.network, follower.local):
            with pytest.raises(SilentError, match=r"the process that leads has not answered for \d+ s"):
                await door(scope("/readyz", method=method), never, ignore)
    assert led.asked == {"salus.sock": 1, "workers.sock": 0}
    led.answers = dict.fromkeys(led.answers, "an answer")
    await follower.ask()
    await follower.network(scope("/readyz"), never, ignore)
    assert led.asked == {"salus.sock": 2, "workers.sock": 1}


async def test_a_request_that_was_left_waiting_is_the_last_that_waits(led: Led) -> None:
    follower = Follower(led.folder, SystemClock())
    for _ in range(2):
        with pytest.raises(SilentError):
            await follower.network(scope("/readyz"), never, ignore)
    assert led.asked["workers.sock"] == 1


async def test_a_leader_that_is_slow_with_one_request_and_answers_others_is_not_silent(led: Led) -> None:
    led.answers["salus.sock"] = "an answer"
    follower = Follower(led.folder, SystemClock())
    slow = asyncio.ensure_future(follower.network(scope("/salus/history"), never, ignore))
    await led.heard.wait()
    await follower.ask()
    with pytest.raises(SilentError):
        await slow
    led.answers["workers.sock"] = "an answer"
    await follower.network(scope("/readyz"), never, ignore)
    assert led.asked["workers.sock"] == 2


async def test_of_a_leader_that_was_silent_and_has_died_the_next_is_awaited(led: Led) -> None:
    follower = Follower(led.folder, SystemClock())
    await follower.ask()
    led.lock.release()
    led.answers = dict.fromkeys(led.answers, "an end")
    with pytest.raises(NobodyError):
        await follower.network(scope("/readyz"), never, ignore)


async def test_beside_a_silent_leader_this_process_lives_and_is_not_ready(led: Led) -> None:
    system = HealthSystem("shop", state_dir=led.folder)
    system.register("fine", lambda: None)
    transport = httpx.ASGITransport(system.asgi())
    async with system, httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        for path in ("/livez", "/health/live"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})
        assert (await client.get("/livez", headers={"accept": "text/plain"})).text == "healthy\n"
        for path in ("/readyz", "/health", "/startupz"):
            assert (await client.get(path)).status_code == 503
        said = await client.post("/livez")
    assert said.status_code == 503
    assert said.json()["remedy"] == f"see what process {os.getpid()} does: stopped, blocked, or overloaded?"
    assert led.asked["workers.sock"] == 0


async def test_a_leader_that_died_while_it_was_asked_to_act_is_not_looked_for(led: Led) -> None:
    led.answers = {"salus.sock": "an answer", "workers.sock": "an end"}
    system = HealthSystem("shop", state_dir=led.folder)
    system.register("fine", lambda: None)
    transport = httpx.ASGITransport(system.asgi())
    async with system, httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        said = (await client.post("/ping/nightly")).json()
    assert said["detail"] == "the process that leads broke off before it answered"
    assert said["remedy"] == "see whether it was done before you ask again"


async def test_whether_the_whole_lives_is_what_the_leader_says_as_long_as_it_answers(tmp_path: Path) -> None:
    leader, follower = (HealthSystem("shop", state_dir=tmp_path) for _ in range(2))
    leader.register("loop", lambda: False, interval="50ms", liveness=True)
    follower.register("loop", lambda: None)
    transport = httpx.ASGITransport(follower.asgi())
    async with leader, follower, httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        while (answer := await client.get("/livez")).status_code == 200:
            await asyncio.sleep(0.01)
        assert (answer.status_code, answer.json()) == (503, {"status": "unhealthy"})


async def test_where_too_many_wait_at_the_socket_already_the_leader_is_silent_and_not_gone(tmp_path: Path) -> None:
    path = tmp_path / "workers.sock"
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
        full.bind(str(path))
        full.listen(0)
        first.connect(str(path))
        with pytest.raises(SilentError, match="does not take what waits"):
            await Proxy(path)(scope("/livez"), never, ignore)


async def test_what_was_to_be_done_when_the_leader_went_is_not_asked_again(led: Led) -> None:
    led.answers["workers.sock"] = "an end"
    with pytest.raises(BrokenOffError):
        await Proxy(led.folder / "workers.sock")(scope("/ping/nightly", method="POST"), never, ignore)
