"""The ASGI app of a library: mounted into an application, or served by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from salus.errors import SalusError
from salus.library.bridge import answer
from salus.surfaces.http import App, Receive, Scope, Send

_log = logging.getLogger("salus.library")


class System(Protocol):
    """What the app needs of a system."""

    @property
    def runs(self) -> bool:
        """Tell whether it runs in this process."""
        ...

    @property
    def adrift(self) -> bool:
        """Tell whether the application's loop that it knew has ended."""
        ...

    def start(self) -> None:
        """Start it; at once where it runs."""
        ...

    def stop(self) -> None:
        """Stop it."""
        ...

    def doors(self) -> tuple[App, asyncio.AbstractEventLoop]:
        """Return who answers requests from the network, and the loop that it lives on."""
        ...


class AsgiApp:
    """Answers the health endpoints, the API, the dashboard and the metrics, below wherever it is mounted.

    Served by itself, it starts the system and stops it again with its server.
    """

    def __init__(self, system: System, began: Callable[[], None]) -> None:
        """Answer for a system; ``began`` is called on the application's loop before it is started."""
        self._system = system
        self._began = began
        self._alone = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"] == "/" and not (self._alone or scope.get("root_path")):
            # The root of an application that has nothing there is the application's, and not ours.
            await _plain(send, 404, b"Not Found\n", head=scope["method"] == "HEAD")
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._system.runs or self._system.adrift:
            self._began()
        try:
            if self._system.runs:
                app, loop = self._system.doors()
            else:  # nobody has started it: then the first request does, and the others wait for it
                app, loop = await asyncio.to_thread(self._system.doors)
        except SalusError as error:
            _log.error("cannot answer %s: %s", scope["path"], error)
            await _plain(send, 503, b"Salus does not run here; its log says why\n", head=scope["method"] == "HEAD")
            return
        await answer(app, loop, scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._alone = True
        self._began()
        try:
            await asyncio.to_thread(self._system.start)
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self._system.stop)
        await send({"type": "lifespan.shutdown.complete"})


async def _plain(send: Send, code: int, body: bytes, *, head: bool) -> None:
    length = b"%d" % len(body)
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body})
