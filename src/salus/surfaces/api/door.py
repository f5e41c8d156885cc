"""Where the API begins: the first request under ``/api/v1`` loads it, for most agents are never asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from salus.surfaces.http import App, Receive, Scope, Send
from salus.surfaces.receiving import WEBHOOK

ROOT = "/api/v1"


class Api(Protocol):
    """What answers below the root."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the network."""
        ...

    async def at_the_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the control socket."""
        ...

    def close(self) -> None:
        """End the streams."""
        ...


class ApiDoor:
    """Hands everything under ``/api/v1`` to the API; everything else goes to the app behind it."""

    def __init__(self, make: Callable[[], Api], behind: App) -> None:
        """Stand in front of an app.

        Args:
            make: makes the API; called once, in a thread of its own because it may load modules.
            behind: answers everything else.
        """
        self._make = make
        self._behind = behind
        self._api: Api | None = None
        self._making = asyncio.Lock()
        self._closed = False
        self.at_once = getattr(behind, "at_once", None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the network."""
        if scope["type"] != "http" or not _ours(path_of(scope)):
            await self._behind(scope, receive, send)
        else:
            await (await self._loaded())(scope, receive, send)

    async def at_the_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the control socket, whose owner may do everything."""
        await (await self._loaded()).at_the_socket(scope, receive, send)

    def close(self) -> None:
        """End the streams, so that a stopping server waits for nobody."""
        self._closed = True
        if self._api is not None:
            self._api.close()

    async def _loaded(self) -> Api:
        async with self._making:
            if self._api is None:
                self._api = await asyncio.to_thread(self._make)
                if self._closed:
                    self._api.close()
            return self._api


def path_of(scope: Scope) -> str:
    """Return the path below where Salus is mounted (ASGI: a path begins with its root path)."""
    path: str = scope["path"]
    root = str(scope.get("root_path") or "").rstrip("/")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _ours(path: str) -> bool:
    return path.startswith(f"{ROOT}/") and path != WEBHOOK
