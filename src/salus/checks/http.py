"""The ``http`` check: ask a URL, and compare what comes back with what is expected."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from msgspec import Meta, field

from salus.checks import _json_path
from salus.checks._http_answer import Answer, statuses
from salus.checks._net import failed, resolve_within
from salus.httpclient import (
    Connection,
    HttpError,
    Prepared,
    Request,
    RequestError,
    TlsOptions,
    prepare,
    send,
)
from salus.httpclient.prepare import basic
from salus.httpclient.redaction import Redactor, of_place, words
from salus.model import Observation
from salus.options import CheckOptions
from salus.ports import Check, Look, Site
from salus.secret import Secret
from salus.units import Duration, Size

# Headers whose values tell nobody a secret; the values of all others are hidden in the repr.
_PLAIN = frozenset({"accept", "accept-language", "cache-control", "content-type", "host", "origin", "user-agent"})


class Http(CheckOptions, frozen=True, kw_only=True):
    """Asks a URL and compares the answer with what is expected.

    Healthy means: the server answered, with an expected status, and everything that is expected of headers and body
    holds. Every look opens a connection of its own, as a new user would, unless ``keep_alive`` says otherwise.
    A server that refuses, hangs up, redirects in circles, shows a bad certificate or answers rubbish is unhealthy;
    where this machine could not even ask (no address for the name, no file descriptor left, proxy down) the check
    answers unknown.

    Metrics: ``latency_seconds`` (all of it, redirects included), ``connect_seconds``, ``tls_seconds``,
    ``first_byte_seconds``, ``status_code``, ``body_bytes``, ``certificate_expires_seconds``.

    Attributes:
        url: what to ask: ``http://host:port/path`` or ``https://...``.
        method: GET unless said otherwise; POST where there is a ``body`` or ``json``.
        headers: request headers. They appear in no log; still, put credentials into ``bearer`` or ``password``.
        body: request body, as text.
        json: request body, as JSON; sets ``Content-Type``.
        username: for Basic authentication.
        password: for Basic authentication.
        bearer: a bearer token, sent as ``Authorization: Bearer ...``.
        status: the expected status: a code (200), a class (2xx), a range (200-399), or a list of these.
        body_contains: text, or texts that must all be in the body.
        body_not_contains: text, or texts none of which may be in the body.
        body_matches: a regular expression that must match somewhere in the body (``.`` and ``^`` within a line).
        json_path: path in the JSON body -> expected value, or comparisons (``above``, ``below``, ``matches``,
            ``equals``, ``not_equals``, ``exists``). A path looks like ``$.status`` or ``data.items[0].state``.
        expect_headers: response header -> text that its value must contain, whatever its case; empty text: present.
        latency_below: slower than this is degraded.
        latency_unhealthy: slower than this is unhealthy.
        max_body: bytes of the body to read; expectations see no more of it.
        follow_redirects: judge the page that redirects lead to; false judges the redirect itself.
        max_redirects: more redirects than this are unhealthy.
        verify_tls: trust only valid certificates.
        ca_file: trust these authorities (PEM) instead of the system's.
        client_certificate: our own certificate (PEM), where the server wants one.
        client_key: its private key (PEM), where it is in a file of its own.
        server_name: the name to ask TLS for and to verify, where it is not the URL's host.
        unix_socket: connect to this socket instead of the URL's host.
        keep_alive: keep the connection between looks. Cheaper, and blind to a server that takes no new connections.
        certificate_expires_in: a certificate that expires sooner than this is degraded.
        proxy: a proxy's URL, or ``environment`` for what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. Without it no proxy
            is used, whatever the environment says.
    """

    scalar: ClassVar[str] = "url"

    url: str
    method: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    json: Any = None
    username: str | None = None
    password: Secret | None = None
    bearer: Secret | None = None
    status: int | str | tuple[int | str, ...] = "2xx"
    body_contains: str | tuple[str, ...] = ()
    body_not_contains: str | tuple[str, ...] = ()
    body_matches: str | None = None
    json_path: dict[str, Any] = field(default_factory=dict)
    expect_headers: dict[str, str] = field(default_factory=dict)
    latency_below: Duration | None = None
    latency_unhealthy: Duration | None = None
    max_body: Size = Size(1 << 20)
    follow_redirects: bool = True
    max_redirects: Annotated[int, Meta(ge=1, le=50)] = 10
    verify_tls: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    unix_socket: Path | None = None
    keep_alive: bool = False
    certificate_expires_in: Duration | None = None
    proxy: str | None = None

    def __repr__(self) -> str:
        """Label the check without giving away what its URL, headers or body may hold."""
        url = self.url.partition("?")[0]
        scheme, separator, rest = url.rpartition("://")
        place = rest.rpartition("@")[2] if "@" in rest.partition("/")[0] else rest
        headers = {name: value if name.lower() in _PLAIN else "***" for name, value in self.headers.items()}
        fields = {
            "url": scheme + separator + place,
            "method": self._method(),
            "headers": headers,
            "status": self.status,
        }
        return f"Http({', '.join(f'{name}={value!r}' for name, value in fields.items())})"

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = self._expectation_problems()
        if self.body is not None and self.json is not None:
            found.append(("json", "body and json are both given: keep one of them"))
        if self.bearer and (self.username or self.password):
            found.append(("bearer", "bearer and username are both given: keep one of them"))
        if self.password and self.username is None:
            found.append(("password", "a password needs a username: add it"))
        if self.client_key and not self.client_certificate:
            found.append(("client_key", "a key needs its certificate: add client_certificate"))
        if self.unix_socket and self.proxy:
            found.append(("proxy", "a unix socket is not reached through a proxy: keep one of them"))
        try:
            prepare(self.request())
        except RequestError as error:
            text = f"{error}: {error.remedy}" if error.remedy else str(error)
            found.append((error.part, text))
        return found

    def request(self) -> Request:
        """Return the request that every look sends."""
        body = self.body.encode() if self.body is not None else b""
        headers = list(self.headers.items())
        if self.json is not None:
            body = jsonlib.dumps(self.json).encode()
            headers += [] if _named(self.headers, "content-type") else [("Content-Type", "application/json")]
        if self.bearer:
            headers.append(("Authorization", f"Bearer {self.bearer.reveal()}"))
        elif self.username is not None:
            headers.append(("Authorization", basic(self.username, self.password.reveal() if self.password else "")))
        return Request(
            url=self.url,
            method=self._method(),
            headers=tuple(headers),
            body=body,
            unix_socket=self.unix_socket,
            tls=TlsOptions(
                verify=self.verify_tls,
                ca_file=self.ca_file,
                client_certificate=self.client_certificate,
                client_key=self.client_key,
                server_name=self.server_name,
            ),
            max_body=self.max_body,
            follow_redirects=self.max_redirects if self.follow_redirects else 0,
            proxy=self.proxy or "",
        )

    def answer(self) -> Answer:
        """Return what every look expects, read once."""
        return Answer(
            statuses=statuses(self.status),
            expected=" or ".join(str(one) for one in _several(self.status)),
            contains=tuple((text, text.encode()) for text in _several(self.body_contains)),
            contains_not=tuple((text, text.encode()) for text in _several(self.body_not_contains)),
            matches=None if self.body_matches is None else re.compile(self.body_matches, re.MULTILINE),
            json_paths=tuple(_json_path.expectation(path, wanted) for path, wanted in self.json_path.items()),
            headers=tuple(self.expect_headers.items()),
            latency_below=self.latency_below,
            latency_unhealthy=self.latency_unhealthy,
            expires_in=self.certificate_expires_in,
            max_body=self.max_body,
            redact=self.redactor(),
        )

    def redactor(self) -> Redactor:
        """Return what takes our secrets out of what a server says: many repeat what they were asked."""
        headers = [value for name, value in self.headers.items() if name.lower() not in _PLAIN]
        secrets = words(*headers, *(one.reveal() for one in (self.password, self.bearer) if one))
        if self.username is not None and self.password:
            secrets.append(basic(self.username, self.password.reveal()).removeprefix("Basic "))
        return Redactor([*secrets, *of_place(self.url), *of_place(self.proxy or "")])

    @property
    def shares(self) -> str | None:
        """Name where it connects to: the server or the proxy."""
        return str(prepare(self.request()).endpoint)

    def build(self, site: Site) -> Check:
        """Make the check, with its request laid out once."""
        return HttpCheck(prepare(self.request()), self.answer(), keep_alive=self.keep_alive)

    def _expectation_problems(self) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        readings: list[tuple[str, Callable[[], object]]] = [("status", partial(statuses, self.status))]
        if self.body_matches is not None:
            readings.append(("body_matches", partial(_json_path.pattern, self.body_matches)))
        for path, wanted in self.json_path.items():
            readings.append(("json_path", partial(_json_path.expectation, path, wanted)))
        for name, read in readings:
            try:
                read()
            except ValueError as error:
                found.append((name, str(error)))
        return found

    def _method(self) -> str:
        return self.method or ("GET" if self.body is None and self.json is None else "POST")


T = TypeVar("T")


def _several(given: T | tuple[T, ...]) -> tuple[T, ...]:
    return tuple(given) if isinstance(given, tuple | list) else (given,)


def _named(headers: dict[str, str], name: str) -> bool:
    return any(key.lower() == name for key in headers)


class HttpCheck:
    """An ``http`` check, ready to look."""

    __slots__ = ("_answer", "_connection", "_literal", "_prepared")

    def __init__(self, prepared: Prepared, answer: Answer, *, keep_alive: bool) -> None:
        """Look with this request and judge what comes back by these expectations."""
        self._prepared = prepared
        self._answer = answer
        self._connection = Connection() if keep_alive else None
        # Only a name needs the resolver; a redirect may lead to one, too.
        self._literal = prepared.endpoint.literal and not prepared.request.follow_redirects

    async def look(self, look: Look) -> Observation:
        """Ask and judge."""
        within = None if self._literal else resolve_within(look)
        try:
            if self._connection is None:
                response = await send(self._prepared, resolve_within=within)
            else:
                response = await self._connection.send(self._prepared, resolve_within=within)
        except HttpError as error:
            seen = failed(look, error)
            return replace(seen, message=self._answer.redact(seen.message))
        return self._answer.judge(look, response)

    async def aclose(self) -> None:
        """Let go of the kept connection."""
        if self._connection is not None:
            self._connection.close()
