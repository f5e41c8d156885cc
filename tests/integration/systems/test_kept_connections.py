"""What holds for every check that keeps a connection, counted at the real server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from salus.checks.memcached import Memcached
from salus.checks.redis import Redis
from salus.checks.sql import Sql
from salus.errors import CheckBrokenError
from salus.model import Cause, Status
from salus.options import CheckOptions
from salus.ports import Check
from salus.secret import Secret
from tests.acceptance.salus_process import free_port
from tests.looks import eventually, look_at, site
from tests.servers.peers import PASSWORD, Peer
from tests.servers.relay import Relay


@dataclass(frozen=True)
class Kind:
    """A kind of check and its server."""

    name: str
    peer: Peer

    def options(self, port: int, host: str = "127.0.0.1") -> CheckOptions:
        match self.name:
            case "redis":
                return Redis(url=f"redis://{host}:{port}")
            case "memcached":
                return Memcached(host=host, port=port)
            case "mariadb":
                return Sql(url=f"mariadb://watcher@{host}:{port}/shop", password=Secret(PASSWORD))
            case _:
                return Sql(url=f"postgresql://postgres@{host}:{port}/postgres", password=Secret(PASSWORD))

    def check(self, port: int | None = None, host: str = "127.0.0.1") -> Check:
        options = self.options(port or self.peer.port, host)
        assert options.problems() == []
        return options.build(site())


@pytest.fixture(params=["redis", "memcached", "postgresql", "mariadb"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found = Kind(request.param, request.getfixturevalue(request.param))
    found.check()  # imports what it needs, which reads files
    return found


async def test_many_looks_share_one_connection_and_closing_leaves_none(kind: Kind) -> None:
    check, before = kind.check(), kind.peer.opened()
    looks = [await look_at(check) for _ in range(20)]
    assert {seen.status for seen in looks} == {Status.HEALTHY}
    assert kind.peer.connected() == 1
    assert kind.peer.opened() - before == 1
    assert ["connect_seconds" in seen.metrics for seen in looks] == [True, *[False] * 19]
    await check.aclose()
    await eventually(lambda: kind.peer.connected() == 0, "the connection to be closed")


async def test_a_connection_that_the_server_closed_is_replaced_within_the_look(kind: Kind) -> None:
    check = kind.check()
    await look_at(check)
    if kind.name == "memcached":
        kind.peer.program.restart()
    else:
        kind.peer.hang_up()
    await eventually(lambda: kind.peer.connected() == 0, "the connection to be cut")
    before = kind.peer.opened()
    seen = await look_at(check)
    assert seen.status is Status.HEALTHY
    assert "the kept connection was lost" in seen.message
    assert kind.peer.opened() - before == 1
    assert "lost" not in (await look_at(check)).message
    await check.aclose()
    await eventually(lambda: kind.peer.connected() == 0, "the connection to be closed")


async def test_a_connection_that_a_firewall_forgot_is_replaced_within_the_look(kind: Kind) -> None:
    async with Relay(kind.peer.port) as relay:
        check = kind.check(relay.port)
        await look_at(check)
        relay.mute()
        seen = await look_at(check, timeout=3)
        assert seen.status is Status.HEALTHY, seen.message
        assert "did not answer in time" in seen.message
        wanted = 3 if isinstance(kind.options(1), Sql) else 2  # what cancels a statement is one, too
        await eventually(lambda: relay.accepted == wanted, f"{wanted} connections")
        await eventually(lambda: relay.open == 1, "the forgotten one to be let go of")
        await check.aclose()
        await eventually(lambda: relay.open == 0, "both connections to be closed")


async def test_looks_that_are_cancelled_leave_no_connection_and_spoil_no_other_look(kind: Kind) -> None:
    check = kind.check()
    await look_at(check)
    with kind.peer.program.frozen():
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await look_at(check)
    seen = await look_at(check)
    assert seen.status is Status.HEALTHY, seen.message
    await eventually(lambda: kind.peer.connected() == 1, "only one connection to be left")
    await check.aclose()
    await eventually(lambda: kind.peer.connected() == 0, "the connection to be closed")


async def test_a_server_that_hangs_is_unhealthy_before_the_deadline(kind: Kind) -> None:
    check = kind.check()
    with kind.peer.program.frozen():
        seen = await look_at(check, timeout=2)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TIMEOUT)
    assert f"127.0.0.1:{kind.peer.port}" in seen.message
    await check.aclose()
    await eventually(lambda: kind.peer.connected() == 0, "nothing to be left")


async def test_a_server_that_is_gone_refuses_and_one_that_came_back_is_healthy(kind: Kind) -> None:
    check = kind.check()
    await look_at(check)
    kind.peer.program.quit()
    try:
        seen = await look_at(check)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.REFUSED)
        assert "refused the connection" in seen.message
    finally:
        kind.peer.program.start()
    assert (await look_at(check)).status is Status.HEALTHY
    await eventually(lambda: kind.peer.connected() == 1, "one connection to be there")
    await check.aclose()


async def test_a_name_without_an_address_is_no_verdict(kind: Kind) -> None:
    check = kind.check(free_port(), "does-not-exist.invalid")
    with pytest.raises(CheckBrokenError) as told:
        await look_at(check, timeout=30)
    assert told.value.cause == Cause.DNS
    await check.aclose()
