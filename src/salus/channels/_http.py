"""What every channel that speaks HTTP shares: its options, one way to ask, and the reading of the answer.

A kind says what to send; this says how: with the identity of the notification, signed where there is a secret, through
the guard, within the letter's time-out, and with errors that hold no secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from salus import __version__, httpclient
from salus.channels._guard import Guard
from salus.channels._redact import Redactor
from salus.channels._words import clean
from salus.errors import DeliveryError
from salus.httpclient import urls
from salus.httpclient.redaction import words
from salus.options import ChannelOptions
from salus.ports import Channel, Letter, Outlet
from salus.secret import Secret
from salus.units import format_duration

LONGEST_WAIT = 3600.0
"""No other side may keep us from trying again for longer than this."""

PASSING = frozenset({408, 425, 429})
"""Statuses, beside all from 500, after which it is worth trying again (RFC 9110, 8470, 6585)."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_VISIBLE = re.compile(r"[^\x21-\x7e]")
_KEPT = 8192
_NO_HEADERS: Mapping[str, str] = {}


class HttpChannel(ChannelOptions, frozen=True, kw_only=True):
    """Base of the options of a channel that speaks HTTP: subclasses implement ``tell``.

    Attributes:
        url: where to send it. It may hold a token, so only its host is ever shown.
        headers: further headers; their values are secrets.
        verify_tls: trust only valid certificates.
        ca_file: trust these authorities (PEM) instead of the system's.
        client_certificate: our own certificate (PEM), where the server wants one.
        client_key: its private key (PEM), where it is in a file of its own.
        server_name: the name to ask TLS for and to verify, where it is not the URL's host.
        proxy: a proxy's URL, or ``environment`` for what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. Without it no proxy
            is used. Behind a proxy ``targets`` sees names only: the proxy has to guard addresses.
    """

    scalar: ClassVar[str] = "url"

    url: Secret
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    verify_tls: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    proxy: Secret | None = None

    def __rich_repr__(self) -> Any:
        """Show where it goes, and nothing that may be secret."""
        yield "to", self.place

    def __repr__(self) -> str:
        """Show where it goes, and nothing that may be secret."""
        return f"{type(self).__name__}(to {self.place})"

    @property
    def place(self) -> str:
        """Return host and port."""
        return place(self.url.reveal())

    def problems(self) -> list[tuple[str, str]]:
        """Find what cannot be sent."""
        found = [("url", complaint) for complaint in url_problems(self.url)]
        for name, value in self.headers.items():
            if not _TOKEN.fullmatch(name) or not fits_header(value.reveal()):
                found.append(("headers", f"{name!r} cannot be a header, or its value is empty or holds a line break"))
        if self.client_key and not self.client_certificate:
            found.append(("client_key", "a key needs its certificate: add client_certificate"))
        if self.proxy and self.proxy.reveal() != "environment" and url_problems(self.proxy, ("http",)):
            found.append(("proxy", "it is not the URL of a proxy: write http://host:port, or environment"))
        return found

    def build(self, outlet: Outlet) -> Channel:
        """Make the channel that stands at ``outlet``."""
        return HttpSender(self, Http(self, outlet))

    async def tell(self, letter: Letter, http: Http) -> str:
        """Send one letter through ``http``; returns what the other side said."""
        message = f"{type(self).__name__} does not say how to send {letter.notification.id}"
        raise TypeError(message)


@dataclass(frozen=True, slots=True)
class HttpSender:
    """A channel that speaks HTTP, at its place."""

    options: HttpChannel
    http: Http = field(repr=False)

    @property
    def resend(self) -> float | None:
        """Return seconds after which what still fires must be told again, as its kind says."""
        return self.options.resend

    async def send(self, letter: Letter) -> str:
        """Deliver a letter within its time-out."""
        place = self.options.place
        try:
            async with asyncio.timeout(letter.timeout):
                return await self.options.tell(letter, self.http)
        except TimeoutError:
            raise DeliveryError(f"{place} did not answer within {format_duration(letter.timeout)}") from None

    async def aclose(self) -> None:
        """Nothing is kept: every letter gets a connection of its own."""


class Http:
    """Sends requests for a channel, and reads the answers."""

    __slots__ = ("_guard", "_options", "_outlet", "_redactor")

    def __init__(self, options: HttpChannel, outlet: Outlet) -> None:
        """Send as the options say, from where the outlet stands."""
        self._options = options
        self._outlet = outlet
        self._guard = Guard(outlet.targets)
        fields = (getattr(options, name) for name in options.__struct_fields__ if name not in ("url", "proxy"))
        secrets = [field for field in (*fields, *options.headers.values()) if isinstance(field, Secret)]
        proxy = options.proxy.reveal() if options.proxy else ""
        texts = words(*(secret.reveal() for secret in secrets))
        self._redactor = Redactor(texts, options.url.reveal(), *([proxy] if "://" in proxy else []))

    @property
    def outlet(self) -> Outlet:
        """Return where the channel stands."""
        return self._outlet

    def redact(self, text: str) -> str:
        """Make one bounded line of what somebody said, without our secrets."""
        return self._redactor.line(text)

    async def post(
        self,
        letter: Letter,
        body: bytes,
        *,
        url: str = "",
        method: str = "POST",
        content_type: str = "application/json",
        headers: Mapping[str, str] = _NO_HEADERS,
        secret: Secret | None = None,
    ) -> httpclient.Response:
        """Send a body, and return the answer where it says that it was taken (2xx).

        Args:
            letter: what it tells; gives the request its identity.
            body: what to send.
            url: where to, if not to the channel's own URL.
            method: of the request.
            content_type: of the body.
            headers: of this kind; those of the config win.
            secret: signs the body (``X-Salus-Signature``).

        Raises:
            DeliveryError: it was not taken.
        """
        request = httpclient.Request(
            url=url or self._options.url.reveal(),
            method=method,
            headers=self._headers(letter, body, {"Content-Type": content_type, **headers}, secret),
            body=body,
            tls=self._tls(),
            max_body=_KEPT,
            proxy=self._options.proxy.reveal() if self._options.proxy else "",
            permit=self._guard.why_not,
        )
        where = place(request.url)
        try:
            answer = await httpclient.send(self._prepared(request, where), resolve_within=letter.timeout / 2)
        except httpclient.HttpError as error:
            remedy = self._redactor(error.remedy) if error.remedy else None
            said = f"{where} cannot be asked: {error}" if where not in str(error) else str(error)
            raise DeliveryError(self._redactor.line(said, 400), remedy=remedy, permanent=error.permanent) from None
        self._judge(answer, where)
        return answer

    def said(self, answer: httpclient.Response) -> str:
        """Say in one line what the other side said."""
        return self._redactor.line(f"{answer.status} {answer.reason}")

    def _prepared(self, request: httpclient.Request, where: str) -> httpclient.Prepared:
        try:
            prepared = httpclient.prepare(request)
        except httpclient.RequestError as error:
            # What it says may quote the URL.
            what = f"the {error.part} of the request to {where} cannot be sent"
            raise DeliveryError(what, remedy="salus validate says more", permanent=True) from None
        if not prepared.proxied:
            return prepared
        if why := self._guard.why_not_beyond(prepared.url.host):
            raise httpclient.ForbiddenError(f"no connection to {where}: {why}")
        return httpclient.prepare(replace(request, permit=None))  # the proxy itself is the config's own choice

    def _headers(
        self, letter: Letter, body: bytes, of_kind: Mapping[str, str], secret: Secret | None
    ) -> tuple[tuple[str, str], ...]:
        id_ = _NOT_VISIBLE.sub("", letter.notification.id)[:128]
        headers = {
            "User-Agent": f"salus/{__version__}",
            "Idempotency-Key": id_,
            "X-Salus-Delivery": f"{id_}/{letter.attempt}",
            **of_kind,
        }
        if secret is not None:
            headers["X-Salus-Signature"] = signature(secret, body, int(self._outlet.clock.now().timestamp()))
        given = {name.lower() for name in self._options.headers}
        kept = [(name, value) for name, value in headers.items() if name.lower() not in given]
        return (*kept, *((name, value.reveal()) for name, value in self._options.headers.items()))

    def _tls(self) -> httpclient.TlsOptions:
        options = self._options
        return httpclient.TlsOptions(
            verify=options.verify_tls,
            ca_file=options.ca_file,
            client_certificate=options.client_certificate,
            client_key=options.client_key,
            server_name=options.server_name,
        )

    def _judge(self, answer: httpclient.Response, where: str) -> None:
        """Raise unless the answer says that the body was taken."""
        status = answer.status
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise DeliveryError(
                f"{where} answered {status} and redirects to {_target(answer)}: redirects are not followed",
                remedy="configure the URL that it leads to",
                permanent=True,
            )
        body = self._redactor.line(answer.body.decode(errors="replace"), truncated=answer.truncated)
        what = f"{where} answered {self._redactor.line(f'{status} {answer.reason}')}{f': {body}' if body else ''}"
        if status in PASSING or status >= 500:
            raise DeliveryError(what, retry_after=retry_after(answer.header("retry-after"), self._outlet.clock.now()))
        raise DeliveryError(what, permanent=True)


def signature(secret: Secret, body: bytes, at: int) -> str:
    """Return the value of ``X-Salus-Signature``: ``t=<unix seconds>,v1=<hex hmac-sha256 of "<t>.<body>">``."""
    digest = hmac.new(secret.reveal().encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def retry_after(value: str | None, now: datetime) -> float | None:
    """Read a ``Retry-After``: seconds or an HTTP date (RFC 9110, 10.2.3); bounded, and None where it says nothing."""
    text = (value or "").strip()[:64]
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return min(float(text), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), LONGEST_WAIT)


def place(url: str) -> str:
    """Return host and port of a URL, and nothing else of it."""
    try:
        parsed = urls.parse(url)
    except httpclient.HttpError:
        return "nowhere"
    host = clean(parsed.host, 260)
    return f"[{host}]:{parsed.port}" if ":" in host else f"{host}:{parsed.port}"


def url_problems(url: Secret, schemes: tuple[str, ...] = ("http", "https")) -> list[str]:
    """Say what is wrong with a URL without quoting any of it."""
    remedy = " or ".join(f"{scheme}://host/path" for scheme in schemes)
    try:
        parsed = urls.parse(url.reveal())
    except httpclient.HttpError:
        return [f"it is not a URL: write {remedy} in full"]
    return [] if parsed.scheme in schemes else [f"it has another scheme: write {remedy}"]


def _target(answer: httpclient.Response) -> str:
    """Return host and port that a redirect leads to."""
    try:
        return place(str(urls.join(urls.parse(answer.url), answer.header("location") or "")))
    except httpclient.HttpError:
        return "nowhere"


def fits_header(value: str) -> bool:
    if any(character in value for character in "\r\n\0"):
        return False
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
