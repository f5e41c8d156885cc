from __future__ import annotations

import asyncio
import json
import logging
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from salus.errors import SalusError
from salus.surfaces import server as server_module
from salus.surfaces.control import ControlApp
from salus.surfaces.health import HealthApp
from salus.surfaces.local import address
from salus.surfaces.server import Server
from tests.fake_agent import DISK, Bus, FakeControl, FakeView


class Running:
    """A real server in front of the fakes."""

    def __init__(self, folder: Path) -> None:
        self.view, self.control, self.bus = FakeView([DISK]), FakeControl(), Bus()
        self.server = Server()
        self.socket = folder / "salus.sock"

    async def start(self) -> None:
        await self.server.start(
            HealthApp(self.view, self.control),
            "127.0.0.1",
            0,
            ControlApp(self.view, self.control, self.bus.subscribe),
            self.socket,
        )

    @property
    def port(self) -> int:
        return self.server.addresses[0][1]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def connect_locally(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        with address(self.socket) as where:
            return await asyncio.open_unix_connection(where)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    one = Running(tmp_path)
    await one.start()
    yield one
    await one.server.stop(1)


async def answer_to(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[bytes, bytes]:
    writer.write(request)
    async with asyncio.timeout(30):
        whole = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = whole.partition(b"\r\n\r\n")
    return head, body


def get(target: str, method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()


async def test_the_health_endpoints_answer_over_tcp(running: Running) -> None:
    head, body = await answer_to(*await running.connect(), get("/readyz"))
    assert head.startswith(b"HTTP/1.1 200 OK\r\nserver: salus\r\ndate: ")
    assert json.loads(body) == {"status": "healthy"}


async def test_head_over_tcp_has_the_length_and_no_body(running: Running) -> None:
    head, body = await answer_to(*await running.connect(), get("/readyz", "HEAD"))
    assert b"content-length: 21" in head
    assert body == b""


async def test_a_kept_connection_serves_many_requests(running: Running) -> None:
    reader, writer = await running.connect()
    for _ in range(5):
        writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert json.loads(await reader.readline()) == {"status": "healthy"}
    writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        return head, await reader.readline()


async def test_what_is_answered_at_once_is_byte_for_byte_the_ordinary_answer(running: Running) -> None:
    reader, writer = await running.connect()
    found = set()
    for headers in (b"", b"", b"cookie: a=b\r\n", b"authorization: x\r\n", b"content-length: 0\r\n", b"") * 2:
        writer.write(b"GET /readyz HTTP/1.1\r\nhost: x\r\n" + headers + b"\r\n")
        head, body = await read_answer(reader)
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"date: ")]
        found.add((tuple(lines), body))
    assert len(found) == 1
    writer.close()


async def test_many_requests_in_one_packet_are_answered_in_their_order(running: Running) -> None:
    reader, writer = await running.connect()
    asked = [b"/livez", b"/nothing", b"/readyz?verbose", b"/livez", b"/health/checks/disk", b"/nothing"] * 20
    writer.write(b"".join(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % target for target in asked))
    codes = []
    for _ in asked:
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
            await reader.readexactly(int(length.partition(b" ")[2]))
        codes.append(int(head.split()[1]))
    assert codes == [200, 404, 200, 200, 200, 404] * 20
    writer.close()


@pytest.mark.parametrize(
    "request_line, ends",
    [
        (b"HEAD /livez HTTP/1.1\r\nhost: x\r\n", False),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", True),
        (b"GET /livez HTTP/1.0\r\nhost: x\r\n", True),
        (b"POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n", False),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade\r\n", False),
    ],
)
async def test_whatever_is_not_plain_is_answered_as_before(running: Running, request_line: bytes, ends: bool) -> None:
    reader, writer = await running.connect()
    writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
    await read_answer(reader)
    writer.write(request_line + b"\r\n")
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
    assert head.split()[1] in (b"200", b"405")
    assert (b"\r\nconnection: close\r\n" in head) is ends
    if ends:
        async with asyncio.timeout(30):
            await reader.read()
    writer.close()


async def test_a_body_that_comes_after_an_answer_at_once_is_no_request(running: Running) -> None:
    reader, writer = await running.connect()
    for _ in range(2):
        writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        await read_answer(reader)
    writer.write(b"not http at all\r\n\r\n")
    async with asyncio.timeout(30):
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_a_second_head_that_never_ends_is_let_go_too(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = await running.connect()
    for _ in range(2):
        writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        await read_answer(reader)
    monkeypatch.setattr(server_module, "_HEAD_SECONDS", 0.2)  # not before: these heads are to come in time
    writer.write(b"GET /livez HTTP/1.1\r\nhost:")
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()


async def test_control_answers_only_on_the_local_socket_which_only_its_owner_may_open(running: Running) -> None:
    assert stat.S_IMODE(running.socket.stat().st_mode) == 0o600
    head, body = await answer_to(*await running.connect_locally(), get("/v1/rules/web/heal", "POST"))
    assert head.startswith(b"HTTP/1.1 200")
    assert json.loads(body)["outcome"] == "recovered"
    head, _ = await answer_to(*await running.connect(), get("/v1/rules/web/heal", "POST"))
    assert head.startswith(b"HTTP/1.1 404")
    assert running.control.asked == [("heal", "web")]


async def test_a_port_in_use_is_told_with_a_remedy_and_nothing_stays_open(running: Running, tmp_path: Path) -> None:
    second = Server()
    with pytest.raises(SalusError, match="the port is taken") as caught:
        await second.start(HealthApp(running.view, None), "127.0.0.1", running.port)
    assert "SALUS_LISTEN" in str(caught.value.remedy)
    assert not list(tmp_path.glob(".salus*"))


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
async def test_an_address_that_is_not_ours_is_told_with_a_remedy(running: Running, host: str) -> None:
    with pytest.raises(SalusError, match="cannot listen on") as caught:
        await Server().start(HealthApp(running.view, None), host, 0)
    assert caught.value.remedy


async def test_a_second_salus_leaves_the_socket_of_the_first_alone(running: Running, tmp_path: Path) -> None:
    second = Running(tmp_path)
    with pytest.raises(SalusError, match="another Salus answers"):
        await second.start()
    head, _ = await answer_to(*await running.connect_locally(), get("/v1/status"))
    assert head.startswith(b"HTTP/1.1 200")


async def test_a_socket_left_by_a_dead_salus_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "salus.sock"))
    one = Running(tmp_path)
    await one.start()
    head, _ = await answer_to(*await one.connect_locally(), get("/livez"))
    assert head.startswith(b"HTTP/1.1 200")
    await one.server.stop(1)
    assert list(tmp_path.iterdir()) == []


async def test_another_file_in_its_place_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "salus.sock").write_text("precious")
    with pytest.raises(SalusError, match="no socket is in the way"):
        await Running(tmp_path).start()
    assert (tmp_path / "salus.sock").read_text() == "precious"


async def test_a_state_folder_may_lie_deeper_than_a_socket_path_may_be_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    one = Running(deep)
    await one.start()
    head, _ = await answer_to(*await one.connect_locally(), get("/livez"))
    assert head.startswith(b"HTTP/1.1 200")
    await one.server.stop(1)
    assert list(deep.iterdir()) == []


async def test_stopping_ends_streams_and_idle_connections_at_once(tmp_path: Path) -> None:
    one = Running(tmp_path)
    await one.start()
    idle_reader, idle_writer = await one.connect()
    reader, writer = await one.connect_locally()
    writer.write(get("/v1/events/stream"))
    await reader.readuntil(b"\r\n\r\n")
    async with asyncio.timeout(20):
        await one.server.stop(60)
        assert await idle_reader.read() == b""
        await reader.read()
    for open_end in (idle_writer, writer):
        open_end.close()
    with pytest.raises(ConnectionRefusedError):
        await one.connect()


async def test_stopping_waits_for_an_answer_that_is_under_way_but_not_for_ever(tmp_path: Path) -> None:
    one = Running(tmp_path)
    entered, may_go = asyncio.Event(), asyncio.Event()

    async def slow(name: str) -> object:
        entered.set()
        await may_go.wait()
        return await FakeControl.reload(one.control)

    one.control.reload = lambda: slow("")  # type: ignore[assignment, method-assign, return-value]
    await one.start()
    loop = asyncio.get_running_loop()
    first = loop.create_task(answer_to(*await one.connect_locally(), get("/v1/reload", "POST")))
    await entered.wait()
    stopping = loop.create_task(one.server.stop(30))
    await asyncio.sleep(0)
    may_go.set()
    await stopping
    head, _ = await first
    assert head.startswith(b"HTTP/1.1 200")


async def test_a_client_that_says_nothing_or_never_ends_its_request_is_let_go(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "_HEAD_SECONDS", 0.2)
    silent, half = await running.connect(), await running.connect()
    half[1].write(b"GET /health HTTP/1.1\r\nhost:")
    async with asyncio.timeout(30):
        assert (await silent[0].read()).startswith(b"HTTP/1.1 408")
        assert (await half[0].read()).startswith(b"HTTP/1.1 408")
    for _, writer in (silent, half):
        writer.close()


async def test_an_endless_head_is_refused(running: Running) -> None:
    reader, writer = await running.connect()
    writer.write(b"GET /health HTTP/1.1\r\n")
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):  # noqa: PT012 - either of the two fails
        async with asyncio.timeout(30):
            for number in range(4000):
                writer.write(b"x-%d: %b\r\n" % (number, b"y" * 100))
                await writer.drain()
            await reader.readexactly(1 << 20)
    writer.close()


async def test_connections_are_bounded_and_come_back(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS", 4)
    held = [await running.connect() for _ in range(4)]
    reader, writer = await running.connect()
    async with asyncio.timeout(30):
        assert (await reader.read()).startswith(b"HTTP/1.1 503")
    for _, open_end in [*held, (reader, writer)]:
        open_end.close()
        await open_end.wait_closed()
    async with asyncio.timeout(30):
        while True:
            head, _ = await answer_to(*await running.connect(), get("/livez"))
            if head.startswith(b"HTTP/1.1 200"):
                break
            await asyncio.sleep(0.01)


async def test_localhost_listens_on_every_address_the_name_stands_for(tmp_path: Path) -> None:
    server = Server()
    await server.start(HealthApp(FakeView([DISK]), None), "localhost", 0)
    ports = {port for _, port in server.addresses}
    assert len(ports) == 1
    assert {host for host, _ in server.addresses} <= {"127.0.0.1", "::1"}
    await server.stop(1)


async def test_a_socket_is_removed_only_by_its_owner(running: Running) -> None:
    running.socket.unlink()
    running.socket.write_text("a successor's")
    await running.server.stop(1)
    assert running.socket.read_text() == "a successor's"
    assert list(running.socket.parent.iterdir()) == [running.socket]


async def test_the_loggers_of_a_uvicorn_that_serves_the_application_are_left_alone(tmp_path: Path) -> None:
    theirs = [logging.getLogger(f"uvicorn.{name}") for name in ("error", "access", "asgi")]
    before = [(one.level, one.disabled, one.propagate, list(one.handlers)) for one in theirs]
    running = Running(tmp_path)
    await running.start()
    try:
        assert [(one.level, one.disabled, one.propagate, list(one.handlers)) for one in theirs] == before
    finally:
        await running.server.stop()
