"""The front door: what most agents are never asked for is loaded by the first request for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from salus.clock import SystemClock
from salus.surfaces.http import TEXT, App, Receive, Response, Scope, Send


class Wing(Protocol):
    """What answers below one root."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the network."""
        ...

    def close(self) -> None:
        """End what still streams."""
        ...


_Wing = TypeVar("_Wing", bound=Wing)


class Lazy(Generic[_Wing]):
    """A wing that is made when it is first asked for."""

    def __init__(self, root: str, make: Callable[[], _Wing], *, but: str = "") -> None:
        """Answer below ``root``.

        Args:
            root: such as ``/api/v1``.
            make: makes it; called once, in a thread of its own because it may load modules.
            but: a path below the root that somebody else answers.
        """
        self.root = root
        self._below = f"{root}/"
        self._but = but
        self._make = make
        self._wing: _Wing | None = None
        self._making = asyncio.Lock()
        self._closed = False

    def has(self, path: str) -> bool:
        """Tell whether a path is answered here."""
        return (path.startswith(self._below) or path == self.root) and path != self._but

    async def loaded(self) -> _Wing:
        """Return it, made by now."""
        if self._wing is not None:
            return self._wing
        async with self._making:
            if self._wing is None:
                self._wing = await asyncio.to_thread(self._make)
                if self._closed:
                    self._wing.close()
            return self._wing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the network."""
        await (await self.loaded())(scope, receive, send)

    def close(self) -> None:
        """End what still streams, so that a stopping server waits for nobody."""
        self._closed = True
        if self._wing is not None:
            self._wing.close()


class FrontDoor:
    """Hands each request to the wing that has its path; everything else goes to the app behind it."""

    def __init__(self, wings: Sequence[Lazy[Any]], behind: App, *, home: str = "") -> None:
        """Stand in front of ``behind``; who comes to ``/`` is led to ``home``, below it."""
        self._home = home
        self._clock = SystemClock()
        # By the first part of the path: one look-up, however many wings there are.
        self._wings = {wing.root.split("/", 2)[1]: wing for wing in wings}
        self._behind = behind
        self.at_once = getattr(behind, "at_once", None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request from the network."""
        if scope["type"] == "http":
            path = path_of(scope)
            if path == "/" and self._home:
                away = Response(302, TEXT, b"", ((b"location", self._home.encode()),))
                await away.send(send, self._clock.now(), head=scope["method"] == "HEAD")
                return
            wing = self._wings.get(path[1:].partition("/")[0])
            if wing is not None and wing.has(path):
                await wing(scope, receive, send)
                return
        await self._behind(scope, receive, send)

    def close(self) -> None:
        """End what still streams, so that a stopping server waits for nobody."""
        for wing in self._wings.values():
            wing.close()


_Made = TypeVar("_Made")


def once(make: Callable[[], _Made]) -> Callable[[], _Made]:
    """Return what makes a thing when it is first asked, and gives the same one from then on, to any thread."""
    made: list[_Made] = []
    making = Lock()

    def get() -> _Made:
        with making:
            if not made:
                made.append(make())
            return made[0]

    return get


def path_of(scope: Scope) -> str:
    """Return the path below where Salus is mounted (ASGI: a path begins with its root path)."""
    path: str = scope["path"]
    root = str(scope.get("root_path") or "").rstrip("/")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
