"""Real servers of other systems, started once for all tests of this room; blocking the loop is an error here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop
from blockbuster import BlockBuster, blockbuster_ctx

from salus.clock import SystemClock
from tests.certificates import Authority
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
