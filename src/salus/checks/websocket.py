"""The ``websocket`` check: a handshake, a ping, and what an application answers."""

from __future__ import annotations

import asyncio
import json as jsonlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from msgspec import field

from salus.checks import _json_path
from salus.checks._bounds import Findings
from salus.checks._dialled import LAST_WORD
from salus.checks._kept import Kept
from salus.checks._net import excerpt, failed, too_slow
from salus.checks._systems import Scheme, SystemOptions, Target, lacking, missing, redactor_of
from salus.clock import SystemClock
from salus.httpclient import HttpError
from salus.httpclient.dial import Endpoint
from salus.httpclient.prepare import basic
from salus.httpclient.redaction import Redactor, words
from salus.httpclient.tls import context
from salus.model import Metric, Observation
from salus.ports import Check, Look, Site
from salus.secret import Secret
from salus.units import Size, format_duration

if TYPE_CHECKING:
    from salus.checks._websocket_line import WebsocketLine

_monotonic = SystemClock().monotonic
_PLAIN = frozenset({"accept-language", "origin", "user-agent"})


class Websocket(SystemOptions, frozen=True, kw_only=True):
    """Keeps a WebSocket open, pings it, and can say something and compare the answer. Needs the extra ``websocket``.

    The connection is kept from look to look; one that died is replaced within the look. Whatever the server sends of
    its own accord is read and thrown away. A server that refuses the handshake is unhealthy, and its status code is in
    the message.

    Metrics: ``latency_seconds`` (of the ping), ``connect_seconds`` (handshake and all) where it connected anew,
    ``answer_seconds``.

    Attributes:
        url: ``ws://host:port/path``, or ``wss://`` with TLS.
        headers: headers of the handshake. They appear in no log; still, put credentials into ``bearer`` or
            ``password``.
        subprotocol: what the server must agree to speak.
        bearer: a bearer token, sent as ``Authorization: Bearer ...``.
        send: text to send, once the connection is open; every look sends it.
        expect: text that a message must contain; messages that do not are passed over.
        json_path: path in a JSON message -> expected value or comparisons, as in the check ``http``; messages in which
            not all of them hold are passed over.
        max_bytes: the longest message that is taken; a server that sends a longer one is unhealthy.
        unix_socket: connect to this socket instead of the URL's host.
    """

    schemes: ClassVar[Mapping[str, Scheme]] = {"ws": Scheme(port=80), "wss": Scheme(port=443, tls=True)}

    headers: dict[str, str] = field(default_factory=dict)
    subprotocol: str | None = None
    bearer: Secret | None = None
    send: str | None = None
    expect: str | None = None
    json_path: dict[str, Any] = field(default_factory=dict)
    max_bytes: Size = Size(1 << 20)
    unix_socket: Path | None = None

    def problems(self) -> list[tuple[str, str]]:
        """Find what the types alone cannot tell."""
        found = [*super().problems(), *missing("websocket", "websocket", "websockets")]
        try:
            for path, wanted in self.json_path.items():
                _json_path.expectation(path, wanted)
        except ValueError as error:
            found.append(("json_path", str(error)))
        if self.expect is not None and self.json_path:
            found.append(("json_path", "expect and json_path are both given: keep one of them"))
        if self.bearer and (self.username or self.password):
            found.append(("bearer", "bearer and username are both given: keep one of them"))
        if self.password and self.username is None:
            found.append(("password", "a password needs a username: add it"))
        if any(not (f"{name}{value}".isprintable() and name.isascii()) for name, value in self.headers.items()):
            found.append(("headers", "a header holds what none may hold: keep it on one line"))
        return found

    def asked_headers(self) -> list[tuple[str, str]]:
        """Return the headers of the handshake."""
        found = list(self.headers.items())
        target = self.target()
        if self.bearer:
            found.append(("Authorization", f"Bearer {self.bearer.reveal()}"))
        elif target.username:
            found.append(("Authorization", basic(target.username, target.password)))
        return found

    def redactor(self, *secrets: str) -> Redactor:
        """Return what takes our secrets out of what a server says."""
        hidden = [value for name, value in self.asked_headers() if name.lower() not in _PLAIN]
        given = [one.reveal() for one in (self.password, self.bearer) if one]
        return redactor_of(self.url, *words(*hidden, *given, *secrets))

    def target(self) -> Target:
        """Return where to connect to, and as whom."""
        found = super().target()
        return replace(found, endpoint=Endpoint(unix_socket=self.unix_socket)) if self.unix_socket else found

    def build(self, site: Site) -> Check:
        """Make the check.

        Raises:
            MissingExtraError: the extra ``websocket`` is not installed.
        """
        if error := lacking("websocket", "websocket", "websockets"):
            raise error
        return WebsocketCheck(self)


class WebsocketCheck:
    """A ``websocket`` check, ready to look."""

    def __init__(self, options: Websocket) -> None:
        """Read the options once."""
        from salus.checks._websocket_line import WebsocketLine  # needs the extra

        self._line = WebsocketLine
        self._options = options
        self._redact = options.redactor()
        self._target = options.target()
        self._endpoint = self._target.endpoint
        self._url = _bare(options.url)
        self._wanted = [_json_path.expectation(path, wanted) for path, wanted in options.json_path.items()]
        self._kept: Kept[WebsocketLine] = Kept(str(self._endpoint), self._open)

    async def look(self, look: Look) -> Observation:
        """Ping, talk and judge."""
        options, metrics, findings = self._options, dict[str, Metric](), Findings()
        try:
            async with self._kept.line(look) as line:
                started = _monotonic()
                unmet = await self._talk(line, look)
                if options.expect is not None or self._wanted:
                    metrics["answer_seconds"] = Metric(_monotonic() - started, "seconds")
        except HttpError as error:
            return failed(look, error, redact=self._redact)
        metrics.update(self._kept.metrics())
        if unmet:
            findings.unhealthy(unmet)
        if slow := too_slow(self._kept.alive_seconds, options.latency_below):
            findings.degraded(f"{self._endpoint}: {slow}")
        said = f"{self._endpoint} answered a ping in {format_duration(self._kept.alive_seconds)}"
        seen = findings.answer(look, self._kept.remark(said), metrics=metrics)
        return replace(seen, message=self._redact(seen.message))

    async def aclose(self) -> None:
        """Close the kept connection."""
        await self._kept.aclose()

    async def _talk(self, line: WebsocketLine, look: Look) -> str:
        """Say what is to be said, and wait for what is expected; return what did not come, or nothing."""
        options = self._options
        expects = options.expect is not None or bool(self._wanted)
        answer = line.listen(self._fits) if expects else None
        if options.send is not None:
            await line.say(options.send)
        if answer is None:
            return ""
        try:
            async with asyncio.timeout(look.remaining * LAST_WORD * LAST_WORD):
                await answer
        except TimeoutError:
            last = line.last
            line.deafen()
            wanted = repr(options.expect) if options.expect is not None else "a JSON message that fits json_path"
            got = f"the last was {excerpt(self._redact(last).encode())!r}" if last else "none came"
            return f"expected {wanted} from {self._endpoint}, {got}"
        line.deafen()
        return ""

    def _fits(self, message: str) -> bool:
        if self._options.expect is not None:
            return self._options.expect in message
        document = _document(message)
        return document is not None and not any(one.unmet(document) for one in self._wanted)

    async def _open(self, look: Look) -> WebsocketLine:
        options = self._options
        tls = None
        if self._target.tls:
            tls = await asyncio.to_thread(context, options.tls_options())
        return await self._line.opened(
            self._url,
            self._endpoint,
            look,
            headers=options.asked_headers(),
            subprotocol=options.subprotocol,
            max_bytes=options.max_bytes,
            tls=tls,
            server_name=options.server_name,
        )


def _bare(url: str) -> str:
    """Return a URL without user and password, which go into a header."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _document(message: str) -> Any:
    """Return a JSON message; None where it is none."""
    try:
        return jsonlib.loads(message)
    except (ValueError, RecursionError):
        return None
