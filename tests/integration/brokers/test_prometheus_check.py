"""The `prometheus` check before a real Prometheus, and before servers that answer as it may."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from salus.checks.prometheus import Prometheus
from salus.errors import CheckBrokenError
from salus.httpclient import Connection, Request
from salus.model import Cause, Status
from salus.secret import Secret
from tests.looks import Prober


@pytest.fixture
async def url(prometheus_port: int) -> str:
    """A Prometheus whose rules were evaluated once."""
    url = f"http://127.0.0.1:{prometheus_port}"
    asking, request = Connection(), Request(url=f"{url}/api/v1/query?query=count(queue_depth)%20%3D%3D%202")
    async with asyncio.timeout(20):
        while b'"value"' not in (await asking.fetch(request)).body:
            await asyncio.sleep(0.05)
    asking.close()
    return url


async def test_every_series_is_held_against_the_bounds(url: str, look: Prober) -> None:
    seen = await look(Prometheus(url=url, query="queue_depth", value_below=10))
    assert (seen.status, seen.metrics["series"].value) == (Status.HEALTHY, 2)
    seen = await look(Prometheus(url=url, query="queue_depth", value_below=5))
    assert (seen.status, seen.message) == (
        Status.UNHEALTHY,
        'queue_depth{queue="orders"} is 7, expected below 5',
    )
    assert seen.metrics["value"].value == 7
    seen = await look(Prometheus(url=url, query="queue_depth", warn_value_below=5, value_below=8))
    assert seen.status is Status.DEGRADED
    seen = await look(Prometheus(url=url, query="queue_depth", value_above=7))
    assert seen.status is Status.UNHEALTHY
    assert 'queue_depth{queue="mails"} is 3, expected above 7' in seen.message
    assert 'queue_depth{queue="orders"} is 7, expected above 7' in seen.message


async def test_one_series_within_bounds_will_do_where_any_is_wanted(url: str, look: Prober) -> None:
    assert (await look(Prometheus(url=url, query="queue_depth", series="any", value_below=5))).status is Status.HEALTHY
    seen = await look(Prometheus(url=url, query="queue_depth", series="any", value_below=2))
    assert seen.status is Status.UNHEALTHY


async def test_a_scalar_has_no_labels(url: str, look: Prober) -> None:
    seen = await look(Prometheus(url=url, query="scalar(vector(2.5))", value_above=3))
    assert (seen.status, seen.message) == (Status.UNHEALTHY, "it is 2.5, expected above 3")
    seen = await look(Prometheus(url=url, query="vector(0) / vector(0)", value_below=3))
    assert (seen.status, seen.message) == (Status.UNHEALTHY, "it is NaN, expected below 3")


async def test_an_empty_answer_is_what_the_config_says(url: str, look: Prober) -> None:
    nothing: dict[str, Any] = {"url": url, "query": "nothing_at_all"}
    assert (await look(Prometheus(**nothing, value_above=0))).status is Status.UNKNOWN
    assert (await look(Prometheus(**nothing, empty="healthy"))).status is Status.HEALTHY
    seen = await look(Prometheus(**nothing, empty="unhealthy"))
    assert (seen.status, seen.message) == (Status.UNHEALTHY, "the answer to nothing_at_all is empty")


async def test_without_bounds_an_answer_is_judged_by_what_none_would_mean(url: str, look: Prober) -> None:
    assert (await look(Prometheus(url=url, query="queue_depth > 5", empty="unhealthy"))).status is Status.HEALTHY
    seen = await look(Prometheus(url=url, query="queue_depth > 5", empty="healthy"))
    assert (seen.status, seen.message) == (Status.UNHEALTHY, 'queue_depth{queue="orders"} is 7')


@pytest.mark.parametrize(
    "query, said, remedy",
    [
        ("queue_depth[5m]", "answers with a matrix", "instant vector"),
        ("sum(", "cannot answer", "correct the query"),
        ('"text"', "answers with a string", "scalar"),
    ],
)
async def test_a_question_that_cannot_be_judged_is_no_verdict(
    url: str, look: Prober, query: str, said: str, remedy: str
) -> None:
    with pytest.raises(CheckBrokenError, match=said) as caught:
        await look(Prometheus(url=url, query=query, value_above=0))
    assert remedy in str(caught.value.remedy)


async def test_a_prometheus_that_cannot_be_asked_accuses_nobody(look: Prober, nats_port: int) -> None:
    for place, cause in (
        ("127.0.0.1:1", Cause.REFUSED),
        ("no-such-host.invalid", Cause.DNS),
        (f"127.0.0.1:{nats_port}", Cause.PROTOCOL),
    ):
        with pytest.raises(CheckBrokenError, match="Prometheus cannot be asked") as caught:
            await look(Prometheus(url=f"http://{place}", query="up", value_above=0))
        assert caught.value.cause == cause


async def test_credentials_are_sent_and_never_shown(look: Prober) -> None:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        error = requests[-1].decode()  # as a proxy may, it repeats what it was asked
        body = json.dumps({"status": "error", "errorType": "unauthorized", "error": error}).encode()
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}/prom"
    given: list[dict[str, Any]] = [
        {"url": f"http://{place}", "token": Secret("wrongsecret")},
        {"url": f"http://{place}", "username": "me", "password": Secret("wrongsecret")},
        {"url": f"http://me:wrongsecret@{place}"},
        {"url": f"http://{place}", "headers": {"X-Key": "wrongsecret"}},
    ]
    for options in given:
        check = Prometheus(**options, query="up", value_above=0)
        with pytest.raises(CheckBrokenError) as caught:
            await look(check)
        assert caught.value.cause == "status_401"
        assert "wrongsecret" not in f"{caught.value} {caught.value.remedy} {check!r}"
    server.close()
    assert all(request.startswith(b"GET /prom/api/v1/query?query=up HTTP/1.1") for request in requests)
    assert b"Authorization: Bearer wrongsecret" in requests[0]
