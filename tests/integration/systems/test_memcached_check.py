"""The memcached check, against a real memcached and servers that are none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from salus.checks.memcached import Memcached
from salus.model import Cause, Status
from salus.units import Duration, Share
from tests.looks import look_at, look_once, site
from tests.servers.peers import MemcachedPeer


async def test_on_either_loop_a_memcached_tells_its_version_and_its_numbers(memcached: MemcachedPeer) -> None:
    seen = await look_once(Memcached(host="127.0.0.1", port=memcached.port))
    assert seen.status is Status.HEALTHY
    assert seen.message.startswith("memcached 1.")
    assert 0 < seen.metrics["connections_used_ratio"].value < 1
    assert seen.metrics["memory_used_ratio"].value < 1
    assert "hits_ratio" not in seen.metrics


async def test_an_item_of_our_own_makes_the_round_trip_and_is_gone(memcached: MemcachedPeer) -> None:
    check = Memcached(host="127.0.0.1", port=memcached.port, round_trip=True).build(site())
    seen = await look_at(check)
    assert seen.status is Status.HEALTHY
    assert seen.metrics["round_trip_seconds"].value > 0
    assert (await look_at(check)).metrics["items"].value == 0
    await check.aclose()


async def test_the_hit_rate_is_that_since_the_look_before(memcached: MemcachedPeer) -> None:
    check = Memcached(host="127.0.0.1", port=memcached.port, hits_above=Share(0.5)).build(site())
    assert (await look_at(check)).status is Status.HEALTHY
    memcached.say("set a 0 60 1", "x", "get a", "get b", "get c", "get d")
    seen = await look_at(check)
    assert seen.status is Status.UNHEALTHY
    assert "25% of 4 reads were hits, expected above 50%" in seen.message
    assert (await look_at(check)).status is Status.HEALTHY  # nobody asked since
    await check.aclose()


async def test_live_items_that_are_thrown_out_are_told(memcached: MemcachedPeer) -> None:
    check = Memcached(host="127.0.0.1", port=memcached.port, evictions_below=1).build(site())
    await look_at(check)
    big = "x" * 500_000
    for number in range(40):
        memcached.say(f"set big{number} 0 0 {len(big)}", big)
    seen = await look_at(check)
    assert (seen.status, "live items a second thrown out" in seen.message) == (Status.UNHEALTHY, True), seen.message
    await check.aclose()
    memcached.say("flush_all")


async def test_bounds_are_held(memcached: MemcachedPeer) -> None:
    options: dict[str, Any] = {"connections_below": Share(0.0001), "latency_below": Duration(1e-9)}
    seen = await look_once(Memcached(host="127.0.0.1", port=memcached.port, **options))
    assert seen.status is Status.UNHEALTHY
    assert "connections in use" in seen.message


@pytest.mark.parametrize(
    "said, words, cause",
    [
        (b"VERSION 1.6", "closed the connection", Cause.RESET),
        (b"", "closed the connection", Cause.RESET),
        (
            b"220 mail.example.org\r\n",
            "does not speak memcached's protocol: it said '220 mail.example.org'",
            "protocol",
        ),
        (b"x" * 100_000, "does not speak memcached's protocol", Cause.PROTOCOL),
    ],
)
async def test_what_is_no_memcached_or_ends_in_the_middle_is_unhealthy(said: bytes, words: str, cause: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        seen = await look_once(Memcached(host="127.0.0.1", port=port), timeout=2)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, cause)
    assert words in seen.message
