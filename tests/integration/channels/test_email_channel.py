"""Mail to a real SMTP server."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from aiosmtpd.smtp import SMTP

from salus.channels.email import Email
from salus.clock import SystemClock
from salus.errors import DeliveryError
from salus.model import Targets
from salus.ports import Letter, Outlet
from salus.secret import Secret
from tests import letters, mails
from tests.certificates import Authority
from tests.integration.channels.mailserver import PASSWORD, CountedSmtp, MailServer, hang_up, mail_server
from tests.integration.network.conftest import connected_to

USERNAME, KEY = Secret("salus"), Secret(PASSWORD.decode())


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as started:
        yield started


def email(port: int, **options: Any) -> Email:
    told: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "Salus <salus@example.org>",
        "to": ("ops@example.org",),
    }
    return Email(**told | options)


async def send(options: Email, letter: Letter, targets: Targets | None = None) -> str:
    assert options.problems() == []
    stands = Outlet(clock=SystemClock(), state_dir=Path("state"), state_id="tests", targets=targets or Targets())
    channel = options.build(stands)
    try:
        return await channel.send(letter)
    finally:
        await channel.aclose()


async def refusal(options: Email, letter: Letter) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await send(options, letter)
    return caught.value


async def closed(server: MailServer) -> None:
    async with asyncio.timeout(30):
        while server.open:
            await asyncio.sleep(0.005)


async def test_a_mail_arrives_with_both_its_parts(server: MailServer) -> None:
    said = await send(email(server.port), letters.firing())
    assert said == f"127.0.0.1:{server.port} took it (2.0.0 queued as 4Xq1)"
    (mail,) = server.mails
    assert mail["Subject"].startswith("[production] Critical: web-http is unhealthy")
    assert (mail["From"], mail["To"]) == ("Salus <salus@example.org>", "ops@example.org")
    assert "https://runbooks.example.org/web" in mails.text(mail)
    assert '<a href="https://runbooks.example.org/web">' in mails.page(mail)
    await closed(server)


@pytest.mark.parametrize("sort", mails.SORTS)
async def test_a_mail_reads_as_in_its_golden_files(server: MailServer, sort: str) -> None:
    await send(email(server.port), letters.LETTERS[sort]())
    (mail,) = server.mails
    assert mails.as_read(mail) == (mails.GOLDEN / f"{sort}.txt").read_text(encoding="utf-8")
    assert mails.page(mail) == (mails.GOLDEN / f"{sort}.html").read_text(encoding="utf-8")


async def test_firing_and_resolved_are_one_thread_of_two_mails(server: MailServer) -> None:
    for told in (letters.firing(), letters.healed()):
        other = replace(told.notification, id=f"id-{told.notification.occasion}")
        await send(email(server.port), replace(told, notification=other))
    first, second = server.mails
    assert first["Message-ID"] != second["Message-ID"]
    assert first["References"] == first["In-Reply-To"] == second["References"] == second["In-Reply-To"]


async def test_every_try_is_the_same_mail(server: MailServer) -> None:
    await send(email(server.port), letters.firing())
    await send(email(server.port), letters.late())
    assert {mail["Message-ID"] for mail in server.mails} == {"<01JDCB5V7Q4W@web-1>"}


async def test_starttls_and_a_login(authority: Authority) -> None:
    async with mail_server(tls=authority.issue().server(), logins=True) as server:
        options = email(
            server.port, security="starttls", ca_file=authority.file, username=USERNAME, password=KEY, host="localhost"
        )
        await send(options, letters.firing())
        assert (server.secured, server.logins) == ([True], [b"salus"])
        await closed(server)


async def test_tls_from_the_start(authority: Authority) -> None:
    async with mail_server(tls=authority.issue().server(), implicit=True) as server:
        await send(email(server.port, security="tls", ca_file=authority.file), letters.firing())
        assert server.secured == [True]
        await closed(server)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_untrusted_certificate_gets_nothing(authority: Authority, security: str) -> None:
    async with mail_server(tls=authority.issue().server(), implicit=security == "tls") as server:
        error = await refusal(email(server.port, security=security), letters.firing())
        assert "certificate" in str(error)
        assert error.remedy is not None
        assert not error.permanent
        assert server.mails == []


async def test_without_starttls_nothing_is_sent(server: MailServer) -> None:
    error = await refusal(email(server.port, security="starttls"), letters.firing())
    assert str(error) == f"127.0.0.1:{server.port} offers no STARTTLS, so nothing was sent"
    assert error.remedy is not None
    assert not error.permanent
    await closed(server)


@pytest.mark.parametrize(
    "command, answer, permanent",
    [
        ("MAIL", "451 4.3.0 try again later", False),
        ("MAIL", "553 5.1.8 we do not know you", True),
        ("ops@example.org", "450 4.2.1 greylisted", False),
        ("ops@example.org", "550 5.1.1 no such user", True),
        ("DATA", "452 4.3.1 out of space", False),
        ("DATA", "554 5.7.1 we take you for spam", True),
    ],
)
async def test_an_answer_of_4xx_is_passing_and_5xx_is_for_good(
    server: MailServer, command: str, answer: str, permanent: bool
) -> None:
    server.answers[command] = answer
    error = await refusal(email(server.port), letters.firing())
    assert error.permanent is permanent
    assert answer in str(error)
    await closed(server)


async def test_recipients_who_were_refused_are_named_and_the_others_have_it(server: MailServer) -> None:
    server.answers["gone@example.org"] = "550 5.1.1 no such user"
    said = await send(email(server.port, to=("ops@example.org", "Gone <gone@example.org>")), letters.firing())
    assert said.endswith("but not for gone@example.org (550 5.1.1 no such user)")
    assert server.recipients == [["ops@example.org"]]


async def test_recipients_refused_for_a_while_and_for_good_are_tried_again(server: MailServer) -> None:
    server.answers |= {"a@example.org": "550 no such user", "b@example.org": "450 greylisted"}
    error = await refusal(email(server.port, to=("a@example.org", "b@example.org")), letters.firing())
    assert not error.permanent


async def test_a_refused_login_shows_no_secret(
    authority: Authority, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    planted = Secret("hunter2-planted")
    spellings = {
        "hunter2-planted",
        b64encode(b"hunter2-planted").decode(),
        b64encode(b"\0salus\0hunter2-planted").decode(),
    }
    async with mail_server(tls=authority.issue().server(), logins=True) as server:
        server.answers["AUTH"] = f"535 5.7.8 go away, {' '.join(spellings)}"
        options = email(server.port, security="starttls", ca_file=authority.file, username=USERNAME, password=planted)
        error = await refusal(options, letters.firing())
    assert error.permanent
    assert "535 5.7.8 go away" in str(error)
    shown = [str(error), repr(error), repr(options), str(error.__cause__), str(error.__context__), *capfd.readouterr()]
    assert not [text for text in shown for spelling in spellings if spelling in text]


async def test_a_server_that_hangs_is_left_in_time(server: MailServer) -> None:
    async def hang(_: SMTP) -> None:
        await asyncio.Event().wait()

    server.data = hang
    error = await refusal(email(server.port), replace(letters.firing(), timeout=0.2))
    assert not error.permanent
    await closed(server)


async def test_a_cancelled_try_closes_its_connection(server: MailServer) -> None:
    reached = asyncio.Event()

    async def hang(_: SMTP) -> None:
        reached.set()
        await asyncio.Event().wait()

    server.data = hang
    task = asyncio.get_running_loop().create_task(send(email(server.port), letters.firing()))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await closed(server)


async def test_a_server_that_does_not_even_hear_a_goodbye_keeps_no_socket_of_ours(authority: Authority) -> None:
    async def deaf(session: SMTP) -> None:
        cast("asyncio.Transport", session.transport).pause_reading()
        await asyncio.Event().wait()

    async with mail_server(tls=authority.issue().server(), implicit=True) as server:
        server.data = deaf
        options = email(server.port, security="tls", ca_file=authority.file)
        await refusal(options, replace(letters.firing(), timeout=0.2))
        async with asyncio.timeout(30):
            while connected_to(server.port):
                await asyncio.sleep(0.005)


async def test_a_server_that_hangs_up_within_the_mail_is_a_passing_trouble(server: MailServer) -> None:
    async def leave(session: SMTP) -> None:
        hang_up(session)

    server.data = leave
    error = await refusal(email(server.port), letters.firing())
    assert not error.permanent
    assert str(error).startswith(f"127.0.0.1:{server.port}: ")


async def test_a_server_that_may_not_be_connected_to_hears_nothing(server: MailServer) -> None:
    with pytest.raises(DeliveryError, match="denies localhost") as caught:
        await send(email(server.port, host="localhost"), letters.firing(), Targets(deny=("localhost",)))
    assert caught.value.permanent
    assert server.mails == []


async def test_nobody_listening_is_a_passing_trouble(server: MailServer) -> None:
    port = server.port
    async with mail_server() as gone:
        port = gone.port
    error = await refusal(email(port), letters.firing())
    assert "onnect" in str(error)
    assert not error.permanent


async def test_a_server_that_hangs_up_once_it_has_the_mail_has_it(server: MailServer) -> None:
    class Abrupt(CountedSmtp):
        async def push(self, status: Any) -> None:
            await super().push(status)
            if "queued" in str(status):
                self._writer.close()

    async with mail_server(kind=Abrupt) as abrupt:
        assert "took it" in await send(email(abrupt.port), letters.firing())
        assert len(abrupt.mails) == 1


async def test_a_ca_file_that_is_not_there_is_a_passing_trouble(server: MailServer) -> None:
    error = await refusal(email(server.port, security="tls", ca_file=Path("missing.pem")), letters.firing())
    assert "missing.pem" in str(error)
    assert not error.permanent


async def test_a_hang_after_the_mail_was_taken_does_not_undo_it(server: MailServer) -> None:
    async def silent(*_: object) -> str:
        await asyncio.Event().wait()
        return "221 never"

    server.handle_QUIT = silent  # type: ignore[attr-defined]
    async with asyncio.timeout(5):
        assert "took it" in await send(email(server.port), letters.firing())
    assert len(server.mails) == 1
