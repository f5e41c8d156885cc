"""The ASGI app of a library: mounted into an application, or served by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from salus.library.bridge import answer
from salus.surfaces.http import App, Receive, Scope, Send


class System(Protocol):
    """What the app needs of a system."""

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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            app, loop = self._system.doors()
            await answer(app, loop, scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
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
