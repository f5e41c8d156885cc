"""The local control socket, as a pure ASGI app: what the command line asks a running agent.

    GET  /v1/status                            everything at one glance
    GET  /v1/events/stream                     events as they happen, one JSON object a line
    POST /v1/checks/<name>/run                 look afresh, answers with the look
    POST /v1/rules/<name>/heal                 run a rule now, answers with the recovery when it has ended
    POST /v1/rules/<name>/reset                forget attempts and giving up
    POST /v1/services/<name>/start|stop|restart
    POST /v1/reload                            read the config again

and everything of the health endpoints, with full details. Who may open the socket (its owner) may do all of it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from salus.clock import SystemClock
from salus.errors import SalusError
from salus.model import Json
from salus.ports import Clock, Control, View
from salus.surfaces import wire
from salus.surfaces.health import HealthApp
from salus.surfaces.http import PROBLEM, Receive, Refused, Response, Scope, Send, json_response, not_allowed
from salus.surfaces.stream import EventStreams, Subscribe

_LOG = logging.getLogger(__name__)
_ROOT = "/v1/"

_Command: TypeAlias = Callable[[str], Awaitable[Json]]


class ControlApp:
    """Shows everything and passes on what a person asks for."""

    def __init__(self, view: View, control: Control, subscribe: Subscribe, *, clock: Clock | None = None) -> None:
        """Serve a view and a control.

        Args:
            view: the truth.
            control: who does what is asked.
            subscribe: hands every event to a callable from now on; returns what ends that.
            clock: time; the system's unless told otherwise.
        """
        self._view = view
        self._control = control
        self._clock = clock or SystemClock()
        self._streams = EventStreams(subscribe)
        self._health = HealthApp(view, control, details=True, clock=self._clock)
        self._commands: dict[tuple[str, str], _Command] = {
            ("checks", "run"): self._run_check,
            ("rules", "heal"): self._heal,
            ("rules", "reset"): self._reset,
            ("services", "start"): self._start_service,
            ("services", "stop"): self._stop_service,
            ("services", "restart"): self._restart_service,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if not path.startswith(_ROOT):
            await self._health(scope, receive, send)
        elif path == "/v1/events/stream" and method == "GET":
            await self._streams.serve(receive, send, self._clock.now())
        else:
            response = await self._answer(path.removeprefix(_ROOT), method)
            await response.send(send, self._clock.now(), head=method == "HEAD")

    def close(self) -> None:
        """End the streams, so that a stopping server waits for nobody."""
        self._streams.close()

    async def _answer(self, path: str, method: str) -> Response:
        try:
            return json_response(await self._do(path, method))
        except Refused as refused:
            return refused.response()
        except SalusError as error:
            told = wire.failure(error)
        except Exception:  # noqa: BLE001 - the boundary between a request and the engine: a bug answers 500
            _LOG.exception("could not answer %s /v1/%s", method, path[:200])
            told = wire.problem(500, "that went wrong inside Salus", "the log of the agent has the details")
        return Response(int(str(told["status"])), PROBLEM, wire.encode(told) + b"\n")

    async def _do(self, path: str, method: str) -> Json:
        if path in ("status", "events/stream"):
            if method not in ("GET", "HEAD"):
                raise not_allowed(method, _ROOT + path, "GET, HEAD")
            return wire.status(self._view, self._clock.now())
        if path == "reload":
            _must_be_post(method, path)
            return {"message": await self._control.reload()}
        room, _, rest = path.partition("/")
        name, _, verb = rest.rpartition("/")
        command = self._commands.get((room, verb)) if name else None
        if command is None:
            raise Refused(404, f"there is nothing at {_ROOT}{path[:200]}", "salus --help lists what can be asked")
        _must_be_post(method, path)
        return await command(name)

    async def _run_check(self, name: str) -> Json:
        return wire.observation(await self._control.check_now(name))

    async def _heal(self, name: str) -> Json:
        return wire.recovery(await self._control.heal(name))

    async def _reset(self, name: str) -> Json:
        await self._control.reset(name)
        return {"message": f"rule {name!r} starts again with all its attempts"}

    async def _start_service(self, name: str) -> Json:
        return wire.service(await self._control.start_service(name))

    async def _stop_service(self, name: str) -> Json:
        return wire.service(await self._control.stop_service(name))

    async def _restart_service(self, name: str) -> Json:
        return wire.service(await self._control.restart_service(name))


def _must_be_post(method: str, path: str) -> None:
    if method != "POST":
        raise not_allowed(method, _ROOT + path[:200], "POST")
