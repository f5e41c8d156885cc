"""From one event loop to another: an application's server asks, Salus answers on its own loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from salus.library.leaving import leaves
from salus.surfaces.http import App, Message, Receive, Scope, Send

# What of a scope may cross: the rest belongs to the other loop.
_PLAIN = ("type", "asgi", "http_version", "method", "scheme", "path", "raw_path", "query_string", "root_path")
_LISTED = ("client", "server")
_LOOK_AROUND = 0.5
_END: Message = {"type": "http.response.body", "body": b"", "more_body": False}
_NO_BODY: Message = {"type": "http.request", "body": b"", "more_body": False}


async def answer(app: App, inner: asyncio.AbstractEventLoop, scope: Scope, receive: Receive, send: Send) -> None:
    """Let an app that lives on the loop ``inner`` answer a request that came in on this one.

    Small answers cross in one piece; what streams crosses message by message.
    """
    crossing = _Crossing(scope, receive, send)
    work = crossing.carry(app, plain(scope))
    try:
        future = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, inner))
    except RuntimeError:  # it has just been stopped
        work.close()
        raise
    crossing.streaming = partial(_watch, future)
    try:
        rest = await future
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        rest = [_END]  # the server leaves, and waits for this stream to end
    for message in rest:
        await send(message)


def _watch(future: asyncio.Future[list[Message]]) -> None:
    """End a stream when the server leaves; on the application's loop."""
    if future.done():
        return
    if leaves():
        future.cancel()
    else:
        asyncio.get_running_loop().call_later(_LOOK_AROUND, _watch, future)


def plain(scope: Scope) -> Scope:
    """Return what of a scope may cross."""
    crossed: dict[str, Any] = {key: scope[key] for key in _PLAIN if key in scope}
    crossed |= {key: tuple(scope[key]) for key in _LISTED if scope.get(key)}
    crossed["headers"] = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
    return crossed


def _nothing() -> None: ...


class _Crossing:
    """One request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._outer = asyncio.get_running_loop()
        self._receive, self._send = receive, send
        names = {bytes(name).lower() for name, _ in scope["headers"]}
        self._empty = not names & {b"content-length", b"transfer-encoding"}
        self._kept: list[Message] = []
        self._streams = False
        self.streaming: Callable[[], None] = _nothing  # told on the application's loop once the answer streams

    async def carry(self, app: App, scope: Scope) -> list[Message]:
        """Have it answered; returns what was not sent yet."""
        await app(scope, self._asked, self._answered)
        return self._kept

    async def _asked(self) -> Message:
        if self._empty:  # without a body there is nothing to wait for, so the first question needs no crossing
            self._empty = False
            return dict(_NO_BODY)
        message: Message = await self._cross(self._receive())
        return message

    async def _answered(self, message: Message) -> None:
        if message["type"] == "http.response.start":  # the application's own server says what time it is
            headers = [(name, value) for name, value in message["headers"] if name != b"date"]
            message = {**message, "headers": headers}
        if not self._streams:
            self._kept.append(message)
            self._streams = message["type"] == "http.response.body" and bool(message.get("more_body"))
            if not self._streams:
                return
            with suppress(RuntimeError):  # that loop has ended, which sending will tell
                self._outer.call_soon_threadsafe(self.streaming)
            kept, self._kept = self._kept, []
            for one in kept:
                await self._cross(self._send(one))
            return
        await self._cross(self._send(message))

    async def _cross(self, work: Any) -> Any:
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._outer)
        except RuntimeError as error:  # the application's loop has ended, and with it whoever asked
            work.close()
            raise ConnectionResetError("whoever asked has gone") from error
        return await asyncio.wrap_future(future)
