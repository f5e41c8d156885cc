"""A real SMTP server on loopback that keeps what it gets, and can be told to misbehave."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.stage import cut_off

USER, PASSWORD = b"salus", b"correct horse battery"
ACCEPTED = "250 2.0.0 queued as 4Xq1"


@dataclass
class MailServer:
    """What came in, and what is to be answered.

    Attributes:
        port: where it listens.
        mails: what it took, oldest first.
        recipients: of each mail.
        logins: who logged in.
        secured: whether each mail came over TLS.
        answers: command -> answer, instead of taking it; for ``RCPT`` by address.
        data: what to do with a mail instead of taking it.
        credentials: user and password of whoever may log in.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    data: Callable[[SMTP], Any] | None = None
    credentials: tuple[bytes, bytes] = (USER, PASSWORD)
    open: int = 0

    # The names and arguments are aiosmtpd's.
    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, mail_options: list[str]
    ) -> str:
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.data is not None:
            await self.data(server)
        if "DATA" in self.answers:
            return self.answers["DATA"]
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        self.secured.append(server.transport is not None and server.transport.get_extra_info("sslcontext") is not None)
        return ACCEPTED

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth: Any) -> AuthResult:
        self.logins.append(auth.login)
        if "AUTH" in self.answers:
            return AuthResult(success=False, handled=False, message=self.answers["AUTH"])
        return AuthResult(success=(auth.login, auth.password) == self.credentials, handled=False)


class CountedSmtp(SMTP):
    """Counts the connections that are open."""

    def __init__(self, owner: MailServer, **options: Any) -> None:
        super().__init__(owner, **options)
        self._owner = owner
        self._counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._owner.open += not self._counted  # TLS makes the connection a second time
        self._counted = True
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._owner.open -= 1
        super().connection_lost(error)


def hang_up(session: SMTP) -> None:
    """Close a connection at once."""
    if session.transport is not None:
        cut_off(session.transport)


@asynccontextmanager
async def mail_server(
    *,
    tls: ssl.SSLContext | None = None,
    implicit: bool = False,
    logins: bool = False,
    kind: type[CountedSmtp] = CountedSmtp,
) -> AsyncIterator[MailServer]:
    """Serve mail: plain, with STARTTLS (``tls``), or over TLS from the start (``implicit``)."""
    kept = MailServer()
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"hostname": "mail.example.org", "ident": "test", "timeout": 30, "loop": loop}
    if tls and not implicit:
        options |= {"tls_context": tls, "require_starttls": True}
    if logins:
        options |= {"auth_required": True, "authenticator": kept.authenticate}
    made: list[CountedSmtp] = []

    def factory() -> CountedSmtp:
        made.append(kind(kept, **options))
        return made[-1]

    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=tls if implicit else None)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
        for each in made:
            hang_up(each)
        for _ in range(10):
            await asyncio.sleep(0)
