"""The API as a pure ASGI app: who asks, may they, is it understood; then it is answered, and a write is audited."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from salus.clock import SystemClock
from salus.config import Settings
from salus.errors import SalusError
from salus.model import Json, Role
from salus.ports import Access, AlertDesk, Clock, Control, Past, Service, View
from salus.ports.history import History, Incidents
from salus.ports.statuspage import Announcements
from salus.surfaces import wire
from salus.surfaces.access.audit import Audit
from salus.surfaces.access.caller import Caller
from salus.surfaces.access.gate import Gate
from salus.surfaces.access.refusing import refusal
from salus.surfaces.api.announcing import AnnouncementRequests
from salus.surfaces.api.charts import ChartRequests
from salus.surfaces.api.curves import CurveRequests
from salus.surfaces.api.door import ROOT
from salus.surfaces.api.endpoints import GROUPS
from salus.surfaces.api.incidents import IncidentRequests
from salus.surfaces.api.live import LiveEvents
from salus.surfaces.api.machine import MachineRequests
from salus.surfaces.api.past import PastRequests
from salus.surfaces.api.people import CSRF, SessionRequests, SignedIn, TokenRequests
from salus.surfaces.api.present import PresentRequests
from salus.surfaces.api.queries import Query, read, split
from salus.surfaces.api.table import Endpoint, Router
from salus.surfaces.api.telling import HoldingRequests, TellingRequests
from salus.surfaces.api.work import RecoveryRequests
from salus.surfaces.asked import Asked
from salus.surfaces.bodies import LARGEST, Body, line
from salus.surfaces.deeds import DeedRequests
from salus.surfaces.door import path_of
from salus.surfaces.http import (
    JSON,
    PROBLEM,
    Receive,
    Refused,
    Response,
    Scope,
    Send,
    header,
    json_response,
    not_allowed,
    whole_body,
)
from salus.surfaces.stream import Subscribe

_LOG = logging.getLogger(__name__)
_OPENAPI = f"{ROOT}/openapi.json"
_PREFIX = "{prefix}"
_CSRF = CSRF.lower().encode()
_STRANGERS_AT_ONCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the API speaks for.

    Attributes:
        view: the truth.
        control: who does what is asked.
        desk: the alerts.
        past: the ledger.
        history: the long past.
        incidents: trouble that belongs together.
        access: the tokens.
        service: finds a service by name.
        settings: the config in force.
        announcements: what the public was told.
        subscribe: hands every event to a callable from now on; returns what ends that.
    """

    view: View
    control: Control
    desk: AlertDesk
    past: Past
    history: History
    incidents: Incidents
    access: Access
    service: Callable[[str], Service | None]
    settings: Callable[[], Settings]
    announcements: Announcements
    subscribe: Subscribe


class ApiApp:
    """Answers everything under ``/api/v1``."""

    def __init__(self, parts: Parts, gate: Gate, audit: Audit, *, clock: Clock | None = None) -> None:
        """Speak for an agent.

        Args:
            parts: what is spoken for.
            gate: tells who asks.
            audit: notes every write.
            clock: time; the system's unless told otherwise.
        """
        clock = clock or SystemClock()
        self.parts = parts
        self._clock = clock
        self._gate = gate
        self._audit = audit
        # Where everybody may see details, anybody may ask: however many do at once, so few are answered at a time, and
        # those who are known wait for none of them.
        self._strangers = asyncio.Semaphore(_STRANGERS_AT_ONCE)
        self.live = LiveEvents(parts.subscribe, parts.past, clock)
        self._router = Router(
            GROUPS,
            {
                PresentRequests: PresentRequests(parts.view, parts.service, clock),
                CurveRequests: CurveRequests(parts.view, parts.history, clock),
                ChartRequests: ChartRequests(parts.view, parts.history, clock),
                PastRequests: PastRequests(parts.view, parts.past, clock),
                IncidentRequests: IncidentRequests(parts.incidents, parts.past, parts.view),
                HoldingRequests: HoldingRequests(parts.view, parts.control, clock),
                DeedRequests: DeedRequests(parts.control),
                RecoveryRequests: RecoveryRequests(parts.control, parts.past),
                TellingRequests: TellingRequests(parts.desk, parts.past, clock),
                MachineRequests: MachineRequests(parts.view, parts.settings, clock),
                AnnouncementRequests: AnnouncementRequests(parts.announcements),
                TokenRequests: TokenRequests(parts.access),
                SessionRequests: SessionRequests(gate),
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the network."""
        await self._serve(scope, receive, send, self._gate.caller(scope), lambda: self._gate.caller(scope))

    async def at_the_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the control socket, whose owner may do everything."""
        caller = await self._gate.at_the_socket(scope)
        await self._serve(scope, receive, send, caller, lambda: caller)

    def close(self) -> None:
        """End the streams, so that a stopping server waits for nobody."""
        self.live.close()

    async def read(self, caller: Caller, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Return what GET answers to somebody, for a page that shows it to them.

        Args:
            caller: who sees the page.
            path: below ``/api/v1``.
            query: what stands behind the question mark.

        Raises:
            Refused: they may not see it, or it is not understood.
            SalusError: it is not there, or cannot be read.
        """
        endpoint, room, name = self._router.find("GET", ROOT + path)
        self._see_the_role(endpoint, caller)
        told = await _ask(endpoint, room, Asked(name=name, query=query or {}, user=caller.name, caller=caller))
        if isinstance(told, Response):
            raise Refused(406, f"{path} is no JSON", "ask for it by itself")
        return told

    async def perform(
        self, caller: Caller, method: str, path: str, body: bytes | Callable[[type[Body]], bytes]
    ) -> Response:
        """Do what a form asks for: as if its sender had asked the API, the audit included.

        Args:
            caller: who sent it; that the form is one of ours has been proved.
            method: ``POST`` or ``DELETE``.
            path: below ``/api/v1``.
            body: JSON, or what writes it for the body that is asked for, and may refuse to. It is asked only for who
                may do this, and what it refuses is audited too.
        """
        whole = ROOT + path
        try:
            endpoint, room, name = self._router.find(method, whole)
            self._see_the_role(endpoint, caller)
            sent = body if isinstance(body, bytes) else body(endpoint.body or Body)
            told = await _ask(endpoint, room, Asked(name=name, body=sent, user=caller.name, caller=caller))
        except Exception as error:  # noqa: BLE001 - as every request: whatever went wrong is an answer
            return self._failed(error, caller, method, whole)
        response = told if isinstance(told, Response) else json_response(told, endpoint.success)
        who = response.caller if isinstance(response, SignedIn) else caller
        self._audit.write(who, method, whole, response.code)
        return response

    def about(self, request: str) -> str:
        """Say in a few words what a request asks for, such as ``POST /api/v1/pause``; nothing where there is none."""
        method, _, path = request.partition(" ")
        try:
            endpoint, _, name = self._router.find(method, path)
        except Refused:
            return ""
        said = endpoint.summary.partition(";")[0].partition(":")[0].rstrip(".")
        return f"{said}: {name}" if name else said

    def body_of(self, method: str, path: str) -> type[Body]:
        """Return what may stand in the body of a request. Raises Refused where there is no such request."""
        return self._router.find(method, ROOT + path)[0].body or Body

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller, again: Callable[[], Caller]
    ) -> None:
        method = scope["method"]
        try:
            response = await self._answer(scope, receive, send, caller, again)
        except Exception as error:  # noqa: BLE001 - the boundary between a request and the engine
            response = self._failed(error, caller, method, path_of(scope))
        if response is not None:
            await response.send(send, self._clock.now(), head=method == "HEAD")

    def _failed(self, error: Exception, caller: Caller, method: str, path: str) -> Response:
        """Say what went wrong as a problem, and note it; a bug answers 500 and tells its details to the log alone."""
        if isinstance(error, Refused):
            response, detail = error.response(), error.detail
        elif isinstance(error, SalusError):
            told = wire.failure(error)
            response, detail = _problem(told), str(error)
        else:
            _LOG.error("could not answer %s %s", method[:16], line(path)[:200], exc_info=error)
            told = wire.problem(500, "that went wrong inside Salus", "the log of the agent has the details")
            response, detail = _problem(told), "it went wrong inside Salus"
        self._note(caller, method, path, response.code, detail)
        return response

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller, again: Callable[[], Caller]
    ) -> Response | None:
        path, method = path_of(scope), scope["method"]
        if path == _OPENAPI:
            return await _openapi(method, caller.prefix)
        endpoint, room, name = self._router.find(method, path)
        self._see_that_they_may(endpoint, scope, caller)
        query = split(scope.get("query_string", b""))
        if endpoint.does is None:
            if method == "HEAD":
                return Response(200, endpoint.media, b"")
            await self.live.serve(
                scope, receive, send, query, caller=caller, still=lambda: self._may(endpoint, again())
            )
            return None
        body = await self._body(scope, receive) if endpoint.body else b""
        asked = Asked(name=name, query=query, body=body, user=caller.name, caller=caller)
        if caller.role is None and endpoint.shown:
            async with self._strangers:
                response = await _answered(endpoint, room, asked)
                await self._clock.sleep(0)  # the next one has the next turn of the loop
        else:
            response = await _answered(endpoint, room, asked)
        self._note(response.caller if isinstance(response, SignedIn) else caller, method, path, response.code)
        return response

    def _may(self, endpoint: Endpoint, caller: Caller) -> bool:
        if caller.wrong:
            return False
        return endpoint.role is None or caller.may(endpoint.role) or (endpoint.shown and self._gate.open)

    def _see_that_they_may(self, endpoint: Endpoint, scope: Scope, caller: Caller) -> None:
        """See that somebody may ask this.

        Raises:
            Refused: 401, nobody knows who they are; 403, they may not, or the request may be another site's doing; 429,
                too many wrong tokens.
        """
        self._see_the_role(endpoint, caller)
        # Signing in anew needs a token that no other site has.
        guarded = endpoint.writes and endpoint.does is not SessionRequests.sign_in
        if guarded and caller.session and not caller.session.knows(header(scope, _CSRF).decode("latin-1")):
            raise Refused(403, f"the header {CSRF} is missing or wrong", f"send the csrf of GET {ROOT}/session in it")

    def _see_the_role(self, endpoint: Endpoint, caller: Caller) -> None:
        if self._may(endpoint, caller):
            return
        if caller.role is None:
            raise refusal(caller)
        needed = endpoint.role or Role.ADMIN
        raise Refused(403, f"the role {caller.role} may not do this", f"use a token with the role {needed}")

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        body = await whole_body(receive, LARGEST)
        media = header(scope, b"content-type").decode("latin-1").partition(";")[0].strip().lower()
        if body and media != JSON:  # a form of another site can send other kinds without asking first
            raise Refused(
                415, f"{line(media)[:100] or 'nothing'} is not what is read here", f"send Content-Type: {JSON}"
            )
        return body

    def _note(self, caller: Caller, method: str, path: str, code: int, detail: str = "") -> None:
        """Audit what writes, and wrong credentials whatever they were for."""
        if method not in ("GET", "HEAD") or caller.wrong:
            self._audit.write(caller, method, path, code, detail)


async def _answered(endpoint: Endpoint, room: object, asked: Asked) -> Response:
    told = await _ask(endpoint, room, asked)
    return told if isinstance(told, Response) else json_response(told, endpoint.success)


async def _ask(endpoint: Endpoint, room: object, asked: Asked) -> Json | Response:
    if endpoint.does is None:
        raise Refused(406, "that is a stream", "listen to it")
    if endpoint.query is None:
        read(asked.query, Query)
    return await endpoint.does(room, asked)


def _problem(told: Mapping[str, Json]) -> Response:
    return Response(int(str(told["status"])), PROBLEM, wire.encode(told) + b"\n")


@cache
def _document() -> tuple[bytes, bytes]:
    """Return what stands before the path of a proxy in the document, and what after it."""
    from salus.surfaces.api.openapi import document

    before, _, after = wire.encode(document(_PREFIX)).partition(_PREFIX.encode())
    return before, after + b"\n"


async def _openapi(method: str, prefix: str) -> Response:
    if method not in ("GET", "HEAD"):
        raise not_allowed(method, _OPENAPI, "GET, HEAD")
    before, after = await asyncio.to_thread(_document)  # it is made, and what makes it is loaded, the first time
    return Response(200, JSON, before + prefix.encode() + after)
