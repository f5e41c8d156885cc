"""Real servers of other systems, started once for all tests of this room; blocking the loop is an error here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop
from blockbuster import BlockBuster, blockbuster_ctx

from salus.clock import SystemClock
from salus.model import Observation
from salus.ports import Check
from tests.certificates import Authority
from tests.looks import look_from, site
from tests.servers.peers import MariadbPeer, MemcachedPeer, PostgresqlPeer, RedisPeer, started

ON_BOTH = ("test_many_looks", "test_on_either_loop")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on the agent's loop, and what goes through a whole connection on the other one, too."""
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
        "asyncio": asyncio.SelectorEventLoop,
        "uvloop": uvloop.new_event_loop,
    }
    if not item.name.startswith(ON_BOTH):
        del factories["asyncio"]
    return factories


@pytest.fixture(autouse=True)
def _loop_is_never_blocked() -> Iterator[BlockBuster]:
    """Raise where code of salus sleeps, reads a file or a socket on the loop instead of beside it."""
    with blockbuster_ctx(scanned_modules=["salus"]) as blockbuster:
        yield blockbuster


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisPeer]:
    with started(RedisPeer) as peer:
        yield peer


@pytest.fixture(scope="session")
def memcached() -> Iterator[MemcachedPeer]:
    with started(MemcachedPeer) as peer:
        yield peer


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlPeer]:
    with started(PostgresqlPeer, fast=True) as peer:
        yield peer


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbPeer]:
    with started(MariadbPeer, fast=True) as peer:
        yield peer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), SystemClock().now())


async def look_at(check: Check, *, timeout: float = 10.0, previous: Observation | None = None) -> Observation:
    """Look once, as the prober does, and leave the check open."""
    look = look_from(site(), timeout=timeout, previous=previous)
    async with asyncio.timeout(timeout):
        return await check.look(look)


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, bounded."""
    for _ in range(250):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"waited in vain for {what}")
