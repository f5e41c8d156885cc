"""``/metrics`` as a pure ASGI app: text 0.0.4 or OpenMetrics 1.0, as ``Accept`` asks.

Whoever asks for something else gets the text: a scraper that is told 406 tells nobody. What was written is served again
for ten times as long as it took, so however often one asks, writing takes a tenth of the event loop at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from salus.model import Role
from salus.ports import Clock
from salus.surfaces.access.audit import Audit
from salus.surfaces.access.caller import Caller
from salus.surfaces.access.gate import Gate
from salus.surfaces.access.near import is_near
from salus.surfaces.access.refusing import refusal
from salus.surfaces.door import path_of
from salus.surfaces.http import Receive, Refused, Response, Scope, Send, header, negotiate, not_allowed
from salus.surfaces.metrics.scrape import Parts, Scrape

PATH = "/metrics"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
SLICE = 0.0005
REST = 10
_OFFERS = {"text/plain": TEXT, "application/openmetrics-text": OPENMETRICS}


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, and until when (monotonic) it is good enough."""

    response: Response
    until: float


class MetricsApp:
    """Answers ``/metrics``."""

    def __init__(self, parts: Parts, gate: Gate, audit: Audit, who: Callable[[], str], *, clock: Clock) -> None:
        """Show ``parts``.

        Args:
            parts: what is shown.
            gate: knows who asks.
            audit: takes note of wrong tokens.
            who: may read it: ``public``, ``local`` or ``token``; the config may change.
            clock: time.
        """
        self._parts = parts
        self._gate = gate
        self._audit = audit
        self._who = who
        self._clock = clock
        self._writing = asyncio.Lock()
        self._kept: dict[str, _Kept] = {}

    def close(self) -> None:
        """Nothing streams here."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._answer(scope)
        except Refused as refused:
            response = refused.response()
        await response.send(send, self._clock.now(), head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope) -> Response:
        path, method = path_of(scope), scope["method"]
        if path != PATH:
            raise Refused(404, f"there is nothing at {path[:200]}", f"ask for {PATH}")
        if method not in ("GET", "HEAD"):
            raise not_allowed(method, PATH, "GET, HEAD")
        self._let_in(scope)
        media = _media(header(scope, b"accept"))
        async with self._writing:
            kept = self._kept.get(media)
            if kept is None or self._clock.monotonic() >= kept.until:
                kept = self._kept[media] = await self._written(media)
        return kept.response

    def _let_in(self, scope: Scope) -> None:
        """See that somebody may read this.

        Raises:
            Refused: 401, they may not; 429, too many wrong tokens.
        """
        who = self._who()
        if who == "public":
            return
        caller = self._gate.caller(scope)
        near = who == "local" and (self._gate.open or is_near(scope, self._parts.view.agent().hostname))
        if caller.may(Role.VIEWER) or (near and not caller.wrong):
            return
        refused = _refusal(caller)
        if caller.wrong:
            self._audit.write(caller, scope["method"], PATH, refused.code, refused.detail)
        raise refused

    async def _written(self, media: str) -> _Kept:
        """Write it, and give the loop to others every half a millisecond."""
        spent = 0.0
        scrape = Scrape(self._parts, openmetrics=media == OPENMETRICS)
        began = self._clock.monotonic()
        for _ in scrape.steps():
            if (now := self._clock.monotonic()) - began >= SLICE:
                spent += now - began
                await self._clock.sleep(0)
                began = self._clock.monotonic()
        response = Response(200, media, scrape.body)
        now = self._clock.monotonic()
        rest = REST * (spent + now - began)
        asyncio.get_running_loop().call_later(rest, self._kept.pop, media, None)  # it may be large
        return _Kept(response, now + rest)


def _media(accept: bytes) -> str:
    try:
        return _OFFERS[negotiate(accept, tuple(_OFFERS))]
    except Refused:
        return TEXT


def _refusal(caller: Caller) -> Refused:
    refused = refusal(caller)
    if caller.wrong:
        return refused
    remedy = "send 'Authorization: Bearer' and a token, ask from this host, or say salus: {metrics: public}"
    return Refused(refused.code, "whoever asks from elsewhere needs a token here", remedy, refused.headers)
