"""The API as a pure ASGI app: who asks, may they, is it understood; then it is answered, and a write is audited."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from salus.clock import SystemClock
from salus.config import Settings
from salus.errors import SalusError
from salus.model import Role
from salus.ports import Access, AlertDesk, Clock, Control, Past, Service, View
from salus.ports.history import Incidents
from salus.surfaces import wire
from salus.surfaces.access.audit import Audit
from salus.surfaces.access.caller import Caller
from salus.surfaces.access.gate import Gate
from salus.surfaces.api.door import ROOT, path_of
from salus.surfaces.api.endpoints import GROUPS
from salus.surfaces.api.incidents import IncidentRequests
from salus.surfaces.api.live import LiveEvents
from salus.surfaces.api.machine import MachineRequests
from salus.surfaces.api.past import PastRequests
from salus.surfaces.api.people import CSRF, SessionRequests, SignedIn, TokenRequests, refusal
from salus.surfaces.api.present import PresentRequests
from salus.surfaces.api.queries import Query, read, split
from salus.surfaces.api.table import Endpoint, Router
from salus.surfaces.api.telling import HoldingRequests, TellingRequests
from salus.surfaces.asked import Asked
from salus.surfaces.bodies import LARGEST, line
from salus.surfaces.deeds import DeedRequests
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
_CSRF = CSRF.lower().encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the API speaks for.

    Attributes:
        view: the truth.
        control: who does what is asked.
        desk: the alerts.
        past: the ledger.
        incidents: trouble that belongs together.
        access: the tokens.
        service: finds a service by name.
        settings: the config in force.
        subscribe: hands every event to a callable from now on; returns what ends that.
    """

    view: View
    control: Control
    desk: AlertDesk
    past: Past
    incidents: Incidents
    access: Access
    service: Callable[[str], Service | None]
    settings: Callable[[], Settings]
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
        self._clock = clock
        self._gate = gate
        self._audit = audit
        self.live = LiveEvents(parts.subscribe, parts.past, clock)
        self._router = Router(
            GROUPS,
            {
                PresentRequests: PresentRequests(parts.view, parts.service, clock),
                PastRequests: PastRequests(parts.view, parts.past, clock),
                IncidentRequests: IncidentRequests(parts.incidents, parts.past, parts.view),
                HoldingRequests: HoldingRequests(parts.view, parts.control, clock),
                DeedRequests: DeedRequests(parts.control),
                TellingRequests: TellingRequests(parts.desk, parts.past, clock),
                MachineRequests: MachineRequests(parts.view, parts.settings, clock),
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

    async def _serve(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller, again: Callable[[], Caller]
    ) -> None:
        method = scope["method"]
        try:
            response = await self._answer(scope, receive, send, caller, again)
        except Refused as refused:
            response = refused.response()
            self._note(caller, scope, refused.code, refused.detail)
        except SalusError as error:
            told = wire.failure(error)
            code = int(str(told["status"]))
            response = Response(code, PROBLEM, wire.encode(told) + b"\n")
            self._note(caller, scope, code, str(error))
        except Exception:  # noqa: BLE001 - the boundary between a request and the engine: a bug answers 500
            _LOG.exception("could not answer %s %s", method[:16], line(path_of(scope))[:200])
            told = wire.problem(500, "that went wrong inside Salus", "the log of the agent has the details")
            response = Response(500, PROBLEM, wire.encode(told) + b"\n")
            self._note(caller, scope, 500, "it went wrong inside Salus")
        if response is not None:
            await response.send(send, self._clock.now(), head=method == "HEAD")

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, caller: Caller, again: Callable[[], Caller]
    ) -> Response | None:
        path, method = path_of(scope), scope["method"]
        if path == _OPENAPI:
            return await _openapi(method)
        endpoint, room, name = self._router.find(method, path)
        self._see_that_they_may(endpoint, scope, caller)
        query = split(scope.get("query_string", b""))
        if endpoint.does is None:
            if method == "HEAD":
                return Response(200, endpoint.media, b"")
            await self.live.serve(scope, receive, send, query, still=lambda: self._may(endpoint, again()))
            return None
        if endpoint.query is None:
            read(query, Query)
        body = await self._body(scope, receive) if endpoint.body else b""
        asked = Asked(name=name, query=query, body=body, user=caller.name, caller=caller)
        told = await endpoint.does(room, asked)
        response = told if isinstance(told, Response) else json_response(told)
        self._note(response.caller if isinstance(response, SignedIn) else caller, scope, response.code)
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
        if not self._may(endpoint, caller):
            if caller.role is None:
                raise refusal(caller)
            needed = endpoint.role or Role.ADMIN
            raise Refused(403, f"a {caller.role} may not do this", f"use a token with the role {needed}")
        # Signing in anew needs a token that no other site has.
        guarded = endpoint.writes and endpoint.does is not SessionRequests.sign_in
        if guarded and caller.session and not caller.session.knows(header(scope, _CSRF).decode("latin-1")):
            raise Refused(403, f"the header {CSRF} is missing or wrong", f"send the csrf of GET {ROOT}/session in it")

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        body = await whole_body(receive, LARGEST)
        media = header(scope, b"content-type").decode("latin-1").partition(";")[0].strip().lower()
        if body and media != JSON:  # a form of another site can send other kinds without asking first
            raise Refused(
                415, f"{line(media)[:100] or 'nothing'} is not what is read here", f"send Content-Type: {JSON}"
            )
        return body

    def _note(self, caller: Caller, scope: Scope, code: int, detail: str = "") -> None:
        """Audit what writes, and wrong credentials whatever they were for."""
        if scope["method"] not in ("GET", "HEAD") or caller.wrong:
            self._audit.write(caller, scope["method"], path_of(scope), code, detail)


@cache
def _document() -> Response:
    from salus.surfaces.api.openapi import document

    return json_response(document())


async def _openapi(method: str) -> Response:
    if method not in ("GET", "HEAD"):
        raise not_allowed(method, _OPENAPI, "GET, HEAD")
    return await asyncio.to_thread(_document)  # it is made, and what makes it is loaded, the first time
