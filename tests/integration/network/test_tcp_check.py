"""The tcp check: connecting, talking, TLS."""

from __future__ import annotations

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import pytest

from salus.checks.tcp import Tcp
from salus.errors import CheckBrokenError
from salus.model import Status
from salus.units import Duration, Size
from tests.certificates import Authority
from tests.integration.network.conftest import Servers, connected_to
from tests.looks import Prober, eventually


async def _redis(reader: StreamReader, writer: StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(b"+PO")
        await writer.drain()
        await asyncio.sleep(0.005)
        writer.write(b"NG\r\n" if line == b"PING\r\n" else b"-ERR\r\n")


async def _silent(reader: StreamReader, writer: StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_connecting_is_enough_where_nothing_else_is_asked(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(_silent)
    seen = await look(Tcp(port=port))
    assert seen.status is Status.HEALTHY
    assert set(seen.metrics) == {"latency_seconds", "connect_seconds"}


async def test_an_answer_in_pieces_is_put_together(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(_redis)
    seen = await look(Tcp(port=port, send="PING\r\n", expect="+PONG"))
    assert seen.status is Status.HEALTHY
    assert "answer_seconds" in seen.metrics
    assert (await look(Tcp(port=port, send="PING\r\n", expect_matches=r"^\+PO[MN]G"))).status is Status.HEALTHY


async def test_another_answer_is_told(servers: Servers, look: Prober) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(b"421 too many\x00 connections\r\n")

    port = await servers.tcp(handler)
    seen = await look(Tcp(port=port, expect="220 "))
    assert seen.status is Status.UNHEALTHY
    assert seen.message == f"expected '220 ' from 127.0.0.1:{port}, it hung up; got: 421 too many connections"


async def test_who_hangs_up_without_a_word_is_told_as_such(servers: Servers, look: Prober) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        pass

    port = await servers.tcp(handler)
    assert "it hung up; got nothing" in (await look(Tcp(port=port, expect="220 "))).message


async def test_who_talks_without_end_is_heard_only_so_far(servers: Servers, look: Prober) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            writer.write(b"bla " * 1000)
            await writer.drain()

    port = await servers.tcp(handler)
    seen = await look(Tcp(port=port, expect="220 ", max_bytes=Size(2048)))
    assert seen.status is Status.UNHEALTHY
    assert "in the first 2 KiB" in seen.message


async def test_what_is_only_sent_arrives(servers: Servers, look: Prober) -> None:
    arrived = asyncio.get_running_loop().create_future()

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        arrived.set_result(await reader.read())

    port = await servers.tcp(handler)
    assert (await look(Tcp(port=port, send="beat"))).status is Status.HEALTHY
    async with asyncio.timeout(30):
        assert await arrived == b"beat"


async def test_tls_is_spoken_and_verified(servers: Servers, look: Prober, authority: Authority) -> None:
    port = await servers.tcp(_redis, tls=authority.issue().server())
    asked = {"host": "localhost", "port": port, "tls": True, "send": "PING\r\n", "expect": "+PONG"}
    seen = await look(Tcp(**asked, ca_file=authority.file))  # type: ignore[arg-type]
    assert seen.status is Status.HEALTHY
    assert "tls_seconds" in seen.metrics
    seen = await look(Tcp(**asked))  # type: ignore[arg-type]
    assert seen.status is Status.UNHEALTHY
    assert "nobody here trusts" in seen.message


async def test_a_unix_socket_is_connected_to(servers: Servers, look: Prober, tmp_path: Path) -> None:
    path = await servers.unix(_redis, tmp_path / "s")
    assert (await look(Tcp(unix_socket=path, send="PING\r\n", expect="+PONG"))).status is Status.HEALTHY
    seen = await look(Tcp(unix_socket=tmp_path / "gone"))
    assert seen.status is Status.UNHEALTHY
    assert "is not there" in seen.message


async def test_a_refusal_is_unhealthy_and_an_unknown_name_unknown(look: Prober) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert (await look(Tcp(port=bound.getsockname()[1]))).status is Status.UNHEALTHY
    with pytest.raises(CheckBrokenError):
        await look(Tcp(host="does-not-exist.invalid", port=1), timeout=30)


async def test_slow_is_degraded(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(_redis)
    seen = await look(Tcp(port=port, send="PING\r\n", expect="+PONG", latency_below=Duration(0.001)))
    assert seen.status is Status.DEGRADED
    assert "expected an answer in under 1.0 ms" in seen.message


async def test_waiting_for_a_word_can_be_cancelled(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(_silent)
    for tls in (False, True):
        with pytest.raises(TimeoutError):
            await look(Tcp(port=port, expect="220 ", tls=tls), timeout=0.05)
    await eventually(lambda: connected_to(port) == 0, "our end to be closed")


def test_what_does_not_fit_together_is_refused() -> None:
    assert [field for field, _ in Tcp().problems()] == ["port"]
    assert [field for field, _ in Tcp(port=1, unix_socket=Path("s")).problems()] == ["port"]
    assert [field for field, _ in Tcp(port=1, expect="a", expect_matches="(").problems()] == ["expect_matches"] * 2
