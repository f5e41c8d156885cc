"""The public status page as a pure ASGI app: read at most every few seconds, written once, served from bytes.

    GET /status                               how everything is
    GET /status/history?month=2026-03         the incidents of a month
    GET /status/incidents/<id>                one of them
    GET /status/feed.atom, feed.rss           what was told, for feed readers
    GET /status/api/v2/summary.json           the same for programs, in Statuspage's shapes; status.json,
                                              components.json, incidents.json and scheduled-maintenances.json beside it

Without ``status_page`` in the config all of it is a 404. Nobody is asked who they are, and whoever asks sees the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import TypeAlias
from urllib.parse import parse_qsl

from salus.clock import SystemClock
from salus.model import Json
from salus.ports import Clock
from salus.surfaces import wire
from salus.surfaces.access.proxies import origin
from salus.surfaces.access.throttle import Bucket
from salus.surfaces.charts import DARK, LIGHT
from salus.surfaces.door import path_of
from salus.surfaces.http import JSON, PROBLEM, Receive, Refused, Response, Scope, Send, header, not_allowed
from salus.surfaces.statuspage import feeds, pages, summary, words
from salus.surfaces.statuspage.copies import Copy, answer
from salus.surfaces.statuspage.public import Page
from salus.surfaces.statuspage.reading import Parts, Reader

ROOT = "/status"
FRESH = 5.0
MOST_COPIES = 64
MOST_BYTES = 4 * 1024 * 1024
BURST, PER_SECOND = 30.0, 10.0  # pages that are written; those that were are served as often as one likes

HTML = "text/html; charset=utf-8"
_CSS = "text/css; charset=utf-8"
_SVG = "image/svg+xml"
_FOR_A_MOMENT = b"public, max-age=10"
_FOR_A_DAY = b"public, max-age=86400"
_FOR_EVER = b"public, max-age=31536000, immutable"
_POLICY = (
    b"default-src 'none'; style-src 'self'; img-src 'self' data:; "
    b"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_OPEN = ((b"access-control-allow-origin", b"*"), (b"cross-origin-resource-policy", b"cross-origin"))
_LOG = logging.getLogger(__name__)

_Tells: TypeAlias = Callable[[Page, str], "Mapping[str, Json]"]
_APIS: Mapping[str, _Tells] = {
    "summary": summary.summary,
    "status": summary.status,
    "components": summary.components,
    "incidents": summary.incidents,
    "scheduled-maintenances": summary.scheduled,
}
_FEEDS = {"/feed.atom": (feeds.atom, feeds.ATOM), "/feed.rss": (feeds.rss, feeds.RSS)}
_COLOURS = {"healthy": "healthy", "degraded": "degraded-fill", "unhealthy": "unhealthy", "unknown": "unknown"}
_COLOURS["maintenance"] = "accent"


@dataclass(slots=True)
class _Edition:
    """The page of one moment, and what was written of it so far."""

    page: Page
    until: float
    settings: object
    copies: dict[tuple[str, str], Copy] = field(default_factory=dict)

    def keep(self, key: tuple[str, str], copy: Copy) -> None:
        """Keep what was written, and not too much of it: what was written first goes first."""
        self.copies[key] = copy
        while len(self.copies) > MOST_COPIES or sum(one.size for one in self.copies.values()) > MOST_BYTES:
            if len(self.copies) == 1:
                return
            self.copies.pop(next(iter(self.copies)))


class StatusPage:
    """Answers everything under ``/status``."""

    def __init__(self, parts: Parts, *, clock: Clock | None = None) -> None:
        """Speak for ``parts``."""
        self._parts = parts
        self._clock = clock or SystemClock()
        self._reader = Reader(parts, self._clock)
        self._edition: _Edition | None = None
        self._statics: Mapping[str, Copy] | None = None
        self._reading = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._written = Bucket(BURST, PER_SECOND, BURST, self._clock.monotonic())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = scope["method"]
        try:
            response = await self._answer(scope)
        except Refused as refused:
            response = refused.response()
        except Exception:  # noqa: BLE001 - the boundary between a request and the agent: a bug answers 500
            _LOG.exception("could not write the status page")
            told = wire.problem(500, "that went wrong", "come again later")
            response = Response(500, PROBLEM, wire.encode(told) + b"\n")
        await response.send(send, self._clock.now(), head=method == "HEAD")

    def close(self) -> None:
        """End nothing: no answer lasts."""

    async def _answer(self, scope: Scope) -> Response:
        settings = self._parts.settings()
        if settings.status_page is None:
            raise Refused(404, "there is no status page here", "it is off until the config has `status_page`")
        path = path_of(scope).removeprefix(ROOT).rstrip("/")
        if scope["method"] not in ("GET", "HEAD"):
            raise not_allowed(scope["method"], "the status page", "GET, HEAD")
        if path.startswith("/static/"):
            return answer(scope, await self._static(path.removeprefix("/static/")))
        root = origin(scope, settings.agent.trusted_proxies).prefix + ROOT
        edition = await self._current()
        html = b"text/html" in header(scope, b"accept")
        key = _key(path, scope.get("query_string", b""), edition.page) or (_MISSING if html else "")
        if not key:
            raise _nothing()
        return answer(scope, await self._copy(edition, key, root))

    async def _static(self, name: str) -> Copy:
        if self._statics is None:
            self._statics = await asyncio.to_thread(_statics)  # a file is read
        found = self._statics.get(name)
        if found is None:
            raise _nothing()
        return found

    async def _current(self) -> _Edition:
        """Return the page of this moment; while it is read anew, everybody else is served the one before."""
        edition = self._edition
        if edition is not None and (self._fresh(edition) or (self._reading.locked() and self._same(edition))):
            return edition
        async with self._reading:
            edition = self._edition
            if edition is None or not self._fresh(edition):
                settings = self._parts.settings()
                page = await self._reader.page()
                if page is None:
                    raise _nothing()
                until = self._clock.monotonic() + FRESH
                edition = self._edition = _Edition(page, until, settings)
            return edition

    def _same(self, edition: _Edition) -> bool:
        return edition.settings is self._parts.settings()  # what a reload took away is not shown a moment longer

    def _fresh(self, edition: _Edition) -> bool:
        return self._same(edition) and self._clock.monotonic() < edition.until

    async def _copy(self, edition: _Edition, key: str, root: str) -> Copy:
        found = edition.copies.get((key, root))
        if found is not None:
            return found
        async with self._writing:  # one at a time, and each of them once
            found = edition.copies.get((key, root))
            if found is None:
                # Whoever asks for everything else must not keep people from the page itself.
                first = key == _FRONT and not any(one == _FRONT for one, _ in edition.copies)
                wait = 0.0 if first else self._written.wait(self._clock.monotonic())
                if wait:
                    raise _busy(wait)
                found = await asyncio.to_thread(_write, key, edition.page, root)
                edition.keep((key, root), found)
            return found


_FRONT = "front"
_MISSING = "missing"


def _key(path: str, query: bytes, page: Page) -> str:
    """Return what is asked for, in a form that only what exists has; nothing where it does not exist.

    So nobody can have things written, or kept, by asking for what is not there.
    """
    if path == "":
        return _FRONT
    if path.startswith("/api/v2/"):
        name = path.removeprefix("/api/v2/").removesuffix(".json")
        return f"api:{name}" if path.endswith(".json") and name in _APIS else ""
    if path in _FEEDS:
        return path if page.tells else ""
    if path == "/history":
        month = _month(query, page)
        return f"month:{month}" if month and page.tells else ""
    name = path.removeprefix("/incidents/")
    return f"incident:{name}" if name != path and any(one.id == name for one in page.troubles) else ""


def _month(query: bytes, page: Page) -> str:
    """Return the first day of the month that is asked for, or of this one; nothing where it is not shown."""
    try:
        asked = dict(parse_qsl(query.decode("ascii"), max_num_fields=20)).get("month", f"{page.at:%Y-%m}")
        month = date.fromisoformat(f"{asked}-01")
    except ValueError:
        return ""
    return month.isoformat() if month in words.months(page.at, page.history_days) else ""


def _write(key: str, page: Page, root: str) -> Copy:
    """Write one thing; runs in a thread."""
    kind, _, name = key.partition(":")
    if kind == "api":
        told = wire.encode(_APIS[name](page, page.url or root)) + b"\n"
        return Copy.of(told, JSON, _FOR_A_MOMENT, headers=_OPEN)
    if kind in _FEEDS:
        write, media = _FEEDS[kind]
        return Copy.of(write(page, root).encode(), media, _FOR_A_MOMENT)
    if kind == "month":
        text = pages.history(page, root, date.fromisoformat(name))
    elif kind == "incident":
        text = pages.incident(page, root, next(one for one in page.troubles if one.id == name))
    elif kind == _MISSING:
        text = pages.missing(page, root)
    else:
        text = pages.front(page, root)
    headers = ((b"content-security-policy", _POLICY),)
    return Copy.of(text.encode(), HTML, _FOR_A_MOMENT, headers=headers, code=404 if kind == _MISSING else 200)


@cache
def _statics() -> Mapping[str, Copy]:
    """Return all there is, by its exact name: no name leads anywhere else."""
    style, text = pages.stylesheet()
    found = {style: Copy.of(text.encode(), _CSS, _FOR_EVER)}
    for look, colour in _COLOURS.items():
        drawn = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
            f"<style>circle{{fill:{LIGHT[colour]}}}@media(prefers-color-scheme:dark){{circle{{fill:{DARK[colour]}}}}}"
            '</style><circle cx="8" cy="8" r="6.5"/></svg>\n'
        )
        styled = ((b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),)
        found[f"{look}.svg"] = Copy.of(drawn.encode(), _SVG, _FOR_A_DAY, headers=styled)
    return found


def _nothing() -> Refused:
    return Refused(404, "there is nothing here", f"a status page, where there is one, is at {ROOT}")


def _busy(seconds: float) -> Refused:
    return Refused(
        503, "too much is asked for at once", "come again later", {"Retry-After": str(max(1, round(seconds)))}
    )
