"""The tls check: dates, trust, names, and protocols that begin in plain text."""

from __future__ import annotations

import asyncio
import ssl
from asyncio import StreamReader, StreamWriter
from datetime import timedelta
from typing import Any

import pytest

from salus.checks.tls import Tls
from salus.model import Status
from salus.units import Duration
from tests.certificates import Authority
from tests.integration.network.conftest import Handler, Servers, connected_to
from tests.looks import Prober, eventually


async def _silent(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read()


@pytest.mark.parametrize(
    "days,verdict",
    [
        (90, (Status.HEALTHY, "the certificate expires in 90d")),
        (10, (Status.DEGRADED, "expected a certificate for at least 14d more, it expires in 10d")),
        (2, (Status.UNHEALTHY, "expected a certificate for at least 3d more, it expires in 2d")),
    ],
)
async def test_what_is_left_decides(
    servers: Servers, look: Prober, authority: Authority, days: int, verdict: tuple[Status, str]
) -> None:
    port = await servers.tcp(_silent, tls=authority.issue(lasts=timedelta(days=days, hours=12)).server())
    seen = await look(Tls(host="localhost", port=port, ca_file=authority.file))
    assert seen.status is verdict[0]
    assert verdict[1] in seen.message
    assert seen.metrics["certificate_expires_seconds"].value == pytest.approx((days + 0.5) * 86400, abs=3600)
    assert seen.metadata["names"] == ["localhost", "127.0.0.1"]
    assert seen.metadata["issuer"] == "commonName=Test Authority"
    assert str(seen.metadata["tls_version"]).startswith("TLSv1")


@pytest.mark.parametrize(
    "made,words",
    [
        ({"lasts": timedelta(days=-3)}, "has expired (since "),
        ({"host": "other.example"}, "is for another host (it expires "),
        ({"self_signed": True}, "is self-signed (it expires "),
    ],
)
async def test_what_cannot_be_trusted_is_unhealthy_with_its_date(
    servers: Servers, look: Prober, authority: Authority, made: dict[str, Any], words: str
) -> None:
    port = await servers.tcp(_silent, tls=authority.issue(**made).server())
    seen = await look(Tls(host="localhost", port=port, ca_file=authority.file))
    assert seen.status is Status.UNHEALTHY
    assert words in seen.message
    assert "certificate_expires_seconds" in seen.metrics


async def test_without_verification_the_dates_alone_decide(
    servers: Servers, look: Prober, authority: Authority
) -> None:
    good = authority.issue(host="other.example", self_signed=True)
    port = await servers.tcp(_silent, tls=good.server())
    seen = await look(Tls(host="localhost", port=port, verify=False))
    assert seen.status is Status.HEALTHY
    assert seen.metadata["subject"] == "CN=other.example"
    port = await servers.tcp(_silent, tls=authority.issue(lasts=timedelta(days=-2)).server())
    seen = await look(Tls(host="localhost", port=port, verify=False))
    assert seen.status is Status.UNHEALTHY
    assert "the certificate expired 2d" in seen.message


async def test_a_name_can_be_asked_for_that_is_not_the_host(
    servers: Servers, look: Prober, authority: Authority
) -> None:
    port = await servers.tcp(_silent, tls=authority.issue(host="www.example").server())
    seen = await look(Tls(host="127.0.0.1", port=port, server_name="www.example", ca_file=authority.file))
    assert seen.status is Status.HEALTHY


# ── STARTTLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _script(context: ssl.SSLContext, *steps: tuple[bytes, bytes]) -> Handler:
    """Say something, wait for something; after the last step speak TLS."""

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        for said, awaited in steps:
            writer.write(said)
            await writer.drain()
            if awaited:
                await reader.readexactly(len(awaited))
        await writer.start_tls(context)
        await reader.read()

    return handler


_SCRIPTS: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    "smtp": (
        (b"220-mail\r\n220 example\r\n", b"EHLO salus\r\n"),
        (b"250-mail.example\r\n250-SIZE 1\r\n250 STARTTLS\r\n", b"STARTTLS\r\n"),
        (b"220 go ahead\r\n", b""),
    ),
    "imap": ((b"* OK hello\r\n", b"s1 STARTTLS\r\n"), (b"* CAPABILITY X\r\ns1 OK begin\r\n", b"")),
    "pop3": ((b"+OK hello\r\n", b"STLS\r\n"), (b"+OK begin\r\n", b"")),
    "postgres": ((b"", b"\x00\x00\x00\x08\x04\xd2\x16\x2f"), (b"S", b"")),
}


@pytest.mark.asyncio(loop_factories=["asyncio"])  # the test's server needs StreamWriter.start_tls, which uvloop lacks
@pytest.mark.parametrize("protocol", _SCRIPTS)
async def test_a_protocol_that_begins_in_plain_text_is_spoken_first(
    servers: Servers, look: Prober, authority: Authority, protocol: Any
) -> None:
    port = await servers.tcp(_script(authority.issue().server(), *_SCRIPTS[protocol]))
    seen = await look(Tls(host="localhost", port=port, starttls=protocol, ca_file=authority.file))
    assert seen.message.startswith(f"localhost:{port}: the certificate expires in")
    assert seen.status is Status.HEALTHY


@pytest.mark.parametrize(
    "protocol,said,words",
    [
        ("smtp", b"554 go away\r\n", "expected a greeting before TLS, got '554 go away'"),
        ("smtp", b"", "hung up"),
        ("smtp", b"220-more\r\n" * 500, "without end"),
        ("imap", b"* BYE\r\n", "expected a greeting"),
        ("postgres", b"N", "expected readiness for TLS"),
        ("postgres", b"SEVIL", "goes on in plain text"),
        ("pop3", b"x" * 100_000, "sends no lines"),
    ],
)
async def test_a_server_that_will_not_is_unhealthy(
    servers: Servers, look: Prober, protocol: Any, said: bytes, words: str
) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(said)
        await writer.drain()

    port = await servers.tcp(handler)
    seen = await look(Tls(host="localhost", port=port, starttls=protocol))
    assert seen.status is Status.UNHEALTHY
    assert words in seen.message


async def test_a_handshake_that_hangs_can_be_cancelled(servers: Servers, look: Prober) -> None:
    async def hang(reader: StreamReader, writer: StreamWriter) -> None:
        await asyncio.Event().wait()

    port = await servers.tcp(hang)
    with pytest.raises(TimeoutError):
        await look(Tls(host="localhost", port=port), timeout=0.05)
    await eventually(lambda: connected_to(port) == 0, "our end to be closed")


def test_thresholds_must_be_in_order() -> None:
    options = Tls(host="x", warning=Duration(60), critical=Duration(120))
    assert [field for field, _ in options.problems()] == ["critical"]
