"""A process that follows answers what the one that leads would, whatever is asked and whatever becomes of that one."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from salus import HealthSystem
from salus.library.workers import Proxy, SilentError, WorkersDoor
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
