"""The smtp check, against a real mail server in this process, and against rude ones."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from salus.checks.smtp import Smtp
from salus.errors import CheckBrokenError
from salus.model import Cause, Observation, Status
from salus.secret import Secret
from salus.units import Duration
from tests.acceptance.salus_process import free_port
from tests.certificates import Authority
from tests.integration.channels.mailserver import PASSWORD, USER, MailServer, mail_server
from tests.looks import eventually, look_once, site

LOGIN: dict[str, Any] = {"username": USER.decode(), "password": Secret(PASSWORD.decode())}


@pytest.fixture(autouse=True, scope="module")
def _imported() -> None:
    Smtp().build(site())  # imports the client library, which reads files


async def saw(port: int, *, timeout: float = 10, **options: Any) -> Observation:
    found = Smtp(**{"host": "127.0.0.1", "port": port, **options})
    assert found.problems() == []
    return await look_once(found, timeout=timeout)


async def gone(server: MailServer) -> None:
    await eventually(lambda: server.open == 0, "the connection to be closed")


async def test_on_either_loop_a_mail_server_greets_and_gets_no_mail() -> None:
    async with mail_server() as server:
        seen = await saw(server.port, expect="mail.example.org", extensions=("8BITMIME", "SIZE"))
        assert seen.status is Status.HEALTHY
        assert "greeted with 'mail.example.org test'" in seen.message
        assert {"connect_seconds", "greeting_seconds", "latency_seconds"} <= set(seen.metrics)
        assert server.mails == []
        await gone(server)


async def test_what_is_missed_in_greeting_and_extensions_is_told() -> None:
    async with mail_server() as server:
        seen = await saw(server.port, expect="Postfix", extensions=("DSN",))
        assert seen.status is Status.UNHEALTHY
        assert "expected 'Postfix' in the greeting, got 'mail.example.org test'" in seen.message
        assert "expected it to offer DSN, it does not" in seen.message


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_on_either_loop_tls_is_spoken_and_a_login_made(authority: Authority, security: str) -> None:
    identity = authority.issue()
    async with mail_server(tls=identity.server(), implicit=security == "tls", logins=security == "starttls") as server:
        login = LOGIN if security == "starttls" else {}
        seen = await saw(server.port, security=security, ca_file=authority.file, **login)
        assert seen.status is Status.HEALTHY, seen.message
        assert 80 * 86400 < seen.metrics["certificate_expires_seconds"].value < 91 * 86400
        assert server.logins == ([USER] if login else [])
        await gone(server)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_that_nobody_trusts_is_unhealthy(authority: Authority, security: str) -> None:
    async with mail_server(tls=authority.issue().server(), implicit=security == "tls") as server:
        seen = await saw(server.port, security=security)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TLS)
        assert "nobody here trusts" in seen.message
        await gone(server)


async def test_a_certificate_that_ends_soon_is_degraded(authority: Authority) -> None:
    soon = authority.issue(lasts=timedelta(days=3))
    async with mail_server(tls=soon.server()) as server:
        week = Duration(7 * 86400)
        seen = await saw(server.port, security="starttls", ca_file=authority.file, certificate_expires_in=week)
        assert (seen.status, "expires in" in seen.message) == (Status.DEGRADED, True)


async def test_a_refused_login_is_unhealthy_and_shows_no_secret(authority: Authority) -> None:
    word = "n0t-the-pa55word"
    spellings = [word, b64encode(word.encode()).decode(), b64encode(f"\0salus\0{word}".encode()).decode()]
    async with mail_server(tls=authority.issue().server(), logins=True) as server:
        server.answers["AUTH"] = f"535 5.7.8 go away, {' '.join(spellings)}"
        options: dict[str, Any] = {
            "security": "starttls",
            "ca_file": authority.file,
            "username": "salus",
            "password": Secret(word),
        }
        seen = await saw(server.port, **options)
        assert (seen.status, seen.cause) == (Status.UNHEALTHY, "login_refused")
        assert "535 5.7.8 go away" in seen.message
        assert not [each for each in spellings if each in seen.message or each in repr(Smtp(**options))]
        await gone(server)


async def test_a_server_without_starttls_is_unhealthy_where_it_is_wanted() -> None:
    async with mail_server() as server:
        seen = await saw(server.port, security="starttls")
        assert (seen.status, "offers no STARTTLS" in seen.message) == (Status.UNHEALTHY, True)
        await gone(server)


@pytest.mark.parametrize(
    "said, cause, words",
    [
        (b"554 5.7.1 no service for you\r\n", "status_554", "answered 554 5.7.1 no service for you"),
        (b"421 too busy\r\n", "status_421", "answered 421 too busy"),
        (b"", Cause.RESET, "closed the connection"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Cause.PROTOCOL, "does not speak SMTP"),
    ],
)
async def test_what_does_not_greet_is_unhealthy(said: bytes, cause: str, words: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        seen = await saw(server.sockets[0].getsockname()[1], timeout=2)
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, cause), seen.message
    assert words in seen.message


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_server_that_hangs_is_left_in_time(*, cancelled: bool) -> None:
    came, left = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if cancelled:  # in the midst of the conversation: until then, nobody can tell that we have come to waiting
            writer.write(b"220 mail.example.org\r\n")
            await reader.readline()
            came.set()
        await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        if cancelled:  # from outside
            looking = asyncio.create_task(saw(port))
            await asyncio.wait_for(came.wait(), 30)
            looking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await looking
        else:
            seen = await saw(port, timeout=2)
            assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.TIMEOUT)
        await asyncio.wait_for(left.wait(), 30)


async def test_refused_and_unresolved_are_told_apart() -> None:
    seen = await saw(free_port())
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.REFUSED)
    with pytest.raises(CheckBrokenError) as told:
        await saw(25, host="does-not-exist.invalid", timeout=30)
    assert told.value.cause == Cause.DNS


@pytest.mark.parametrize(
    "options, field",
    [
        ({"username": "salus"}, "username"),
        ({**LOGIN, "host": "mail.example.org"}, "security"),
        ({"certificate_expires_in": Duration(1)}, "certificate_expires_in"),
        ({"helo": "my machine"}, "helo"),
        ({"host": ""}, "host"),
    ],
)
def test_options_that_cannot_be_meant_are_told(options: dict[str, Any], field: str) -> None:
    assert [name for name, _ in Smtp(**options).problems()] == [field]
