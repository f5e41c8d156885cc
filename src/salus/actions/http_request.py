"""Ask another program over HTTP to do something."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

import msgspec

from salus import httpclient
from salus.actions._facts import fill, one_line, unknown_words, words
from salus.errors import ActionError
from salus.httpclient import redaction
from salus.model import Effect, Json
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene
from salus.secret import Secret
from salus.units import format_duration

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_KEPT = 2048


class HttpRequest(ActionOptions, frozen=True, kw_only=True):
    """Send one HTTP request, and fail when the answer has another status than expected.

    ``{check}``, ``{status}``, ``{message}``, ``{attempt}``, ``{attempts}``, ``{rule}``, ``{recovery}`` and
    ``{service}`` stand for what they say in the URL (there they are percent-encoded), in ``body`` and in the texts of
    ``json``. The URL may hold a token, so only its host is ever shown.

    Attributes:
        url: ``http://`` or ``https://``.
        method: ``POST``, ``PUT``, ``GET``, ...
        headers: further headers; a value can be a secret.
        bearer: a token, sent as ``Authorization: Bearer``.
        body: text to send.
        json: anything to send as JSON, instead of ``body``.
        status: the codes that mean success; none given means any from 200 to 299.
        unix_socket: connect to this socket instead of the URL's host.
        verify: trust only a valid certificate.
        ca_file: authorities to trust instead of the system's, as PEM.
        effect: ``records`` (it only tells somebody), ``changes``, or ``replaces`` (the target is a new copy).
    """

    scalar: ClassVar[str] = "url"

    url: str
    method: str = "POST"
    headers: dict[str, Secret] = msgspec.field(default_factory=dict)
    bearer: Secret | None = None
    body: str = ""
    json: Any = None
    status: tuple[int, ...] = ()
    unix_socket: Path | None = None
    verify: bool = True
    ca_file: Path | None = None
    effect: Effect = Effect.CHANGES

    def __rich_repr__(self) -> Any:
        """Show where it goes, and nothing that may be secret."""
        yield "method", self.method
        yield "url", _host(self.url)

    def __repr__(self) -> str:
        """Show where it goes, and nothing that may be secret."""
        return f"{type(self).__name__}({self.method} to {_host(self.url)})"

    def problems(self) -> list[tuple[str, str]]:
        """Find what cannot be sent."""
        found = [("url", complaint) for complaint in _bad_url(self.url)]
        found += [("url", complaint) for complaint in unknown_words(self.url)]
        if not _TOKEN.fullmatch(self.method):
            found.append(("method", f"{self.method!r} is no method: write POST, PUT, GET, DELETE or PATCH"))
        if self.body and self.json is not None:
            found.append(("json", "body and json are both given: keep one of them"))
        for name, value in self.headers.items():
            if not _TOKEN.fullmatch(name) or _breaks(value.reveal()):
                found.append(("headers", f"{name!r} cannot be a header, or its value holds a line break"))
        if self.bearer is not None and (_breaks(self.bearer.reveal()) or not self.bearer):
            found.append(("bearer", "the token is empty or holds a line break: is there one in its file?"))
        if self.bearer is not None and any(name.lower() == "authorization" for name in self.headers):
            found.append(("bearer", "the header Authorization is given too: keep one of them"))
        if any(not 100 <= code <= 599 for code in self.status):
            found.append(("status", "status codes are numbers from 100 to 599"))
        if self.effect is Effect.WAITS:
            found.append(("effect", "a request records, changes or replaces; use the action wait to wait"))
        return found

    async def run(self, scene: Scene) -> ActionResult:
        """Send it."""
        known = words(scene)
        body, kind = self._content(known)
        request = httpclient.Request(
            url=fill(self.url, known, quote=lambda word: quote(word, safe="")),
            method=self.method.upper(),
            headers=self._headers(kind),
            body=body,
            unix_socket=self.unix_socket,
            tls=httpclient.TlsOptions(verify=self.verify, ca_file=self.ca_file),
            max_body=_KEPT,
            proxy="" if self.unix_socket else "environment",
        )
        redact = self._redactor(request.url)
        try:
            response = await httpclient.fetch(request)
        except httpclient.HttpError as error:
            raise ActionError(redact(f"no answer: {error}"), remedy=error.remedy) from error
        return self._result(response, redact)

    def _content(self, known: dict[str, str]) -> tuple[bytes, str]:
        """Return the body and its media type."""
        if self.json is not None:
            return json.dumps(_filled(self.json, known)).encode(), "application/json"
        return fill(self.body, known).encode(), "text/plain; charset=utf-8" if self.body else ""

    def _headers(self, kind: str) -> tuple[tuple[str, str], ...]:
        headers = {name: value.reveal() for name, value in self.headers.items()}
        if kind and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = kind
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer.reveal()}"
        return tuple(headers.items())

    def _redactor(self, url: str) -> redaction.Redactor:
        """Return what takes our secrets out of what the other side says: many repeat what they were asked."""
        secrets = [*self.headers.values(), *([self.bearer] if self.bearer else [])]
        texts = redaction.words(*(secret.reveal() for secret in secrets))
        return redaction.Redactor([*texts, *redaction.of_url(self.url), url])

    def _result(self, response: httpclient.Response, redact: redaction.Redactor) -> ActionResult:
        text = redact(response.body.decode(errors="replace"))
        where = f"{self.method.upper()} to {_host(self.url)}"
        code = response.status
        if code not in self.status if self.status else not 200 <= code < 300:
            expected = ", ".join(map(str, self.status)) or "200 to 299"
            said = f": {one_line(text)[:500]}" if text.strip() else ""
            raise ActionError(f"{where} answered {code} {redact(response.reason)}, expected {expected}{said}")
        took = response.timings.total
        evidence: dict[str, Json] = {"status": code, "body": text, "duration_seconds": round(took, 6)}
        return ActionResult(message=f"{where} answered {code} after {format_duration(took)}", evidence=evidence)


def _bad_url(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- reading it is what finds a bad one
    except ValueError as error:
        return [f"it is not a URL: {error}"]
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return [f"{parts.scheme or 'the address'} is not http:// or https:// with a host: write it in full"]
    return []


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _filled(value: Any, known: dict[str, str]) -> Any:
    """Fill the templates in all texts of a structure."""
    if isinstance(value, str):
        return fill(value, known)
    if isinstance(value, list | tuple):
        return [_filled(member, known) for member in value]
    if isinstance(value, dict):
        return {key: _filled(member, known) for key, member in value.items()}
    return value


def _breaks(text: str) -> bool:
    return any(letter in text for letter in "\r\n\0")
