"""Where the API begins: the first request under ``/api/v1`` loads it, for most agents are never asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from salus.surfaces.door import Lazy, Wing
from salus.surfaces.http import Receive, Scope, Send
from salus.surfaces.receiving import WEBHOOK

ROOT = "/api/v1"


class Api(Wing, Protocol):
    """What answers below the root."""

    async def at_the_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the control socket."""
        ...


class ApiDoor(Lazy[Api]):
    """Hands everything under ``/api/v1`` to the API, but the webhook for the alerts of others."""

    def __init__(self, make: Callable[[], Api]) -> None:
        """Stand before what ``make`` makes."""
        super().__init__(ROOT, make, but=WEBHOOK)

    async def at_the_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the control socket, whose owner may do everything."""
        await (await self.loaded()).at_the_socket(scope, receive, send)
