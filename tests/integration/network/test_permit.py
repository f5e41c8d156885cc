"""Whoever asks may forbid addresses: then nothing is ever connected to them."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from salus.httpclient import ConnectError, Connection, ForbiddenError, Permit, Request, fetch
from tests.integration.network.conftest import Servers, answering, ok


def forbidding(*addresses: str, asked: list[tuple[str, str]] | None = None) -> Permit:
    """Forbid these addresses."""

    def permit(host: str, address: str) -> str:
        if asked is not None:
            asked.append((host, address))
        return "it is forbidden" if address in addresses else ""

    return permit


@pytest.mark.parametrize("host", ["127.0.0.1", "0x7f000001", "2130706433"])
async def test_a_forbidden_address_is_not_connected_to_however_it_is_spelled(servers: Servers, host: str) -> None:
    port = await servers.tcp(answering(ok()))
    asked: list[tuple[str, str]] = []
    with pytest.raises(ForbiddenError, match="it is forbidden") as caught:
        await fetch(Request(url=f"http://{host}:{port}/", permit=forbidding("127.0.0.1", asked=asked)))
    assert asked == [(host, "127.0.0.1")]
    assert (caught.value.ours, caught.value.permanent) == (True, True)
    assert servers.connections == 0


async def test_a_permitted_address_is_connected_to(servers: Servers) -> None:
    port = await servers.tcp(answering(ok()))
    asked: list[tuple[str, str]] = []
    permit = forbidding("::1", asked=asked)
    assert (await fetch(Request(url=f"http://localhost:{port}/", permit=permit))).status == 200
    assert asked == [("localhost", "127.0.0.1"), ("localhost", "::1")]


async def test_a_redirect_is_asked_about_too(servers: Servers) -> None:
    hidden = await servers.tcp(answering(ok()), host="127.0.0.2")
    location = f"Location: http://127.0.0.2:{hidden}/"
    port = await servers.tcp(answering(ok(b"", location, status="302 Found")))
    with pytest.raises(ForbiddenError):
        await fetch(Request(url=f"http://127.0.0.1:{port}/", follow_redirects=3, permit=forbidding("127.0.0.2")))
    assert servers.connections == 1


async def test_a_kept_connection_serves_only_those_who_forbid_the_same(servers: Servers) -> None:
    port = await servers.tcp(answering(ok(), ok()))
    connection = Connection()
    with closing(connection):
        await connection.fetch(Request(url=f"http://127.0.0.1:{port}/"))
        with pytest.raises(ForbiddenError):
            await connection.fetch(Request(url=f"http://127.0.0.1:{port}/", permit=forbidding("127.0.0.1")))


async def test_a_unix_socket_has_no_address_to_forbid(servers: Servers, tmp_path: Path) -> None:
    path = await servers.unix(answering(ok()), tmp_path / "s")
    request = Request(url="http://localhost/", unix_socket=path, permit=forbidding("127.0.0.1", "localhost"))
    assert (await fetch(request)).status == 200


def test_a_name_that_changes_its_mind_leads_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    # The resolver says something harmless when it is asked first, and something forbidden ever after.
    answers = ["127.0.0.2"]

    def rebinding(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        address = answers.pop() if answers else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def ask() -> int:
        servers = Servers()
        port = await servers.tcp(answering(ok()))
        monkeypatch.setattr("socket.getaddrinfo", rebinding)
        with pytest.raises(ConnectError, match=r"127\.0\.0\.2"):
            await fetch(Request(url=f"http://rebinding.example.org:{port}/", permit=forbidding("127.0.0.1")))
        await servers.close()
        return servers.connections

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        assert runner.run(ask()) == 0
    assert answers == []
