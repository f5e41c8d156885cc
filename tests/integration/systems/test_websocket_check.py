"""The websocket check, against real WebSocket servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve, unix_serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from salus.checks.websocket import Websocket
from salus.errors import CheckBrokenError
from salus.model import Cause, Observation, Status
from salus.ports import Check
from salus.secret import Secret
from salus.units import Duration, Size
from tests.acceptance.salus_process import free_port
from tests.certificates import Authority
from tests.looks import eventually, look_at, look_once, site
from tests.servers.relay import Relay

TOKEN = "t0ken-of-the-planet"


@pytest.fixture(autouse=True, scope="module")
def _imported() -> None:
    Websocket(url="ws://localhost").build(site())  # imports the client library, which reads files


class Peer:
    """A WebSocket server that counts."""

    def __init__(self) -> None:
        self.opened = 0
        self.port = 0
        self.requests: list[Request] = []
        self.connections: set[ServerConnection] = set()

    async def echo(self, connection: ServerConnection) -> None:
        self.opened += 1
        self.connections.add(connection)
        assert connection.request is not None
        self.requests.append(connection.request)
        try:
            async for message in connection:
                if message == "state?":
                    await connection.send(json.dumps({"state": "busy"}))
                    await connection.send(json.dumps({"state": "ready", "queue": 3}))
                else:
                    await connection.send(message)
        except ConnectionClosed:
            pass
        finally:
            self.connections.discard(connection)

    async def chatter(self, connection: ServerConnection) -> None:
        """Talk without being asked, more than fits into any buffer."""
        self.opened += 1
        with suppress(ConnectionClosed):
            while True:
                await connection.send("x" * 50_000)

    def guard(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/moved":
            response = connection.respond(HTTPStatus.FOUND, "")
            response.headers["Location"] = "/elsewhere"
            return response
        if request.path == "/private" and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return connection.respond(HTTPStatus.UNAUTHORIZED, f"who are you, {request.headers.get('Authorization')}?")
        return None


@asynccontextmanager
async def serving(
    talk: Callable[[Peer], Callable[[ServerConnection], Awaitable[None]]] = lambda peer: peer.echo,
    *,
    port: int = 0,
    **options: Any,
) -> AsyncIterator[Peer]:
    peer = Peer()
    made: Server
    async with serve(talk(peer), "127.0.0.1", port, process_request=peer.guard, ping_interval=None, **options) as made:
        peer.port = next(iter(made.sockets)).getsockname()[1]
        yield peer


def check_of(port: int, path: str = "/", **options: Any) -> Check:
    found = Websocket(url=f"ws://127.0.0.1:{port}{path}", **options)
    assert found.problems() == []
    return found.build(site())


async def saw(port: int, path: str = "/", *, timeout: float = 10, **options: Any) -> Observation:
    return await look_once(check_of(port, path, **options), timeout=timeout)


# ── Kept ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_many_looks_share_one_websocket_and_closing_says_goodbye() -> None:
    async with serving() as peer:
        check = check_of(peer.port, send="hello", expect="hello")
        looks = [await look_at(check) for _ in range(10)]
        assert {seen.status for seen in looks} == {Status.HEALTHY}
        assert (peer.opened, len(peer.connections)) == (1, 1)
        assert looks[1].metrics["answer_seconds"].value > 0
        connection = next(iter(peer.connections))
        await check.aclose()
        await eventually(lambda: not peer.connections, "the connection to be closed")
        assert connection.close_code == 1000


async def test_a_websocket_that_was_closed_is_replaced_within_the_look() -> None:
    async with serving() as peer:
        check = check_of(peer.port)
        await look_at(check)
        await next(iter(peer.connections)).close(1012, "restarting")
        seen = await look_at(check)
        assert seen.status is Status.HEALTHY
        assert "the kept connection was lost" in seen.message
        assert "1012 restarting" in seen.message
        assert peer.opened == 2
        await check.aclose()


async def test_a_server_that_came_back_is_found_again() -> None:
    port = free_port()
    check = check_of(port)
    async with serving(port=port):
        await look_at(check)
    seen = await look_at(check)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.REFUSED)
    async with serving(port=port):
        assert (await look_at(check)).status is Status.HEALTHY
        await check.aclose()


async def test_what_a_firewall_forgot_and_what_was_cancelled_leaves_nothing() -> None:
    async with serving() as peer, Relay(peer.port) as relay:
        check = check_of(relay.port)
        await look_at(check)
        relay.mute()
        seen = await look_at(check, timeout=3)
        assert (seen.status, relay.accepted) == (Status.HEALTHY, 2)
        relay.mute()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await look_at(check)
        await eventually(lambda: relay.open == 0, "the connections to be let go of")
        assert (await look_at(check)).status is Status.HEALTHY
        await check.aclose()
        await eventually(lambda: relay.open == 0, "the last one to be closed")


async def test_a_server_that_talks_all_the_time_is_read_and_pinged() -> None:
    async with serving(lambda peer: peer.chatter) as peer:
        check = check_of(peer.port)
        for _ in range(3):
            assert (await look_at(check)).status is Status.HEALTHY
        assert peer.opened == 1
        await check.aclose()


# ── Messages ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "options, status, said",
    [
        ({"send": "state?", "json_path": {"state": "ready"}}, Status.HEALTHY, "answered a ping"),
        ({"send": "state?", "json_path": {"queue": {"below": 5}}}, Status.HEALTHY, ""),
        ({"send": "state?", "expect": "gone"}, Status.UNHEALTHY, "expected 'gone' from"),
        (
            {"send": "state?", "json_path": {"state": "gone"}},
            Status.UNHEALTHY,
            'the last was \'{"state": "ready"',
        ),
        ({"expect": "anything"}, Status.UNHEALTHY, "none came"),
        ({"latency_below": Duration(1e-9)}, Status.DEGRADED, "expected an answer in under"),
    ],
)
async def test_messages_are_held_against_what_is_expected(options: dict[str, Any], status: Status, said: str) -> None:
    async with serving() as peer:
        seen = await saw(peer.port, timeout=2 if status is Status.UNHEALTHY else 10, **options)
    assert seen.status is status
    assert said in seen.message


async def test_a_message_that_is_too_long_closes_the_connection() -> None:
    async with serving() as peer:
        seen = await saw(peer.port, send="x" * 200, expect="x", max_bytes=Size(100))
    assert seen.status is Status.UNHEALTHY
    assert "sent what we cannot take: 1009" in seen.message


# ── Handshake ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_headers_and_tokens_reach_the_server() -> None:
    async with serving() as peer:
        seen = await saw(peer.port, "/private", bearer=Secret(TOKEN), headers={"X-Team": "red"})
        assert seen.status is Status.HEALTHY
        assert peer.requests[0].headers["X-Team"] == "red"


async def test_a_refused_token_is_unhealthy_and_not_shown() -> None:
    async with serving() as peer:
        seen = await saw(peer.port, "/private", bearer=Secret("n0t-the-t0ken"))
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, "status_401")
    assert "refused the handshake: 401" in seen.message
    assert "n0t-the-t0ken" not in seen.message


def test_a_url_that_holds_a_password_is_not_shown() -> None:
    assert "a-secret" not in repr(Websocket(url="ws://me:a-secret@localhost/?token=a-secret-too"))


async def test_a_redirect_is_told_and_not_followed() -> None:
    async with serving() as peer:
        seen = await saw(peer.port, "/moved")
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, "status_302")
    assert "redirects (302) to /elsewhere" in seen.message


async def test_the_subprotocol_must_be_agreed_to() -> None:
    async with serving(subprotocols=["chat.v2"]) as peer:
        assert (await saw(peer.port, subprotocol="chat.v2")).status is Status.HEALTHY
        await eventually(lambda: not peer.connections, "the connection to be closed")
    async with serving() as peer:
        seen = await saw(peer.port, subprotocol="chat.v2")
        assert seen.status is Status.UNHEALTHY
        assert "'chat.v2', it agreed to none" in seen.message
        await eventually(lambda: not peer.connections, "the connection to be closed")


async def test_on_either_loop_tls_and_unix_sockets_are_spoken(authority: Authority, tmp_path: Path) -> None:
    async with serving(ssl=authority.issue().server()) as peer:
        url = f"wss://127.0.0.1:{peer.port}/"
        assert (await look_once(Websocket(url=url, ca_file=authority.file))).status is Status.HEALTHY
        seen = await look_once(Websocket(url=url))
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TLS)
    path, talk = tmp_path / "ws.sock", Peer()
    async with unix_serve(talk.echo, str(path)):
        assert (await look_once(Websocket(url="ws://localhost/", unix_socket=path))).status is Status.HEALTHY


async def test_what_speaks_no_http_and_what_has_no_address_are_told_apart() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        seen = await saw(server.sockets[0].getsockname()[1], timeout=2)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.PROTOCOL)
    with pytest.raises(CheckBrokenError) as told:
        await look_once(Websocket(url="ws://does-not-exist.invalid/"), timeout=30)
    assert told.value.cause == Cause.DNS


@pytest.mark.parametrize(
    "options, field",
    [
        ({"url": "http://localhost"}, "url"),
        ({"url": "ws:///path"}, "url"),
        ({"json_path": {"a": {"like": 1}}}, "json_path"),
        ({"expect": "a", "json_path": {"a": 1}}, "json_path"),
        ({"password": Secret("a")}, "password"),
        ({"username": "a", "bearer": Secret("a")}, "bearer"),
        ({"headers": {"A": "b\nc"}}, "headers"),
    ],
)
def test_options_that_cannot_be_meant_are_told(options: dict[str, Any], field: str) -> None:
    assert [name for name, _ in Websocket(**{"url": "ws://localhost", **options}).problems()] == [field]
