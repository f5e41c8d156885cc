"""The redis check, against real Redis servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from salus.checks.redis import Redis
from salus.errors import CheckBrokenError
from salus.model import Cause, Observation, Status
from salus.secret import Secret
from salus.units import Amount, Duration
from tests.acceptance.salus_process import free_port
from tests.certificates import Authority
from tests.looks import eventually, look_at, look_once, site
from tests.servers.peers import PASSWORD, RedisPeer, started


@pytest.fixture(autouse=True, scope="module")
def _imported(redis: RedisPeer) -> None:
    Redis().build(site())  # imports the client library, which reads files


@pytest.fixture(scope="module")
def locked(authority: Authority) -> Iterator[RedisPeer]:
    """A server that wants a login and also speaks TLS."""
    identity, port = authority.issue(), free_port()
    words = {
        "requirepass": PASSWORD, "tls-port": port, "tls-cert-file": identity.certificate, "tls-key-file": identity.key,
        "tls-ca-cert-file": authority.file, "tls-auth-clients": "no", "maxmemory": "100mb",
    }  # fmt: skip
    with started(RedisPeer, *(str(word) for name, value in words.items() for word in (f"--{name}", value))) as peer:
        peer.tls_port = port
        yield peer


async def saw(peer: RedisPeer, **options: Any) -> Observation:
    found = Redis(**{"url": f"redis://127.0.0.1:{peer.port}", **options})
    assert found.problems() == []
    return await look_once(found)


async def test_on_either_loop_a_redis_answers_by_tcp_and_by_unix_socket(redis: RedisPeer) -> None:
    for url in (f"redis://127.0.0.1:{redis.port}/3", f"valkey://localhost:{redis.port}", f"unix://{redis.socket}?db=2"):
        seen = await look_once(Redis(url=url))
        assert seen.status is Status.HEALTHY
        assert "answered in" in seen.message


# ── Keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "options, status, said",
    [
        ({"key": "word", "expect": "on"}, Status.HEALTHY, "word is 'on'"),
        ({"key": "word", "expect": "off"}, Status.UNHEALTHY, "expected the key word to be 'off', it is 'on'"),
        ({"key": "count", "expect": 41}, Status.HEALTHY, ""),
        ({"key": "count", "value_below": 41}, Status.UNHEALTHY, "the key count is 41, expected below 41"),
        ({"key": "jobs", "value_below": 3}, Status.UNHEALTHY, "the key jobs is 3, expected below 3"),
        ({"key": "jobs", "warn_value_below": 3}, Status.DEGRADED, "expected below 3"),
        ({"key": "hash", "value_above": 0}, Status.HEALTHY, "hash is 1"),
        ({"key": "stream", "value_above": 0}, Status.HEALTHY, "stream is 1"),
        ({"key": "sorted", "value_above": 0}, Status.HEALTHY, "sorted is 1"),
        ({"key": "none"}, Status.UNHEALTHY, "expected the key none, it is not there"),
        ({"key": "none", "value_below": 5}, Status.HEALTHY, "none is not there"),
        ({"key": "none", "expect": 0}, Status.UNHEALTHY, "it is not there"),
        ({"key": "word", "value_below": 5}, Status.UNHEALTHY, "expected a number in the key word, it is 'on'"),
    ],
)
async def test_a_key_is_held_against_what_is_expected(
    redis: RedisPeer, options: dict[str, Any], status: Status, said: str
) -> None:
    redis.say("SET word on", "SET count 41", "DEL jobs stream", "RPUSH jobs a b c", "HSET hash a 1", "ZADD sorted 1 a")
    redis.say("XADD stream * a 1")
    seen = await saw(redis, **options)
    assert seen.status is status, seen.message
    assert said in seen.message


async def test_a_key_that_holds_our_password_is_not_quoted(locked: RedisPeer) -> None:
    locked.say(f"AUTH {PASSWORD}", f"SET leak {PASSWORD}")
    seen = await saw(locked, password=Secret(PASSWORD), key="leak")
    assert PASSWORD not in seen.message
    assert "***" in seen.message


# ── Login and TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_password_may_stand_in_the_url_or_beside_it(locked: RedisPeer) -> None:
    assert (await saw(locked, password=Secret(PASSWORD))).status is Status.HEALTHY
    beside = Redis(url=f"redis://:{PASSWORD}@127.0.0.1:{locked.port}")
    assert (await look_once(beside)).status is Status.HEALTHY
    assert PASSWORD not in repr(beside)


@pytest.mark.parametrize("given", [{}, {"password": Secret("n0t-the-pa55word")}])
async def test_a_refused_login_is_unhealthy_and_told_without_the_password(
    locked: RedisPeer, given: dict[str, Any]
) -> None:
    check = Redis(url=f"redis://127.0.0.1:{locked.port}", **given).build(site())
    for _ in range(3):
        seen = await look_at(check)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, "login_refused")
        assert "n0t-the" not in seen.message
    await check.aclose()
    await eventually(lambda: b"connected_clients:1\r" in locked.say(f"AUTH {PASSWORD}", "INFO clients"), "no leak")


async def test_what_our_user_may_not_ask_is_no_verdict(redis: RedisPeer) -> None:
    redis.say("ACL SETUSER watcher on >secret-word +ping +select +auth")
    with pytest.raises(CheckBrokenError, match="no permissions to run the 'info' command") as told:
        await saw(redis, username="watcher", password=Secret("secret-word"), role="master")
    assert told.value.cause == Cause.PERMISSION


async def test_on_either_loop_tls_is_spoken_and_certificates_are_verified(
    locked: RedisPeer, authority: Authority
) -> None:
    url, password = f"rediss://127.0.0.1:{locked.tls_port}", Secret(PASSWORD)  # type: ignore[attr-defined]
    assert (await look_once(Redis(url=url, password=password, ca_file=authority.file))).status is Status.HEALTHY
    assert (await look_once(Redis(url=url, password=password, verify_tls=False))).status is Status.HEALTHY
    seen = await look_once(Redis(url=url, password=password))
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TLS)
    assert "nobody here trusts" in seen.message


async def test_another_protocol_is_told_from_that_of_redis(memcached: Any) -> None:
    seen = await look_once(Redis(url=f"redis://127.0.0.1:{memcached.port}"), timeout=1)
    assert seen.status is Status.UNHEALTHY
    assert "protocol" in seen.message


# ── Role, memory, clients ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_memory_and_clients_are_bounded(locked: RedisPeer, redis: RedisPeer) -> None:
    share = Amount.parse("90%")
    seen = await saw(locked, password=Secret(PASSWORD), memory_below=share, clients_below=50)
    assert seen.status is Status.HEALTHY
    assert 0 < seen.metrics["memory_used_ratio"].value < 0.9
    assert seen.metrics["clients"].value >= 1
    seen = await saw(redis, memory_below=Amount.parse("1kB"), warn_clients_below=1)
    assert seen.status is Status.UNHEALTHY
    assert "of memory used of" in seen.message
    assert "1 clients connected, expected below 1" in seen.message


async def test_a_role_and_the_lag_of_a_replica_are_judged(redis: RedisPeer) -> None:
    assert (await saw(redis, role="master")).status is Status.HEALTHY
    assert "expected a replica" in (await saw(redis, role="replica")).message
    redis.say("CONFIG SET repl-diskless-sync-delay 0")
    with started(RedisPeer, "--replicaof", f"127.0.0.1 {free_port()}") as replica:
        found = Redis(url=f"redis://127.0.0.1:{replica.port}", role="replica", lag_below=Duration(60)).build(site())
        assert "the link to its master 127.0.0.1 is down" in (await look_at(found)).message
        replica.say(f"REPLICAOF 127.0.0.1 {redis.port}")
        await eventually(lambda: b"link_status:up" in replica.say("INFO replication"), "the replica to have its master")
        seen = await look_at(found)
        assert seen.status is Status.HEALTHY
        assert seen.metrics["replication_lag_seconds"].value < 60
        await found.aclose()
        await eventually(lambda: b"lag=" in redis.say("INFO replication"), "the replica to report")
        seen = await saw(redis, replicas_above=0, lag_below=Duration(60))
        assert (seen.status, seen.metrics["replicas"].value) == (Status.HEALTHY, 1)
    await eventually(lambda: b"connected_slaves:0" in redis.say("INFO replication"), "the replica to be gone")
    assert "0 replicas connected, expected above 0" in (await saw(redis, replicas_above=0)).message


async def test_a_slow_answer_is_degraded(redis: RedisPeer) -> None:
    assert (await saw(redis, latency_below=Duration(1e-9))).status is Status.DEGRADED


# ── Options ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "options, field",
    [
        ({"url": "http://localhost"}, "url"),
        ({"url": "redis://localhost/jobs"}, "url"),
        ({"url": "redis://localhost:99999"}, "url"),
        ({"url": "redis://localhost?timeout=3"}, "url"),
        ({"expect": 1}, "key"),
        ({"url": "redis://:a-secret@localhost", "password": Secret("b")}, "password"),
        ({"key": "a", "value_above": 3, "value_below": 2}, "value_above"),
    ],
)
def test_options_that_cannot_be_meant_are_told(options: dict[str, Any], field: str) -> None:
    problems = Redis(**options).problems()
    assert [name for name, _ in problems] == [field]
    assert "a-secret" not in str(problems)
