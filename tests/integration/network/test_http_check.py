"""The http check: what it expects, what it says, and whose fault it takes a failure for."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from asyncio import StreamReader, StreamWriter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from salus.checks.http import Http
from salus.errors import CheckBrokenError
from salus.httpclient.prepare import basic
from salus.model import Metric, Status
from salus.secret import Secret
from salus.units import Duration, Size
from tests.certificates import Authority
from tests.integration.network.conftest import Servers, answering, ok, read_request
from tests.looks import Prober

DOCUMENT = b'{"status": "ok", "queue": {"depth": 7}, "items": [{"state": "up"}, {"state": "down"}], "odd key": null}'


def _at(port: int, path: str = "/") -> str:
    return f"http://127.0.0.1:{port}{path}"


async def test_a_good_answer_is_healthy_with_its_numbers(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(ok(b"all is well")))
    seen = await look(Http(url=_at(port)))
    assert seen.status is Status.HEALTHY
    assert seen.message.startswith("200 OK in ")
    assert seen.metrics["status_code"].value == 200
    assert seen.metrics["body_bytes"] == Metric(11, "bytes")
    assert seen.metrics["latency_seconds"].value >= seen.metrics["connect_seconds"].value > 0
    assert "first_byte_seconds" in seen.metrics


@pytest.mark.parametrize("status", [503, "5xx", "500-599", (200, "503")])
async def test_a_status_is_expected_as_code_class_range_or_list(servers: Servers, look: Prober, status: Any) -> None:
    port = await servers.tcp(answering(ok(status="503 Service Unavailable")))
    assert (await look(Http(url=_at(port), status=status))).status is Status.HEALTHY


async def test_another_status_is_told_with_the_beginning_of_the_body(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(ok(b"<h1>Out\r\nof \x00order</h1>", status="503 Service Unavailable")))
    seen = await look(Http(url=_at(port), status=200))
    assert seen.status is Status.UNHEALTHY
    assert seen.message == ("expected status 200, got 503 Service Unavailable; body starts: <h1>Out of order</h1>")
    assert seen.cause == "status_503"


@pytest.mark.parametrize(
    "expected,words",
    [
        ({"body_contains": "ok"}, ""),
        ({"body_contains": ("ok", "gone")}, "expected 'gone' in the body"),
        ({"body_not_contains": "error"}, ""),
        ({"body_not_contains": ("error", "down")}, "expected no 'down' in the body"),
        ({"body_matches": r'"depth":\s*\d+'}, ""),
        ({"body_matches": r'"depth":\s*\d{4}'}, "expected the body to match"),
        ({"json_path": {"$.status": "ok", "items[-1].state": "down", "queue.depth": {"below": 10}}}, ""),
        ({"json_path": {"$.status": "fine"}}, 'expected $.status to be "fine", got "ok"'),
        ({"json_path": {"queue.depth": {"below": 5}}}, "expected queue.depth to be less than 5, got 7"),
        ({"json_path": {"queue.length": 5}}, "expected queue.length in the JSON, it is not there"),
        ({"json_path": {"['odd key']": None, "gone": {"exists": False}}}, ""),
        ({"expect_headers": {"content-type": "JSON", "X-Any": ""}}, ""),
        ({"expect_headers": {"Content-Type": "html"}}, "expected 'html' in the header Content-Type, got "),
        ({"expect_headers": {"ETag": ""}}, "expected the header ETag, it is missing"),
    ],
)
async def test_what_is_expected_is_compared(
    servers: Servers, look: Prober, expected: dict[str, Any], words: str
) -> None:
    port = await servers.tcp(answering(ok(DOCUMENT, "Content-Type: application/json; charset=utf-8", "X-Any: x")))
    seen = await look(Http(url=_at(port), **expected))
    assert seen.status is (Status.UNHEALTHY if words else Status.HEALTHY)
    assert words in seen.message


async def test_a_body_that_is_no_json_says_how_it_begins(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(ok(b"<html>")))
    seen = await look(Http(url=_at(port), json_path={"status": "ok"}))
    assert "expected JSON, got something else" in seen.message
    assert "<html>" in seen.message


async def test_json_as_deep_as_the_sea_is_only_unhealthy(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(ok(b"[" * 100_000)))
    assert (await look(Http(url=_at(port), json_path={"status": "ok"}))).status is Status.UNHEALTHY


async def test_text_is_found_in_the_charset_the_server_names(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(ok("schön".encode("latin-1"), "Content-Type: text/plain; charset=iso-8859-1")))
    assert (await look(Http(url=_at(port), body_contains="schön"))).status is Status.HEALTHY


async def test_what_lies_beyond_the_bound_is_not_seen_and_said_so(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(ok(b"x" * 5000 + b"needle")))
    seen = await look(Http(url=_at(port), body_contains="needle", max_body=Size(1024)))
    assert seen.status is Status.UNHEALTHY
    assert "in the first 1 KiB (max_body)" in seen.message


async def test_a_slow_answer_is_degraded_and_a_very_slow_one_unhealthy(servers: Servers, look: Prober) -> None:
    async def slow(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(0.06)
        writer.write(ok())

    port = await servers.tcp(slow)
    seen = await look(Http(url=_at(port), latency_below=Duration(0.05), latency_unhealthy=Duration(30)))
    assert seen.status is Status.DEGRADED
    assert seen.message.startswith("200 OK; expected an answer in under 50 ms, it took ")
    assert (await look(Http(url=_at(port), latency_unhealthy=Duration(0.05)))).status is Status.UNHEALTHY


async def test_redirects_are_followed_unless_told_otherwise(servers: Servers, look: Prober) -> None:
    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        request = await read_request(reader)
        writer.write(ok() if b"/there" in request else ok(b"", "Location: /there", status="301 Moved"))

    port = await servers.tcp(handler)
    seen = await look(Http(url=_at(port)))
    assert seen.status is Status.HEALTHY
    assert seen.metadata == {"redirects": 1}
    assert (await look(Http(url=_at(port), follow_redirects=False))).message.startswith("expected status 2xx, got 301")
    assert (await look(Http(url=_at(port), follow_redirects=False, status=301))).status is Status.HEALTHY


async def test_credentials_and_bodies_are_sent(servers: Servers, look: Prober) -> None:
    seen: list[bytes] = []

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(ok())

    url = _at(await servers.tcp(handler))
    await look(Http(url=url, bearer=Secret("t0ken"), json={"ping": True}))
    await look(Http(url=url, username="joe", password=Secret("pw"), method="PUT", body="text"))
    assert seen[0].startswith(b"POST / HTTP/1.1")
    assert b"Authorization: Bearer t0ken\r\n" in seen[0]
    assert b"Content-Type: application/json\r\n" in seen[0]
    assert seen[0].endswith(b'{"ping": true}')
    assert seen[1].startswith(b"PUT / HTTP/1.1")
    assert b"Authorization: Basic am9lOnB3\r\n" in seen[1]
    assert seen[1].endswith(b"\r\n\r\ntext")


async def test_a_kept_connection_lasts_from_look_to_look(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(ok(), ok(), ok()))
    check = Http(url=_at(port), keep_alive=True).build(look.site)
    seen = [await look.look(check) for _ in range(3)]
    await check.aclose()
    assert [one.status for one in seen] == [Status.HEALTHY] * 3
    assert servers.connections == 1
    assert seen[-1].metrics["connect_seconds"].value == 0


async def test_a_kept_connection_sees_that_the_server_is_gone(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(ok()))
    check = Http(url=_at(port), keep_alive=True).build(look.site)
    assert (await look.look(check)).status is Status.HEALTHY
    await servers.close()
    seen = await look.look(check)
    await check.aclose()
    assert seen.status is Status.UNHEALTHY
    assert "refused" in seen.message


# ── Whose fault ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refusal_is_unhealthy_with_a_remedy(look: Prober) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        seen = await look(Http(url=_at(bound.getsockname()[1])))
    assert seen.status is Status.UNHEALTHY
    assert "refused the connection (is it running" in seen.message
    assert seen.cause == "refused"


async def test_a_name_that_does_not_exist_cannot_be_told(look: Prober) -> None:
    with pytest.raises(CheckBrokenError, match="no address for"):
        await look(Http(url="http://does-not-exist.invalid/"), timeout=30)


async def test_no_descriptor_left_cannot_be_told(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(ok()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[socket.socket] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with pytest.raises(OSError, match="Too many open files") as full:  # noqa: PT012 -- the last one must fail
            while True:
                held.append(socket.socket())
        assert full.value.errno == errno.EMFILE
        with pytest.raises(CheckBrokenError, match="no file descriptor left"):
            await look(Http(url=_at(port)))
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_missing_ca_file_cannot_be_told(servers: Servers, look: Prober, tmp_path: Path) -> None:
    port = await servers.tcp(answering(ok()))
    with pytest.raises(CheckBrokenError, match=r"gone\.pem"):
        await look(Http(url=f"https://127.0.0.1:{port}/", ca_file=tmp_path / "gone.pem"))


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "made,words",
    [
        ({"lasts": timedelta(days=-1)}, "has expired"),
        ({"host": "other.example"}, "is for another host"),
        ({"self_signed": True}, "is self-signed"),
    ],
)
async def test_a_bad_certificate_is_unhealthy_and_says_why(
    servers: Servers, look: Prober, authority: Authority, made: dict[str, Any], words: str
) -> None:
    port = await servers.tcp(answering(ok()), tls=authority.issue(**made).server())
    url = f"https://localhost:{port}/"
    seen = await look(Http(url=url, ca_file=authority.file))
    assert seen.status is Status.UNHEALTHY
    assert words in seen.message
    assert (await look(Http(url=url, verify_tls=False))).status is Status.HEALTHY


async def test_a_certificate_that_ends_soon_is_degraded(servers: Servers, look: Prober, authority: Authority) -> None:
    port = await servers.tcp(answering(ok()), tls=authority.issue(lasts=timedelta(days=5)).server())
    url = f"https://127.0.0.1:{port}/"
    seen = await look(Http(url=url, ca_file=authority.file, certificate_expires_in=Duration(7 * 86400)))
    assert seen.status is Status.DEGRADED
    assert seen.metrics["certificate_expires_seconds"].value == pytest.approx(5 * 86400, abs=3600)
    assert "tls_seconds" in seen.metrics
    seen = await look(Http(url=url, ca_file=authority.file, certificate_expires_in=Duration(3 * 86400)))
    assert seen.status is Status.HEALTHY


async def test_a_renewed_ca_file_is_noticed(servers: Servers, look: Prober, authority: Authority) -> None:
    port = await servers.tcp(answering(ok()), tls=authority.issue().server())
    right = authority.file.read_bytes()
    authority.file.write_bytes(authority.issue(self_signed=True).certificate.read_bytes())
    check = Http(url=f"https://localhost:{port}/", ca_file=authority.file).build(look.site)
    assert (await look.look(check)).status is Status.UNHEALTHY
    replacement = authority.file.with_suffix(".new")
    replacement.write_bytes(right)
    replacement.replace(authority.file)
    assert (await look.look(check)).status is Status.HEALTHY
    await check.aclose()


async def test_a_server_that_repeats_what_it_was_asked_gives_no_secret_away(servers: Servers, look: Prober) -> None:
    async def repeat(reader: StreamReader, writer: StreamWriter) -> None:
        head = await read_request(reader)
        target = head.split()[1].decode()
        kept = [line for line in head.split(b"\r\n") if line.startswith((b"X-Token", b"Authorization"))]
        writer.write(ok(b" ".join(kept), f"X-Said: {target}", status=f"500 no {target}"))
        await writer.drain()

    port = await servers.tcp(repeat)
    place = f"user:opens-it@127.0.0.1:{port}/status?key=a-key-that-opens"
    secret = {"X-Token": "another-token", "Accept": "text/plain"}
    asked = [
        Http(url=f"http://{place}", headers=secret),
        Http(url=f"http://127.0.0.1:{port}/", bearer=Secret("a-bearer"), headers=secret),
        Http(url=f"http://{place}", status=500, expect_headers={"X-Said": "all well"}),
        Http(url=f"http://127.0.0.1:{port}/", username="me", password=Secret("pass-word")),
    ]
    for options in asked:
        seen = await look(options)
        assert seen.status is Status.UNHEALTHY
        assert "***" in seen.message
        for word in (
            "opens",
            "a-key",
            "another",
            "a-bearer",
            basic("user", "opens-it")[6:],
            basic("me", "pass-word")[6:],
        ):
            assert word not in seen.message


async def test_a_redirect_to_nowhere_does_not_quote_the_key_in_the_url(servers: Servers, look: Prober) -> None:
    port = await servers.tcp(answering(b"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\nContent-Length: 0\r\n\r\n"))
    seen = await look(Http(url=f"http://127.0.0.1:{port}/?key=a-key-that-opens"))
    assert "redirects" in seen.message
    assert "a-key" not in seen.message
