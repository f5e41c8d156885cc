"""Mail, over SMTP."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from salus.channels._guard import Guard
from salus.channels._mail import address, addresses, compose, mail_host
from salus.channels._redact import Redactor
from salus.channels._words import clean
from salus.errors import DeliveryError, MissingExtraError
from salus.httpclient import HttpError, TlsOptions, explain
from salus.httpclient.dial import Endpoint, permitted
from salus.httpclient.tls import context
from salus.options import ChannelOptions
from salus.ports import Channel, Letter, Outlet
from salus.secret import Secret

if TYPE_CHECKING:
    import aiosmtplib

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")


class Email(ChannelOptions, frozen=True, kw_only=True):
    """Send mail over SMTP, as plain text and as HTML. Needs the extra ``email``.

    All that is told of one trouble has the same ``References``, so mail programs show it as one thread; a repeated try
    has the same ``Message-ID``, so that mail systems can drop what they have already. ``X-Salus-Level``, ``-State``,
    ``-Occasion``, ``-Host`` and ``-Environment`` are there to filter by.

    A mail that the server takes for some of its recipients counts as delivered, and the report names the others: a
    further try would reach again those who have it.

    Attributes:
        host: the mail server.
        port: 587 unless ``security`` says otherwise (``tls`` 465, ``none`` 25).
        security: ``starttls`` wants TLS and sends nothing without it, ``tls`` speaks it from the start, ``none`` never.
        username: who logs in; without it nobody does.
        password: of that user. It never travels without TLS, but to this machine itself.
        sender: the address it comes from, perhaps with a name: ``Salus <salus@example.org>``.
        to: the addresses it goes to, likewise.
        reply_to: the address that answers go to, likewise.
        ca_file: trust these authorities (PEM) instead of the system's.
    """

    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Secret | None = None
    password: Secret | None = None
    sender: str = msgspec.field(name="from")
    to: tuple[str, ...]
    reply_to: str = ""
    ca_file: Path | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found: list[tuple[str, str]] = []
        if not self.host or re.search(r"[\s/@]", self.host):
            found.append(("host", "that is no host: write a name or an address"))
        named = [("from", self.sender), *(("to", each) for each in self.to)]
        for key, text in [*named, *([("reply_to", self.reply_to)] if self.reply_to else [])]:
            if len(addresses(text)) != 1 or not text.isprintable():
                found.append((key, f"{text!r} is not one address: write name@example.org or Name <name@example.org>"))
        if not self.to:
            found.append(("to", "nobody would get it: name at least one address"))
        if bool(self.username) != bool(self.password):
            found.append(("username", "a username and a password belong together: give both or none"))
        if self.password and self.security == "none" and not _LOOPBACK.fullmatch(self.host):
            found.append(("security", "the password would travel in the clear: choose starttls or tls"))
        if find_spec("aiosmtplib") is None:
            missing = _missing()
            found.append(("", f"{missing}: {missing.remedy}"))
        return found

    def build(self, outlet: Outlet) -> Channel:
        """Make the channel.

        Raises:
            MissingExtraError: the extra ``email`` is not installed.
        """
        if find_spec("aiosmtplib") is None:
            raise _missing()
        return EmailChannel(self, outlet)


def _missing() -> MissingExtraError:
    return MissingExtraError("the channel 'email'", extra="email")


class EmailChannel:
    """Mail through one server, a connection for each."""

    resend = None

    def __init__(self, options: Email, outlet: Outlet) -> None:
        """Connect to nothing yet."""
        self._options = options
        self._clock = outlet.clock
        self._endpoint = Endpoint(options.host, options.port or _PORTS[options.security])
        self._place = str(self._endpoint)
        self._guard = Guard(outlet.targets)
        self._redact = Redactor(_spellings(options.username, options.password))

    async def send(self, letter: Letter) -> str:
        """Hand it to the server. When cancelled, the connection is closed at once."""
        import aiosmtplib

        client = aiosmtplib.SMTP(
            hostname=self._options.host,
            local_hostname=mail_host(letter.notification.host),
            use_tls=self._options.security == "tls",
            start_tls=False,  # that is asked for below, with a remedy where it is refused
            timeout=letter.timeout,
        )
        try:
            return await self._deliver(client, letter)
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = {each.recipient: (each.code, each.message) for each in error.recipients}
            permanent = all(500 <= code < 600 for code, _ in refused.values())
            failure = DeliveryError(f"{self._place} takes it for nobody: {self._said(refused)}", permanent=permanent)
        except aiosmtplib.SMTPResponseException as error:
            said = self._shown(f"{error.code} {error.message}")
            failure = DeliveryError(f"{self._place} answered {said}", permanent=500 <= error.code < 600)
        except aiosmtplib.SMTPNotSupported as error:
            failure = DeliveryError(f"{self._place}: {self._shown(str(error))}", permanent=True)
        except (aiosmtplib.SMTPException, OSError) as error:
            failure = self._broken(error)
        except HttpError as error:
            failure = DeliveryError(str(error), remedy=error.remedy, permanent=error.permanent)
        raise failure  # here and not above, so that it carries no error along that may quote what must not be shown

    async def aclose(self) -> None:
        """Nothing is kept."""

    async def _deliver(self, client: aiosmtplib.SMTP, letter: Letter) -> str:
        if self._options.security != "none":
            client.tls_context = context(TlsOptions(ca_file=self._options.ca_file))
        peer = await self._dial(letter.timeout)
        try:
            return await self._converse(client, peer, letter)
        except BaseException:
            # Closing alone would wait for the other side's goodbye where TLS is spoken, and for a hung one in vain.
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
            raise
        finally:
            client.close()

    async def _converse(self, client: aiosmtplib.SMTP, peer: socket.socket, letter: Letter) -> str:
        options = self._options
        await client.connect(sock=peer)
        await client.ehlo()
        if options.security == "starttls":
            if not client.supports_extension("starttls"):
                raise DeliveryError(
                    f"{self._place} offers no STARTTLS, so nothing was sent",
                    remedy="choose security: tls (port 465), or none where the way there is safe",
                )
            await client.starttls()
        if options.username and options.password:
            await client.login(options.username.reveal().encode(), options.password.reveal().encode())
        refused, answer = await client.send_message(
            compose(letter, options.sender, options.to, options.reply_to, self._clock.now()),
            sender=address(options.sender).addr_spec,
            recipients=[address(each).addr_spec for each in options.to],
        )
        # It has the mail. Nobody waits for its goodbye: a hang would send it again.
        if client.is_connected and client.protocol is not None:
            client.protocol.write(b"QUIT\r\n")
        exceptions = f", but not for {self._said(refused)}" if refused else ""
        return f"{self._place} took it ({self._shown(answer)}){exceptions}"

    async def _dial(self, seconds: float) -> socket.socket:
        """Connect to the first address that may be connected to and answers."""
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        try:
            found = await loop.getaddrinfo(self._endpoint.host, self._endpoint.port, type=socket.SOCK_STREAM)
            allowed = permitted(self._endpoint, [str(address[0]) for *_, address in found], self._guard.why_not)
            for family, kind, protocol, _, address in found:
                if address[0] in allowed:
                    try:
                        async with asyncio.timeout(seconds / len(allowed)):
                            return await _connected(socket.socket(family, kind, protocol), address)
                    except OSError as error:
                        failure = error
        except OSError as error:
            failure = error
        raise explain(failure or OSError("there is no address for it"), self._place)

    def _broken(self, error: Exception) -> DeliveryError:
        """Say why the conversation broke off; where it is over TLS, there is a remedy."""
        reason = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
        if isinstance(reason, ssl.SSLError):
            lesson = explain(reason, self._place)
            return DeliveryError(str(lesson), remedy=lesson.remedy)
        return DeliveryError(f"{self._place}: {self._shown(str(error) or type(error).__name__)}")

    def _said(self, refused: Mapping[str, tuple[int, str]]) -> str:
        """Say who was refused, and why."""
        return self._shown("; ".join(f"{who} ({code} {why})" for who, (code, why) in refused.items()))

    def _shown(self, text: str) -> str:
        """Make one line of what a server said, without our secrets, should it repeat them."""
        return clean(self._redact(text), 300)


def _spellings(*secrets: Secret | None) -> Iterator[str]:
    """Yield every spelling in which secrets travel: as they are, and as SMTP encodes them."""
    texts = [secret.reveal() for secret in secrets if secret]
    for text in [*texts, "\0" + "\0".join(texts)] if texts else []:
        yield text
        yield b64encode(text.encode(errors="replace")).decode()


async def _connected(peer: socket.socket, address: Any) -> socket.socket:
    try:
        peer.setblocking(False)
        await asyncio.get_running_loop().sock_connect(peer, address)
    except BaseException:
        peer.close()
        raise
    return peer
