"""The dashboard as a pure ASGI app: pages, their live parts, and what their forms ask for."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from salus.errors import SalusError
from salus.model import Role
from salus.ports import Clock
from salus.surfaces import wire
from salus.surfaces.access.caller import Caller
from salus.surfaces.access.gate import Gate
from salus.surfaces.access.sessions import COOKIE
from salus.surfaces.api.app import ApiApp
from salus.surfaces.api.queries import split
from salus.surfaces.bodies import line
from salus.surfaces.charts.style import RULES
from salus.surfaces.dashboard.assets import Assets, takes_gzip
from salus.surfaces.dashboard.deeds import Deeds
from salus.surfaces.dashboard.frame import Frame
from salus.surfaces.dashboard.live import Live
from salus.surfaces.dashboard.page import PageView, Visit
from salus.surfaces.dashboard.routes import Routes
from salus.surfaces.dashboard.source import Source
from salus.surfaces.dashboard.survey import Surveyor
from salus.surfaces.dashboard.watch import Watch, Watches
from salus.surfaces.dashboard.writer import ROOT, Writer
from salus.surfaces.door import path_of
from salus.surfaces.http import (
    JSON,
    Receive,
    Refused,
    Response,
    Scope,
    Send,
    cookies,
    header,
    json_response,
    not_allowed,
)

_LOG = logging.getLogger(__name__)
_HTML = "text/html; charset=utf-8"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"vary", b"Cookie, Accept-Encoding"),
)
_SMALLEST_PACKED = 1024
_PACKED_HERE = 32 * 1024


class Dashboard:
    """Answers everything under ``/health-dashboard``."""

    def __init__(self, api: ApiApp, gate: Gate, clock: Clock) -> None:
        """Show what ``api`` speaks for to whom ``gate`` lets in."""
        source = Source(api.parts, api, clock, Surveyor(api.parts.view, clock))
        self._gate = gate
        self._clock = clock
        self._assets = Assets("salus.surfaces.dashboard", more={"salus.css": RULES})
        self._writer = Writer(self._assets.address)
        self._routes = Routes(source)
        self._frame = Frame(source, self._writer)
        self._deeds = Deeds(api, gate)
        self._watches = Watches()
        self.live = Live(self._watches, api.parts.subscribe, clock)

    def close(self) -> None:
        """Let every open page go, so that a stopping server waits for nobody."""
        self.live.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path, method = path_of(scope)[len(ROOT) :], scope["method"]
        visit = Visit(caller=self._gate.caller(scope), now=self._clock.now(), path=path or "/")
        try:
            response = await self._answer(scope, receive, send, path, visit)
        except Exception as error:  # noqa: BLE001 - the boundary between a request and the engine: a bug is a page too
            response = await self._trouble(error, scope, path, visit)
        if response is not None:
            response = await _packed(response, scope)
            await response.send(send, visit.now, head=method == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive, send: Send, path: str, visit: Visit) -> Response | None:
        method = scope["method"]
        if path == "":
            return _moved(f"{visit.caller.prefix}{ROOT}/", code=308)
        if method == "POST":
            return await self._deeds.do(scope, receive, path, visit)
        if method not in ("GET", "HEAD"):
            raise not_allowed(method, ROOT + path[:200], "GET, HEAD, POST")
        if path.startswith("/static/"):
            return self._assets.answer(scope, path.removeprefix("/static/"))
        query = split(scope.get("query_string", b""))
        if path == "/live" and method == "GET":
            await self._stream(scope, receive, send, query, visit)
            return None
        if path.startswith("/api/"):
            return await self._data(path, replace(visit, query=query))
        return await self._page(scope, path, replace(visit, query=query))

    # ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _page(self, scope: Scope, path: str, visit: Visit) -> Response:
        if path == "/sign-in":
            return self._html(self._frame.sign_in(scope, visit, self._gate), 200)
        view, name = self._routes.find(path)
        if not self._may(view, visit.caller):
            if visit.caller.role is None:
                return self._to_sign_in(scope, path, visit)
            raise Refused(
                403, f"the role {visit.caller.role} may not see this", f"use a token with the role {view.role}"
            )
        watch = self._watch(path, view, replace(visit, name=name))
        async with self._watches.turns[watch.known]:
            # What was written a moment ago may be from before what this visitor has just done.
            if self._deeds.says(visit.caller) or not watch.fresh():
                await watch.refresh()
            said = self._deeds.said(visit.caller)
            page = self._html(self._frame.whole(scope, watch, visit, said), watch.page.code if watch.page else 200)
            await self._clock.sleep(0)
        return page

    def _watch(self, path: str, view: PageView, visit: Visit) -> Watch:
        caller = visit.caller
        # Whoever may do the same and came the same way sees the same.
        alike = Caller(role=caller.role, prefix=caller.prefix)
        seen = replace(visit, caller=alike)
        key = (path, tuple(sorted(visit.query.items())), caller.role, caller.prefix)
        return self._watches.get(key, lambda: Watch(self._frame.around(view), seen, self._writer, self._clock))

    def _may(self, view: PageView, caller: Caller) -> bool:
        if caller.wrong:
            return False
        return caller.may(view.role) or (view.shown and self._gate.open)

    def _to_sign_in(self, scope: Scope, path: str, visit: Visit) -> Response:
        wanted = f"{visit.caller.prefix}{ROOT}{path}"
        query = scope.get("query_string", b"").decode("ascii", "replace")
        wanted += f"?{query}" if query else ""
        ended = "ended=1&" if any(cookies(scope, COOKIE)) else ""
        return _moved(f"{visit.caller.prefix}{ROOT}/sign-in?{ended}next={quote(wanted[:1000], safe='')}")

    # ── what stays open ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _stream(self, scope: Scope, receive: Receive, send: Send, query: Mapping[str, str], visit: Visit) -> None:
        """Send what changes of the page that ``view`` names: its path and query, below the root."""
        path, _, asked = query.get("view", "/").partition("?")
        view, name = self._routes.find(path)
        if not self._may(view, visit.caller):
            raise Refused(401 if visit.caller.role is None else 403, "that page is not for everybody", "sign in")
        seen = replace(visit, name=name, path=path, query=split(asked.encode("ascii", "replace")))
        watch = self._watch(path, view, seen)
        mark = header(scope, b"last-event-id").decode("latin-1") or query.get("mark", "")
        if watch.page is None:
            async with self._watches.turns[watch.known]:
                await watch.refresh()
        await self.live.serve(
            watch,
            mark,
            receive,
            send,
            still=lambda: self._may(view, self._gate.caller(scope)),
            stranger=visit.caller.role is None,
        )

    async def _data(self, path: str, visit: Visit) -> Response:
        if not visit.caller.may(Role.VIEWER):
            raise Refused(401, "the token is missing or wrong", "send 'Authorization: Bearer' and a token, or sign in")
        return json_response(await self._routes.data(path, visit))

    # ── what goes wrong ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _trouble(self, error: Exception, scope: Scope, path: str, visit: Visit) -> Response:
        """Say what went wrong: as a page to a person, as a problem to a program."""
        if isinstance(error, Refused):
            code, what, remedy, headers = error.code, error.detail, error.remedy, error.headers
        elif isinstance(error, SalusError):
            told = wire.failure(error)
            code, what, remedy = int(str(told["status"])), str(error), error.remedy or ""
            headers = {}
        else:
            _LOG.error("could not answer %s", line(ROOT + path)[:200], exc_info=error)
            code, what, remedy, headers = (
                500,
                "that went wrong inside Salus",
                "the log of the agent has the details",
                {},
            )
        if _wants_json(scope) or path.startswith(("/api/", "/live", "/static/")):
            return Refused(code, what, remedy, headers).response()
        more = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
        page = self._html(self._frame.trouble(scope, visit, code, what, remedy), code)
        return replace(page, headers=(*page.headers, *more))

    def _html(self, text: str, code: int) -> Response:
        return Response(code, _HTML, text.encode("utf-8", "replace"), _PAGE_HEADERS)


def _wants_json(scope: Scope) -> bool:
    accept = header(scope, b"accept").decode("latin-1").lower()
    return JSON in accept and "text/html" not in accept


def _moved(where: str, code: int = 303) -> Response:
    return Response(code, "text/plain", b"", ((b"location", where.encode("ascii", "replace")),))


async def _packed(response: Response, scope: Scope) -> Response:
    """Pack what is worth it; what is long, beside the loop.

    The token of a session stands in pages beside what a visitor searched for. Guessing it by the length of answers
    would need requests from another site that carry the session, and its cookie is ``SameSite=Strict``.
    """
    known = {name for name, _ in response.headers}
    if len(response.body) < _SMALLEST_PACKED or b"content-encoding" in known or not takes_gzip(scope):
        return response
    if len(response.body) < _PACKED_HERE:
        body = gzip.compress(response.body, 5, mtime=0)
    else:
        body = await asyncio.to_thread(gzip.compress, response.body, 5, mtime=0)
    return replace(response, body=body, headers=(*response.headers, (b"content-encoding", b"gzip")))
