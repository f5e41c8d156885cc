"""Send a prepared request: on a connection of its own, or on one that is kept."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from salus.clock import SystemClock
from salus.httpclient import redirects
from salus.httpclient.dial import connect, start_tls
from salus.httpclient.faults import AnswerError, ConnectError, HttpError, ProxyError, RedirectError
from salus.httpclient.messages import Request, Response, Timings
from salus.httpclient.prepare import Prepared, prepare
from salus.httpclient.tls import context, expires
from salus.httpclient.wire import Raw, Wire

_ALPN = ("http/1.1",)
# RFC 9110, 9.2.2: these may be sent twice without harm.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_monotonic = SystemClock().monotonic

_Opened: TypeAlias = "tuple[float, float]"  # Seconds to connect and for the TLS handshake.
_SendOne: TypeAlias = "Callable[[Prepared, float | None], Awaitable[Response]]"


async def fetch(request: Request, *, resolve_within: float | None = None) -> Response:
    """Send a request on a connection of its own and return the response.

    There is no time-out here: the caller has one. When it cancels, the connection is closed at once.

    Args:
        request: what to ask.
        resolve_within: seconds the resolver may take before that is an error of its own (see ``dial.connect``).

    Raises:
        HttpError: there is no usable answer; ``ours`` tells whether that says anything about the target.
    """
    return await send(prepare(request), resolve_within=resolve_within)


async def send(prepared: Prepared, *, resolve_within: float | None = None) -> Response:
    """Send a prepared request on a connection of its own; otherwise like ``fetch``."""
    response = await _send_once(prepared, resolve_within)
    if prepared.request.follow_redirects and response.status in redirects.STATUSES:
        return await _follow(prepared, response, resolve_within, _send_once)
    return response


class Connection:
    """Keeps the connection to one server between requests. One request at a time; a second one gets its own."""

    __slots__ = ("_route", "_wire")

    def __init__(self) -> None:
        """Begin without a connection; the first request opens it."""
        self._wire: Wire | None = None
        self._route: tuple[object, ...] = ()

    async def fetch(self, request: Request, *, resolve_within: float | None = None) -> Response:
        """Send a request; see ``fetch``."""
        return await self.send(prepare(request), resolve_within=resolve_within)

    async def send(self, prepared: Prepared, *, resolve_within: float | None = None) -> Response:
        """Send a prepared request, on the kept connection where it is still good."""
        response = await self._send_kept(prepared, resolve_within)
        if prepared.request.follow_redirects and response.status in redirects.STATUSES:
            return await _follow(prepared, response, resolve_within, self._send_hop)
        return response

    def close(self) -> None:
        """Let go of the connection."""
        if self._wire is not None:
            self._wire.abort()
            self._wire = None

    async def _send_hop(self, prepared: Prepared, resolve_within: float | None) -> Response:
        """Keep the connection only for where the requests begin; a redirect's other host gets one of its own."""
        if prepared.route == self._route:
            return await self._send_kept(prepared, resolve_within)
        return await _send_once(prepared, resolve_within)

    async def _send_kept(self, prepared: Prepared, resolve_within: float | None) -> Response:
        wire, self._wire = self._wire, None
        if wire is not None and not wire.closed and prepared.route == self._route:
            started = _monotonic()
            try:
                return await self._ask(wire, prepared, started, (0.0, 0.0))
            except (ConnectError, AnswerError):
                # The server may have given up the idle connection just now: that is not a verdict. Asking twice is
                # safe for what is idempotent, and only where not one byte of an answer came.
                if wire.first_byte or prepared.request.method not in _IDEMPOTENT:
                    raise
        elif wire is not None:
            wire.abort()
        started = _monotonic()
        wire, opened = await _open(prepared, started, resolve_within)
        self._route = prepared.route
        return await self._ask(wire, prepared, started, opened)

    async def _ask(self, wire: Wire, prepared: Prepared, started: float, opened: _Opened) -> Response:
        reusable = False
        try:
            asked = _monotonic()
            raw = await wire.ask(prepared.kept, head=prepared.bodyless, max_body=prepared.request.max_body)
            reusable = raw.reusable
            return _response(prepared, wire, raw, _timings(opened, raw, started, asked))
        finally:
            if reusable and self._wire is None:
                self._wire = wire
            else:
                wire.abort()


async def _send_once(prepared: Prepared, resolve_within: float | None) -> Response:
    started = _monotonic()
    wire, opened = await _open(prepared, started, resolve_within)
    try:
        asked = _monotonic()
        raw = await wire.ask(prepared.once, head=prepared.bodyless, max_body=prepared.request.max_body)
        return _response(prepared, wire, raw, _timings(opened, raw, started, asked))
    finally:
        wire.abort()


def _timings(opened: _Opened, raw: Raw, started: float, asked: float) -> Timings:
    return Timings(opened[0], opened[1], raw.first_byte - asked, _monotonic() - started)


def _response(prepared: Prepared, wire: Wire, raw: Raw, timings: Timings) -> Response:
    if raw.status == 407 and prepared.proxied:
        raise ProxyError(f"the proxy {prepared.endpoint} wants a password", remedy="put user:password@ into its URL")
    return Response(
        raw.status,
        raw.reason.decode("latin-1"),
        raw.headers,
        raw.body,
        raw.truncated,
        prepared.shown,
        timings,
        expires(wire.transport) if prepared.tls is not None and wire.transport is not None else None,
    )


async def _open(prepared: Prepared, started: float, resolve_within: float | None) -> tuple[Wire, _Opened]:
    """Connect, through the proxy's tunnel and with TLS where the request wants them."""
    factory = partial(Wire, asyncio.get_running_loop(), _monotonic, prepared.place)
    if prepared.tls is None and not prepared.proxied:
        permit = prepared.request.permit
        wire = await connect(prepared.endpoint, factory, resolve_within=resolve_within, permit=permit)
        return wire, (_monotonic() - started, 0.0)
    return await _open_secured(prepared, factory, started, resolve_within)


async def _open_secured(
    prepared: Prepared, factory: Callable[[], Wire], started: float, resolve_within: float | None
) -> tuple[Wire, _Opened]:
    tls = prepared.tls
    secured = context(tls, _ALPN) if tls is not None else None
    wire = await _reach(prepared, factory, resolve_within)
    ready = False
    try:
        if prepared.tunnel:
            await _tunnel(prepared, wire)
        connected = _monotonic()
        if secured is not None and tls is not None:
            await start_tls(wire, secured, tls.server_name or prepared.url.host, wire.place)
        ready = True
        return wire, (connected - started, _monotonic() - connected)
    finally:
        if not ready:
            wire.abort()


async def _reach(prepared: Prepared, factory: Callable[[], Wire], resolve_within: float | None) -> Wire:
    try:
        permit = prepared.request.permit
        return await connect(prepared.endpoint, factory, resolve_within=resolve_within, permit=permit)
    except HttpError as error:
        if not prepared.proxied:
            raise
        raise ProxyError(f"the proxy cannot be used: {error}", remedy=error.remedy) from error


async def _tunnel(prepared: Prepared, wire: Wire) -> None:
    """Have the proxy connect us. What it says of the target counts; that it does not want us is our own trouble."""
    try:
        raw = await wire.ask(prepared.tunnel, head=True, max_body=0)
    except HttpError as error:
        raise ProxyError(f"the proxy {prepared.endpoint} did not answer: {error}") from error
    if 200 <= raw.status < 300:
        return
    said = f"{raw.status} {raw.reason.decode('latin-1')}".strip()
    if raw.status in (502, 503, 504):
        what = f"the proxy {prepared.endpoint} could not reach {prepared.url.authority}: it answered {said}"
        raise ConnectError(what).because(errno.EHOSTUNREACH)
    raise ProxyError(f"the proxy {prepared.endpoint} refused: it answered {said}", remedy="look at its rules and log")


async def _follow(prepared: Prepared, response: Response, resolve_within: float | None, send_one: _SendOne) -> Response:
    limit = prepared.request.follow_redirects
    total = response.timings.total
    for count in range(limit + 1):
        request = redirects.follow(prepared, response) if response.status in redirects.STATUSES else None
        if request is None:
            timings = response.timings._replace(total=total)
            return response._replace(timings=timings, redirects=count)
        if count < limit:
            prepared = prepare(request)
            response = await send_one(prepared, resolve_within)
            total += response.timings.total
    raise RedirectError(
        f"{prepared.shown} is the end of {limit} redirects, and redirects again", remedy="does it redirect in a circle?"
    )
