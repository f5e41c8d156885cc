"""The ``smtp`` check: a mail server greets, speaks TLS and lets us in."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from salus.checks._bounds import Findings, bounded_line
from salus.checks._dialled import LAST_WORD, dialled
from salus.checks._net import certificate_ends, endpoint, failed, too_slow
from salus.checks._refusals import hung_up, no_login, other_protocol, silent
from salus.checks._systems import TlsClientOptions, lacking, login_redactor, missing, quoted
from salus.clock import SystemClock
from salus.httpclient import AnswerError, HttpError, TlsError, explain
from salus.httpclient.tls import context, expires
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.secret import Secret
from salus.units import Duration, format_duration

if TYPE_CHECKING:
    import aiosmtplib

_monotonic = SystemClock().monotonic
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_GOODBYE = 0.5


class Smtp(TlsClientOptions, frozen=True, kw_only=True):
    """Greets a mail server as a client would, and sends nothing. Needs the extra ``email``.

    It connects, waits for the greeting (220), says EHLO, speaks TLS, logs in where there is a username, and says QUIT.
    Every look opens a connection of its own: the greeting, TLS and login are at the beginning of one. A kept one would
    prove none of these; servers count NOOP without mail against the client, and may hang up after five idle minutes
    (RFC 5321, 4.5.3.2.7), long before which a look would have to come.

    Metrics: ``latency_seconds`` (all of it), ``connect_seconds``, ``greeting_seconds``, ``tls_seconds``,
    ``login_seconds``, ``certificate_expires_seconds``.

    Attributes:
        host: a name or an address.
        port: the TCP port; 25 unless ``security`` says otherwise (``starttls`` 587, ``tls`` 465).
        security: ``starttls`` asks for TLS and wants to get it, ``tls`` speaks it from the start, ``none`` never.
        username: who logs in; without it nobody does.
        password: of that user. It never travels without TLS, but to this machine itself.
        helo: the name that EHLO gives; this machine's, where it is left out.
        expect: text that the greeting must contain.
        extensions: what EHLO must offer, such as ``SIZE`` or ``8BITMIME``.
        certificate_expires_in: a certificate that expires sooner than this is degraded.
        latency_below: a whole conversation that takes longer is degraded.
    """

    scalar: ClassVar[str] = "host"

    host: str = "localhost"
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "none"
    username: str | None = None
    password: Secret | None = None
    helo: str | None = None
    expect: str | None = None
    extensions: tuple[str, ...] = ()
    certificate_expires_in: Duration | None = None
    latency_below: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = [*super().problems(), *missing("smtp", "email", "aiosmtplib")]
        if not self.host:
            found.append(("host", "there is no host: write a name or an address"))
        if bool(self.username) != bool(self.password):
            found.append(("username", "a username and a password belong together: give both or none"))
        if self.password and self.security == "none" and self.host not in _LOOPBACK:
            found.append(("security", "the password would travel in the clear: choose starttls or tls"))
        if self.certificate_expires_in is not None and self.security == "none":
            found.append(("certificate_expires_in", "there is no certificate without TLS: choose starttls or tls"))
        if self.helo is not None and not (self.helo.isascii() and self.helo.isprintable() and " " not in self.helo):
            found.append(("helo", "that is no name of a machine"))
        return found

    @property
    def shares(self) -> str | None:
        """Name where it connects to."""
        return str(endpoint(self.host, self.port or _PORTS[self.security], None))

    def build(self, site: Site) -> Check:
        """Make the check.

        Raises:
            MissingExtraError: the extra ``email`` is not installed.
        """
        if error := lacking("smtp", "email", "aiosmtplib"):
            raise error
        return SmtpCheck(self)


class SmtpCheck:
    """An ``smtp`` check, ready to look."""

    def __init__(self, options: Smtp) -> None:
        """Read the options once."""
        import aiosmtplib  # needs the extra

        self._library = aiosmtplib
        self._options = options
        self._endpoint = endpoint(options.host, options.port or _PORTS[options.security], None)
        self._place = str(self._endpoint)
        self._redact = login_redactor(options.username, options.password)

    async def look(self, look: Look) -> Observation:
        """Converse and judge."""
        metrics: dict[str, Metric] = {}
        findings = Findings()
        started = _monotonic()
        try:
            greeting = await self._converse(look, findings, metrics)
        except HttpError as error:
            return failed(look, error, metrics, self._redact)
        latency = _monotonic() - started
        metrics["latency_seconds"] = Metric(latency, "seconds")
        if slow := too_slow(latency, self._options.latency_below):
            findings.degraded(f"{self._place}: {slow}")
        said = f"{self._place} greeted with {quoted(greeting)} in {format_duration(latency)}"
        seen = findings.answer(look, said, metrics=metrics)
        return replace(seen, message=self._redact(seen.message))

    async def aclose(self) -> None:
        """Nothing is kept."""

    async def _converse(self, look: Look, findings: Findings, metrics: dict[str, Metric]) -> str:
        """Go through the conversation and return the greeting.

        Raises:
            HttpError: the server did not do its part; nothing is left open.
        """
        aiosmtplib = self._library
        started = _monotonic()
        client = aiosmtplib.SMTP(
            hostname=self._options.server_name or self._options.host,
            local_hostname=self._options.helo or socket.gethostname() or "localhost",
            use_tls=self._options.security == "tls",
            start_tls=False,  # that is asked for below, with a remedy where it is refused
            timeout=look.remaining * LAST_WORD,
        )
        if self._options.security != "none":
            client.tls_context = await asyncio.to_thread(context, self._options.tls_options())
        peer = await dialled(self._endpoint, look)
        metrics["connect_seconds"] = Metric(_monotonic() - started, "seconds")
        try:
            return await self._talk(look, client, peer, findings, metrics)
        except aiosmtplib.SMTPAuthenticationError as error:
            failure: HttpError = no_login(self._place, f"{error.code} {_line(error.message)}")
        except aiosmtplib.SMTPResponseException as error:
            failure = self._answered(error.code, _line(error.message))
        except aiosmtplib.SMTPTimeoutError:
            failure = silent(self._place)
        except aiosmtplib.SMTPNotSupported as error:
            failure = AnswerError(f"{self._place}: {_line(str(error))}")
        except (aiosmtplib.SMTPException, OSError) as error:
            failure = self._broken(error)
        finally:
            # Closing alone would wait for the other side's goodbye where TLS is spoken, and for a hung one in vain.
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
            client.close()
        raise failure  # here and not above, so that it carries no error along that may quote what must not be shown

    async def _talk(
        self, look: Look, client: aiosmtplib.SMTP, peer: socket.socket, findings: Findings, metrics: dict[str, Metric]
    ) -> str:
        options, started = self._options, _monotonic()
        greeting = (await client.connect(sock=peer)).message
        metrics["greeting_seconds"] = Metric(_monotonic() - started, "seconds")
        if options.expect is not None and options.expect not in greeting:
            findings.unhealthy(f"expected {options.expect!r} in the greeting, got {quoted(greeting)}")
        await client.ehlo()
        if options.security == "starttls":
            started = _monotonic()
            if not client.supports_extension("starttls"):
                raise AnswerError(f"{self._place} offers no STARTTLS", remedy="is that switched off there?")
            await client.starttls()
            metrics["tls_seconds"] = Metric(_monotonic() - started, "seconds")
            await client.ehlo()
        for name in options.extensions:
            if not client.supports_extension(name.lower()):
                findings.unhealthy(f"expected it to offer {name.upper()}, it does not")
        self._judge_certificate(look, client, findings, metrics)
        if options.username and options.password:
            started = _monotonic()
            await client.login(options.username, options.password.reveal())
            metrics["login_seconds"] = Metric(_monotonic() - started, "seconds")
        # What it has to say to that changes nothing any more.
        with suppress(OSError, Exception):
            await client.quit(timeout=min(_GOODBYE, max(0.01, look.remaining / 2)))
        return bounded_line(greeting)

    def _judge_certificate(
        self, look: Look, client: aiosmtplib.SMTP, findings: Findings, metrics: dict[str, Metric]
    ) -> None:
        until = expires(client.transport) if client.transport is not None else None
        if until is None:
            return
        left = (until - look.at).total_seconds()
        metrics["certificate_expires_seconds"] = Metric(left, "seconds")
        wanted = self._options.certificate_expires_in
        if wanted is not None and left < wanted:
            findings.degraded(certificate_ends(left, wanted))

    def _answered(self, code: int, said: str) -> HttpError:
        """Say what it answered instead of what it should."""
        if code < 0:
            return other_protocol(self._place, "SMTP", said)
        failure = AnswerError(f"{self._place} answered {code} {said}")
        failure.cause = f"status_{code}"
        return failure

    def _broken(self, error: Exception) -> HttpError:
        """Say why the conversation broke off."""
        reason = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
        if isinstance(reason, ssl.SSLError):
            return explain(reason, self._place)
        if self._options.security == "tls" and not _heard(error):
            return TlsError(f"{self._place} broke off the TLS handshake", remedy="is it the right port?")
        return hung_up(self._place, _line(str(error)))


def _heard(error: Exception) -> bool:
    return bool(str(error))


def _line(text: str) -> str:
    return bounded_line(text, 200)
