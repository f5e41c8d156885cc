"""The local control socket, as a pure ASGI app: what the command line asks a running agent.

    GET  /v1/status                            everything at one glance
    GET  /v1/events/stream                     events as they happen, one JSON object a line
    GET  /v1/policy                            what holds healing now, beyond single rules
    GET  /v1/checks/<name>/explain             why its rules act, or do not, stage by stage
    POST /v1/checks/<name>/run                 look afresh, answers with the look
    POST /v1/checks/<name>/pause               {"seconds": 3600, "reason": "..."}: set one check aside
    POST /v1/checks/<name>/resume              take it back
    POST /v1/rules/<name>/heal                 run a rule now, answers with the recovery when it has ended
    POST /v1/rules/<name>/reset                forget attempts and giving up
    POST /v1/rules/<name>/enable|disable       switch a rule on or off
    POST /v1/rules/<name>/mode                 {"mode": "observe"}: how far it may go; null: as the config says
    POST /v1/recoveries/<id or rule>/cancel    call a recovery off that runs
    POST /v1/services/<name>/start|stop|restart
    POST /v1/pause                             {"seconds": 3600, "reason": "..."}: stop all automatic recovery
    POST /v1/resume                            end the pause
    GET  /v1/maintenance                       the windows that are open, and those to come
    POST /v1/maintenance                       {"services": ["web"], "seconds": 1800}: open one
    POST /v1/maintenance/<name>/end            close one
    POST /v1/approvals/<id or rule>/approve|reject   {"note": "..."}: answer a rule that waits for a person
    GET  /v1/alerts                            those that have not ended, with who hears of each; ?level=, ?check=, ...
    GET  /v1/alerts/<id>                       one with its story, who hears of it, and why not now
    POST /v1/alerts/<id>/ack|resolve           {"note": "..."}: take it upon oneself; end it by hand
    GET  /v1/silences                          those that have not ended
    POST /v1/silences                          {"match": "check=web", "seconds": 7200, "comment": "..."}: begin one
    POST /v1/silences/<id>/expire              end one
    GET  /v1/channels                          how they are doing
    POST /v1/channels/<name>/test              send a test notification
    GET  /v1/notifications/dead                those that were given up
    POST /v1/notifications/<id>/retry          try one again
    POST /v1/routes/test                       {"labels": {"level": "critical"}}: who would hear of such an alert
    POST /v1/reload                            read the config again

and everything of the health endpoints, with full details, and of the API under `/api/v1`, as an admin. Who may open
the socket (its owner) may do all of it; who it was is taken from the socket and stands in the ledger.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import parse_qsl

from salus.clock import SystemClock
from salus.errors import SalusError
from salus.model import Json, Role
from salus.ports import AlertDesk, Clock, Control, View
from salus.surfaces import wire, wire_alerts
from salus.surfaces.access.audit import Audit
from salus.surfaces.access.caller import Caller
from salus.surfaces.alerts import AlertRequests
from salus.surfaces.api.door import ROOT, ApiDoor
from salus.surfaces.asked import Asked, Handler
from salus.surfaces.bodies import LARGEST
from salus.surfaces.deeds import DeedRequests
from salus.surfaces.health import HealthApp
from salus.surfaces.http import (
    PROBLEM,
    Receive,
    Refused,
    Response,
    Scope,
    Send,
    json_response,
    not_allowed,
    whole_body,
)
from salus.surfaces.peer import user_of
from salus.surfaces.policy import PolicyRequests
from salus.surfaces.stream import EventStreams, Subscribe

_LOG = logging.getLogger(__name__)
_ROOT = "/v1/"
_STREAM = "events/stream"
_MOST_ASKED = 20

# What one path answers, by method.
_Methods: TypeAlias = Mapping[str, Handler]


class ControlApp:
    """Shows everything and passes on what a person asks for."""

    def __init__(
        self,
        view: View,
        control: Control,
        subscribe: Subscribe,
        *,
        desk: AlertDesk | None = None,
        api: ApiDoor | None = None,
        audit: Audit | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Serve a view and a control.

        Args:
            view: the truth.
            control: who does what is asked.
            subscribe: hands every event to a callable from now on; returns what ends that.
            desk: the alerts; without it nothing is answered about them.
            api: answers everything under ``/api/v1``, as an admin's.
            audit: notes every write.
            clock: time; the system's unless told otherwise.
        """
        self._view = view
        self._control = control
        self._desk = desk
        self._api = api
        self._audit = audit
        self._clock = clock or SystemClock()
        self._streams = EventStreams(subscribe)
        self._health = HealthApp(view, control, details=True, clock=self._clock)
        policy, deeds = PolicyRequests(view, control, self._clock), DeedRequests(control)
        self._single: dict[str, _Methods] = {
            "status": {"GET": self._status},
            "policy": {"GET": policy.policy},
            "pause": {"POST": policy.pause},
            "resume": {"POST": policy.resume},
            "maintenance": {"GET": policy.list_maintenance, "POST": policy.start_maintenance},
            "reload": {"POST": deeds.reload},
        }
        # By the room a name is in and what is done with it; nothing: it is shown.
        self._named: dict[tuple[str, str], _Methods] = {
            ("checks", "run"): {"POST": deeds.run_check},
            ("checks", "explain"): {"GET": policy.explain},
            ("checks", "pause"): {"POST": policy.pause_check},
            ("checks", "resume"): {"POST": policy.resume_check},
            ("recoveries", "cancel"): {"POST": deeds.cancel},
            ("rules", "mode"): {"POST": policy.set_mode},
            ("rules", "heal"): {"POST": deeds.heal},
            ("rules", "reset"): {"POST": deeds.reset},
            ("rules", "enable"): {"POST": policy.enable},
            ("rules", "disable"): {"POST": policy.disable},
            ("services", "start"): {"POST": deeds.start_service},
            ("services", "stop"): {"POST": deeds.stop_service},
            ("services", "restart"): {"POST": deeds.restart_service},
            ("maintenance", "end"): {"POST": policy.end_maintenance},
            ("approvals", "approve"): {"POST": policy.approve},
            ("approvals", "reject"): {"POST": policy.reject},
        }
        if desk is not None:
            self._add_alerts(AlertRequests(desk, self._clock))

    def _add_alerts(self, alerts: AlertRequests) -> None:
        self._single |= {
            "alerts": {"GET": alerts.list_alerts},
            "silences": {"GET": alerts.list_silences, "POST": alerts.silence},
            "channels": {"GET": alerts.list_channels},
            "notifications/dead": {"GET": alerts.list_dead},
            "routes/test": {"POST": alerts.route},
        }
        self._named |= {
            ("alerts", ""): {"GET": alerts.alert},
            ("alerts", "ack"): {"POST": alerts.acknowledge},
            ("alerts", "resolve"): {"POST": alerts.resolve},
            ("silences", "expire"): {"POST": alerts.expire_silence},
            ("channels", "test"): {"POST": alerts.test_channel},
            ("notifications", "retry"): {"POST": alerts.retry},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if self._api is not None and path.startswith(f"{ROOT}/"):
            await self._api.at_the_socket(scope, receive, send)
        elif not path.startswith(_ROOT):
            await self._health(scope, receive, send)
        elif path == _ROOT + _STREAM and method == "GET":
            await self._streams.serve(receive, send, self._clock.now())
        else:
            response = await self._answer(scope, receive)
            if method == "POST" and self._audit:
                caller = Caller(name=await user_of(scope), role=Role.ADMIN)
                self._audit.write(caller, method, path, response.code)
            await response.send(send, self._clock.now(), head=method == "HEAD")

    def close(self) -> None:
        """End the streams, so that a stopping server waits for nobody."""
        self._streams.close()

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        path, method = scope["path"].removeprefix(_ROOT), scope["method"]
        try:
            name, handler = self._find(path, method)
            asked = Asked(name=name, query=_query(scope))
            if method == "POST":
                asked = Asked(name=name, body=await whole_body(receive, LARGEST), user=await user_of(scope))
            return json_response(await handler(asked))
        except Refused as refused:
            return refused.response()
        except SalusError as error:
            told = wire.failure(error)
        except Exception:  # noqa: BLE001 - the boundary between a request and the engine: a bug answers 500
            _LOG.exception("could not answer %s /v1/%s", method, path[:200])
            told = wire.problem(500, "that went wrong inside Salus", "the log of the agent has the details")
        return Response(int(str(told["status"])), PROBLEM, wire.encode(told) + b"\n")

    def _find(self, path: str, method: str) -> tuple[str, Handler]:
        room, _, rest = path.partition("/")
        name, _, verb = rest.rpartition("/") if "/" in rest else (rest, "", "")
        methods = self._single.get(path) or (self._named.get((room, verb)) if name else None)
        if path == _STREAM:
            raise not_allowed(method, _ROOT + path, "GET")
        if methods is None:
            raise Refused(404, f"there is nothing at {_ROOT}{path[:200]}", "salus --help lists what can be asked")
        handler = methods.get("GET" if method == "HEAD" else method)
        if handler is None:
            allowed = ", ".join(f"{one}, HEAD" if one == "GET" else one for one in methods)
            raise not_allowed(method, _ROOT + path[:200], allowed)
        return name, handler

    async def _status(self, asked: Asked) -> Json:
        told = wire.status(self._view, self._clock.now())
        return told if self._desk is None else {**told, "alerts": wire_alerts.at_a_glance(self._desk)}


def _query(scope: Scope) -> dict[str, str]:
    """Return what stands behind the question mark."""
    try:
        return dict(parse_qsl(scope.get("query_string", b"").decode("ascii"), max_num_fields=_MOST_ASKED))
    except ValueError:  # other signs than a URL has, or too much of it
        raise Refused(422, "what stands behind the question mark is not understood", "write ?name=value") from None
