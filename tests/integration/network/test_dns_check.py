"""The dns check against a small name server of our own."""

from __future__ import annotations

import asyncio
from asyncio import DatagramTransport
from collections.abc import AsyncIterator, Callable
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from salus.checks.dns import Dns
from salus.model import Metric, Status
from salus.units import Duration
from tests.integration.network.conftest import open_sockets
from tests.looks import Prober, eventually

RECORDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("www.example.", "A"): ("192.0.2.1", "192.0.2.2"),
    ("www.example.", "AAAA"): ("2001:db8::1",),
    ("example.", "MX"): ("10 mail.example.",),
    ("example.", "TXT"): ('"v=spf1 -all"',),
    ("example.", "NS"): ("ns1.example.",),
    ("example.", "SOA"): ("ns1.example. admin.example. 1 2 3 4 5",),
    ("_http._tcp.example.", "SRV"): ("1 2 80 www.example.",),
    ("alias.example.", "CNAME"): ("www.example.",),
    ("1.2.0.192.in-addr.arpa.", "PTR"): ("www.example.",),
}

Server = Callable[[bytes], bytes | None]


def _answer(query: bytes) -> bytes | None:
    question = dns.message.from_wire(query)
    asked = question.question[0]
    name, kind = asked.name.to_text().lower(), asked.rdtype.name
    response = dns.message.make_response(question)
    response.flags |= dns.flags.RA
    if name == "broken.example.":
        response.set_rcode(dns.rcode.SERVFAIL)
    elif name == "silent.example.":
        return None
    elif values := RECORDS.get((name, kind)):
        response.answer.append(dns.rrset.from_text(name, 300, "IN", kind, *values))
    elif not any(known == name for known, _ in RECORDS):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire()


class _Protocol(asyncio.DatagramProtocol):
    transport: DatagramTransport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if (answer := _answer(data)) is not None:
            self.transport.sendto(answer, addr)


@pytest.fixture
async def server() -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Protocol, local_addr=("127.0.0.1", 0))
    yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    transport.close()


@pytest.mark.parametrize(
    "name,kind,expect",
    [
        ("www.example", "A", ("192.0.2.2",)),
        ("www.example", "AAAA", ("2001:db8::1",)),
        ("example", "MX", ("10 mail.example",)),
        ("example", "TXT", ("v=spf1 -all",)),
        ("example", "NS", ("NS1.example.",)),
        ("example", "SOA", ()),
        ("_http._tcp.example", "SRV", ("1 2 80 www.example.",)),
        ("alias.example", "CNAME", ("www.example",)),
        ("192.0.2.1", "PTR", ("www.example",)),
    ],
)
async def test_every_type_is_asked_and_compared(
    server: str, look: Prober, name: str, kind: Any, expect: tuple[str, ...]
) -> None:
    seen = await look(Dns(name=name, type=kind, servers=(server,), expect=expect))
    assert seen.status is Status.HEALTHY, seen.message
    assert seen.metrics["answers"].value >= 1
    assert seen.metrics["ttl_seconds"] == Metric(300, "seconds")
    assert seen.metrics["latency_seconds"].value > 0


@pytest.mark.parametrize(
    "options,words",
    [
        ({"name": "gone.example"}, "gone.example does not exist"),
        ({"name": "example"}, "expected at least 1 A records of example, got none"),
        ({"name": "www.example", "min_answers": 3}, "expected at least 3 A records"),
        ({"name": "www.example", "expect": ("192.0.2.9",)}, "expected 192.0.2.9 among the A records"),
        ({"name": "www.example", "expect": ("192.0.2.1",), "exact": True}, "expected only 192.0.2.1 as A records"),
        ({"name": "broken.example"}, "no answer for broken.example"),
    ],
)
async def test_what_is_not_there_is_unhealthy(server: str, look: Prober, options: dict[str, Any], words: str) -> None:
    seen = await look(Dns(**options, servers=(server,)))
    assert seen.status is Status.UNHEALTHY
    assert words in seen.message


async def test_nothing_can_be_what_is_expected(server: str, look: Prober) -> None:
    seen = await look(Dns(name="example", servers=(server,), min_answers=0))
    assert seen.status is Status.HEALTHY
    assert "nothing, as expected" in seen.message


async def test_a_named_server_that_is_silent_is_unhealthy_before_the_deadline(server: str, look: Prober) -> None:
    seen = await look(Dns(name="silent.example", servers=(server,)), timeout=2.0)
    assert seen.status is Status.UNHEALTHY
    assert "no answer for silent.example" in seen.message


async def test_the_next_server_is_asked_where_one_fails(server: str, look: Prober) -> None:
    seen = await look(Dns(name="www.example", servers=("127.0.0.1:9", server)), timeout=20)
    assert seen.status is Status.HEALTHY


async def test_slow_is_degraded(server: str, look: Prober) -> None:
    seen = await look(Dns(name="www.example", servers=(server,), latency_below=Duration(0.000001)))
    assert seen.status is Status.DEGRADED


async def test_asking_can_be_cancelled(server: str, look: Prober) -> None:
    before = open_sockets()
    check = Dns(name="silent.example", servers=(server,)).build(look.site)
    task = asyncio.get_running_loop().create_task(look.look(check))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(lambda: open_sockets() <= before, "all sockets to be closed")


@pytest.mark.parametrize("server", ["dns.example", "192.0.2.1:0", "192.0.2.1:99999", "[2001:db8::1", ""])
def test_a_server_must_be_an_address(server: str) -> None:
    assert [field for field, _ in Dns(name="x", servers=(server,)).problems()] == ["servers"]


@pytest.mark.parametrize("server", ["192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353"])
def test_addresses_are_read_in_all_their_forms(server: str) -> None:
    assert Dns(name="x", servers=(server,)).problems() == []
