"""Salus in front of any ASGI application: FastAPI, Starlette, Litestar, Quart, Django, or a bare function.

It is pure ASGI: it needs no framework, costs a request of the application one comparison of its path, and answers the
probes before any other middleware (hosts, sessions, authentication) can get in their way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from salus.errors import SalusError
from salus.integrations.paths import PROBES, Paths
from salus.integrations.starting import Starter
from salus.library.system import HealthSystem
from salus.surfaces.door import path_of
from salus.surfaces.http import Message, Receive, Scope, Send

__all__ = ["HealthMiddleware"]

Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


class HealthMiddleware:
    """Answers Salus' paths, hands everything else to the application, and lives as long as that does.

        app = FastAPI()
        app.add_middleware(HealthMiddleware, health=health)      # or, round any ASGI application:
        app = HealthMiddleware(app, health)

    The system starts before the application does and stops after it: no ``lifespan`` is needed, and one that the
    application has stays its own. Under a server without lifespan events it starts with the first request.
    """

    def __init__(
        self, app: Application, health: HealthSystem, *, prefix: str = "/salus", paths: Iterable[str] = PROBES
    ) -> None:
        """Stand in front of an application.

        Args:
            app: the application.
            health: what answers.
            prefix: everything that Salus has is below it; empty for nothing.
            paths: further paths at the root of the application: the probes, unless given.

        Raises:
            ValueError: one of the paths does not begin with a slash.
        """
        self.app = app
        self._health = health
        self._paths = Paths(prefix, paths)
        self._salus = health.asgi()
        self._starter = Starter(health)
        self._beginning: asyncio.Lock | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the application's life."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if not self._starter.settled:
            await self._begin()
        path = path_of(scope) if scope["type"] == "http" else ""
        mount = self._paths.mount(path)
        if mount is None:
            await self.app(scope, receive, send)
        elif self._starter.reason and not self._health.runs:
            await _refuse(send)
        elif path == self._paths.prefix:
            await _lead(f"{scope.get('root_path') or ''}{path}/", send)
        else:
            await self._salus(_below(scope, mount), receive, send)

    # ── Its life ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _begin(self) -> None:
        """Start it with a request, once in each process; the requests of that moment wait."""
        if self._beginning is None:
            self._beginning = asyncio.Lock()
        async with self._beginning:
            if not self._starter.settled:
                try:
                    await self._health.__aenter__()
                except SalusError as error:
                    self._starter.failed(error)

    async def _end(self) -> None:
        if self._health.runs:
            await self._health.__aexit__(None, None, None)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        startup = await receive()
        try:
            await self._health.__aenter__()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        life = _Life(startup, receive, send, self._end)
        try:
            await self.app(scope, life.receive, life.send)
        except Exception:
            if life.answered:  # it has told the server what went wrong
                raise
        finally:
            if life.failed:
                await self._end()
        if not life.answered:  # an application that knows no lifespan
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._end()
            await send({"type": "lifespan.shutdown.complete"})


class _Life:
    """What the application and its server say to each other about its life."""

    def __init__(self, startup: Message, receive: Receive, send: Send, end: Any) -> None:
        self._startup: Message | None = startup
        self._receive, self._send, self._end = receive, send, end
        self.answered = self.failed = False

    async def receive(self) -> Message:
        message, self._startup = self._startup, None
        return message or await self._receive()

    async def send(self, message: Message) -> None:
        self.answered = True
        self.failed = message["type"] == "lifespan.startup.failed"
        if message["type"].startswith("lifespan.shutdown."):
            await self._end()
        await self._send(message)


async def _refuse(send: Send) -> None:
    """Answer for a system that cannot run; why stands in the log, for those who may read that."""
    body = b"Salus does not run here: the log says why\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lead(place: str, send: Send) -> None:
    """Lead a browser into the folder that it means."""
    headers = [(b"location", place.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _below(scope: Scope, mount: str) -> Scope:
    """Return the scope as a mounted application sees it: its path begins with its root path."""
    root = str(scope.get("root_path") or "").rstrip("/")
    return {**scope, "root_path": root + mount, "path": root + path_of(scope)}
