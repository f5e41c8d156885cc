"""What a channel that speaks HTTP makes of everything that another side can do to it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from salus import __version__
from salus.clock import SystemClock
from salus.errors import DeliveryError
from salus.ports import Letter
from tests.certificates import Authority
from tests.integration.channels.outlets import channel, outlet
from tests.integration.network.conftest import Handler, Servers, answering, ok, read_request
from tests.letters import digest, firing, healed

SECRETS = ("s3cr3t-path", "s3cr3t-query", "s3cr3t-word", "s3cr3t-header", "s3cr3t-signing")


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    started = Servers()
    yield started
    await started.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, SystemClock().now())


def webhook(port: int, *, scheme: str = "http", host: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    """Return a webhook whose every part is a secret."""
    url = f"{scheme}://user:s3cr3t-word@{host}:{port}/hooks/s3cr3t-path?token=s3cr3t-query"
    return {"url": url, "headers": {"Authorization": "Bearer s3cr3t-header"}, "secret": "s3cr3t-signing", **more}


async def failing(raw: dict[str, Any], folder: Path, *, timeout: float = 10.0, **targets: Any) -> DeliveryError:
    """Send a letter in vain, and return why; no secret may be in it."""
    made = channel("webhook", raw, outlet(folder, **targets))
    with pytest.raises(DeliveryError) as caught:
        await made.send(replace(firing(), timeout=timeout))
    await made.aclose()
    told = f"{caught.value} {caught.value!r} {caught.value.remedy} {made!r} {caught.value.__cause__}"
    assert not [secret for secret in SECRETS if secret in told]
    return caught.value


def keeping(requests: list[bytes], answer: bytes | None = None) -> Handler:
    """Keep what is asked."""

    async def handler(reader: StreamReader, writer: StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(ok() if answer is None else answer)
        await writer.drain()

    return handler


def taken_apart(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.decode("latin-1").split("\r\n")
    return line, {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in headers)}, body


# ── It arrives ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_webhook_gets_the_document_with_the_identity_of_the_notification(
    servers: Servers, tmp_path: Path
) -> None:
    requests: list[bytes] = []
    port = await servers.tcp(keeping(requests))
    made = channel("webhook", webhook(port), outlet(tmp_path))
    assert await made.send(replace(healed(), attempt=3)) == "200 OK"
    line, headers, body = taken_apart(requests[0])
    assert line == "POST /hooks/s3cr3t-path?token=s3cr3t-query HTTP/1.1"
    assert headers["user-agent"] == f"salus/{__version__}"
    assert headers["idempotency-key"] == "01JDCB5V7Q4W"
    assert headers["x-salus-delivery"] == "01JDCB5V7Q4W/3"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Bearer s3cr3t-header"
    assert json.loads(body)["state"] == "resolved"
    signed = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["x-salus-signature"])
    assert signed is not None
    expected = hmac.new(b"s3cr3t-signing", signed[1].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert signed[2] == expected


async def test_a_webhook_can_speak_as_an_alertmanager_or_by_template(servers: Servers, tmp_path: Path) -> None:
    requests: list[bytes] = []
    port = await servers.tcp(keeping(requests))
    template = {"template": "{{ title }}", "content_type": "text/plain", "method": "PUT"}
    for more in ({"format": "alertmanager"}, template):
        await channel("webhook", webhook(port, **more), outlet(tmp_path)).send(digest())
    alertmanager, (line, headers, body) = map(taken_apart, requests)
    assert json.loads(alertmanager[2])["version"] == "4"
    assert line.startswith("PUT ")
    assert headers["content-type"] == "text/plain"
    assert body == b"[production] 9,981 alerts at once: shop-0, shop-1, shop-2 and 9,978 more"


async def test_slack_gets_its_message(servers: Servers, tmp_path: Path) -> None:
    requests: list[bytes] = []
    port = await servers.tcp(keeping(requests, ok(b"ok")))
    made = channel("slack", f"http://127.0.0.1:{port}/services/T0/B0/s3cr3t-path", outlet(tmp_path))
    assert await made.send(healed()) == "200 OK"
    _, headers, body = taken_apart(requests[0])
    assert json.loads(body)["text"].startswith("[production] Resolved after 1m44s")
    assert headers["idempotency-key"] == "01JDCB5V7Q4W"
    assert "s3cr3t" not in repr(made)


# ── It does not arrive ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "status, permanent",
    [
        ("400 Bad Request", True),
        ("401 Unauthorized", True),
        ("404 Not Found", True),
        ("410 Gone", True),
        ("408 Request Timeout", False),
        ("425 Too Early", False),
        ("429 Too Many Requests", False),
        ("500 Internal Server Error", False),
        ("503 Service Unavailable", False),
    ],
)
async def test_an_answer_is_passing_or_permanent_and_is_quoted_without_secrets(
    servers: Servers, tmp_path: Path, status: str, permanent: bool
) -> None:
    body = b"\n no: /hooks/s3cr3t-path?token=s3cr3t-query with Bearer s3cr3t-header\nmore of it"
    port = await servers.tcp(answering(ok(body, status=status)))
    error = await failing(webhook(port), tmp_path)
    assert error.permanent is permanent
    assert error.retry_after is None
    assert str(error) == f"127.0.0.1:{port} answered {status}: no: *** with ***"


async def test_a_long_answer_is_cut(servers: Servers, tmp_path: Path) -> None:
    port = await servers.tcp(answering(ok(b"s3cr3t-path" * 50_000, status="400 Bad Request")))
    assert len(str(await failing(webhook(port), tmp_path))) < 300


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_the_other_side_may_say_when_it_wants_to_be_asked_again(
    servers: Servers, tmp_path: Path, status: str
) -> None:
    port = await servers.tcp(answering(ok(b"", "Retry-After: 120", status=status)))
    assert (await failing(webhook(port), tmp_path)).retry_after == 120.0


async def test_a_redirect_is_not_followed_and_says_where_to(servers: Servers, tmp_path: Path) -> None:
    other = await servers.tcp(answering(ok()))
    location = f"Location: http://u:p@127.0.0.1:{other}/s3cr3t-query?x=s3cr3t-path"
    port = await servers.tcp(answering(ok(b"", location, status="302 Found")))
    error = await failing(webhook(port), tmp_path)
    assert error.permanent
    assert f"answered 302 and redirects to 127.0.0.1:{other}: redirects are not followed" in str(error)
    assert servers.connections == 1


async def test_a_server_that_hangs_costs_the_letters_time_out(servers: Servers, tmp_path: Path) -> None:
    async def hang(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read()

    port = await servers.tcp(hang)
    error = await failing(webhook(port), tmp_path, timeout=0.2)
    assert not error.permanent
    assert str(error) == f"127.0.0.1:{port} did not answer within 200 ms"


async def test_a_connection_that_ends_in_the_middle_of_the_answer_is_passing(servers: Servers, tmp_path: Path) -> None:
    port = await servers.tcp(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"))
    error = await failing(webhook(port), tmp_path)
    assert not error.permanent
    assert "closed the connection after 4 of 100 bytes" in str(error)


async def test_what_is_not_http_is_passing_and_quoted_without_secrets(servers: Servers, tmp_path: Path) -> None:
    port = await servers.tcp(answering(b"s3cr3t-path is what you sent"))
    assert not (await failing(webhook(port), tmp_path)).permanent


async def test_a_refused_connection_is_passing(servers: Servers, tmp_path: Path) -> None:
    port = await servers.tcp(answering(ok()))
    await servers.close()
    error = await failing(webhook(port), tmp_path)
    assert not error.permanent
    assert f"127.0.0.1:{port} refused the connection" in str(error)


async def test_a_certificate_of_another_authority_is_passing_and_says_so(
    servers: Servers, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", SystemClock().now())
    port = await servers.tcp(answering(ok()), tls=authority.issue().server())
    error = await failing(webhook(port, scheme="https", ca_file=str(other.file)), tmp_path)
    assert not error.permanent
    assert "certificate" in str(error)


async def test_a_server_can_ask_for_our_certificate(servers: Servers, authority: Authority, tmp_path: Path) -> None:
    context = authority.issue().server(wants_clients_of=authority.file)
    port = await servers.tcp(answering(ok()), tls=context)
    ours = authority.issue()
    files = {"client_certificate": str(ours.certificate), "client_key": str(ours.key), "ca_file": str(authority.file)}
    made = channel("webhook", webhook(port, scheme="https", **files), outlet(tmp_path))
    assert await made.send(firing()) == "200 OK"


async def test_what_the_courier_cancels_leaves_no_connection(servers: Servers, tmp_path: Path) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def watch(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        await reader.read()
        gone.set()

    port = await servers.tcp(watch)
    sending = asyncio.create_task(channel("webhook", webhook(port), outlet(tmp_path)).send(firing()))
    await asked.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    async with asyncio.timeout(30):
        await gone.wait()


# ── The guard ─────────────────────────────────────────────────────────────────────────────────────────────────────────


SPELLINGS = ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0")


@pytest.mark.parametrize("host", SPELLINGS)
async def test_what_is_denied_is_never_connected_to_however_it_is_spelled(
    servers: Servers, tmp_path: Path, host: str
) -> None:
    port = await servers.tcp(answering(ok()))
    error = await failing(webhook(port, host=host), tmp_path, deny=("127.0.0.0/8", "::1"))
    assert error.permanent
    assert "alerts.targets denies" in str(error)
    assert servers.connections == 0
    # The spelling does lead there: without the guard the letter arrives.
    if "ffff" not in host:
        await channel("webhook", webhook(port, host=host), outlet(tmp_path)).send(firing())
        assert servers.connections == 1


async def test_what_is_not_allowed_is_never_connected_to(servers: Servers, tmp_path: Path) -> None:
    port = await servers.tcp(answering(ok()))
    error = await failing(webhook(port), tmp_path, allow=("10.0.0.0/8", "hooks.example.org"))
    assert error.permanent
    assert "alerts.targets does not allow it" in str(error)
    assert servers.connections == 0


async def test_of_several_addresses_only_the_allowed_ones_are_connected_to(servers: Servers, tmp_path: Path) -> None:
    port = await servers.tcp(answering(ok()))
    made = channel("webhook", webhook(port, host="localhost"), outlet(tmp_path, deny=("::1",)))
    assert await made.send(firing()) == "200 OK"


async def test_a_proxy_is_not_asked_for_what_is_denied(servers: Servers, tmp_path: Path) -> None:
    requests: list[bytes] = []
    port = await servers.tcp(keeping(requests))
    proxied = webhook(80, host="169.254.169.254", proxy=f"http://127.0.0.1:{port}")
    assert (await failing(proxied, tmp_path)).permanent
    assert requests == []
    # The proxy itself is the config's own choice, wherever it stands.
    proxied = webhook(80, host="hooks.example.org", proxy=f"http://127.0.0.1:{port}")
    made = channel("webhook", proxied, outlet(tmp_path, deny=("127.0.0.0/8",)))
    assert await made.send(firing()) == "200 OK"
    assert taken_apart(requests[0])[0].startswith("POST http://hooks.example.org/")


async def test_every_try_of_a_letter_has_the_same_key(servers: Servers, tmp_path: Path) -> None:
    requests: list[bytes] = []
    port = await servers.tcp(keeping(requests))
    made = channel("webhook", webhook(port), outlet(tmp_path))
    tries: list[Letter] = [replace(firing(), attempt=attempt) for attempt in (1, 2)]
    for each in tries:
        await made.send(each)
    first, second = (taken_apart(request)[1] for request in requests)
    assert first["idempotency-key"] == second["idempotency-key"]
    assert first["x-salus-delivery"] != second["x-salus-delivery"]
