"""Events as they happen, as server-sent events; whoever was away goes on where they stopped.

1. A client listens first, and only then is the ledger asked for what came after the last event it saw: nothing falls
   between the two, and what comes by both ways is sent once.
2. Where that is too much, too old, or cannot be read, it is told ``reset``: read everything afresh, then go on.
3. What happens is gathered for a moment and sent together. At most ``KEPT`` events wait for a client; one that does not
   keep up loses them all, and is told ``reset``.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime

from salus.errors import StoreError
from salus.model import Event, EventKind
from salus.ports import Clock, EventQuery, Past
from salus.surfaces import wire
from salus.surfaces.access.audit import readable
from salus.surfaces.access.caller import Caller
from salus.surfaces.api.past import number
from salus.surfaces.api.queries import StreamQuery, read
from salus.surfaces.http import Receive, Refused, Scope, Send, basic_headers, header
from salus.surfaces.stream import Subscribe

STREAM = "text/event-stream"
MOST_CLIENTS = 64
KEPT = 1024
MOST_RESUMED = 1000
HEARTBEAT = 15.0
GATHER = 0.05
_RETRY = 2000  # milliseconds after which a browser that lost us comes again


class LiveEvents:
    """Everybody who listens right now."""

    def __init__(self, subscribe: Subscribe, past: Past, clock: Clock, *, most: int = MOST_CLIENTS) -> None:
        """Listen through ``subscribe``, resume from the past, serve at most so many."""
        self._subscribe = subscribe
        self._past = past
        self._clock = clock
        self._most = most
        self._clients: set[_Client] = set()
        self._closed = False

    def __len__(self) -> int:
        """Count them."""
        return len(self._clients)

    async def serve(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        query: dict[str, str],
        *,
        caller: Caller,
        still: Callable[[], bool],
    ) -> None:
        """Send events until the client goes away, may no longer listen (``still``), or ``close`` is called.

        Raises:
            Refused: 422, the query is wrong; 403, the audit is not for ``caller``; 429, too many listen already.
                Nothing was sent.
        """
        wanted = read(query, StreamQuery)
        kinds = readable(caller, wanted.kind)
        after = _last_seen(scope, wanted)
        if len(self._clients) >= self._most:
            raise Refused(429, f"{self._most} clients listen already", "come again later", {"Retry-After": "30"})
        client = _Client(kinds, self._now)
        if self._closed:
            client.end()
        self._clients.add(client)
        unsubscribe = self._subscribe(client.take)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _headers(self._clock.now())})
            await send(_chunk(f"retry: {_RETRY}\n\n".encode()))
            async with asyncio.TaskGroup() as tasks:
                watcher = tasks.create_task(_until_gone(receive, client))
                await self._resume(client, after, send)
                await self._pump(client, send, still)
                watcher.cancel()
            await send({"type": "http.response.body", "body": b""})
        finally:
            unsubscribe()
            self._clients.discard(client)

    def _now(self) -> int:
        """Return the id that an event would have now."""
        return int(self._clock.now().timestamp() * 1_000_000)

    def close(self) -> None:
        """Let every client have what is waiting for it, then end."""
        self._closed = True
        for client in self._clients:
            client.end()

    async def _resume(self, client: _Client, after: int | None, send: Send) -> None:
        if after is None:
            return
        missed = await self._missed(after, client.kinds)
        if missed is None:
            client.reset = True
        elif missed:
            client.last = missed[0].id
            await send(_chunk(b"".join(map(_message, reversed(missed)))))
        client.wake()

    async def _missed(self, after: int, kinds: Collection[EventKind]) -> Sequence[Event] | None:
        """Return the events after that one, newest first; None where they cannot all be told."""
        if after > self._now():
            return None
        try:
            if not await self._past.settle():
                return None
            if not await self._past.events(EventQuery(before=after + 1, limit=1)):
                return None
            found = await self._past.events(EventQuery(after=after, kinds=tuple(kinds), limit=MOST_RESUMED + 1))
        except StoreError:
            return None
        return None if len(found) > MOST_RESUMED else found

    async def _pump(self, client: _Client, send: Send, still: Callable[[], bool]) -> None:
        while True:
            body = await client.next(self._clock.sleep)
            if not still():
                return
            await send(_chunk(body or b": still here\n\n"))
            if client.ended:
                return


class _Client:
    """One client: what waits for it, and whether it lost something."""

    def __init__(self, kinds: Sequence[EventKind], now: Callable[[], int]) -> None:
        self._now = now
        self.kinds = frozenset(kinds)
        self.last = 0
        self.reset = False
        self.ended = False
        self._waiting: deque[Event] = deque()
        self._something = asyncio.Event()

    def take(self, event: Event) -> None:
        if self.kinds and event.kind not in self.kinds:
            return
        if len(self._waiting) >= KEPT:
            self._waiting.clear()
            self.reset = True
        self._waiting.append(event)
        self._something.set()

    def end(self) -> None:
        self.ended = True
        self._something.set()

    def wake(self) -> None:
        self._something.set()

    async def next(self, sleep: Callable[[float], Awaitable[None]]) -> bytes:
        """Return what is to be sent; nothing when there was nothing for a while."""
        try:
            async with asyncio.timeout(HEARTBEAT):
                while True:
                    await self._something.wait()
                    if not self.ended:
                        await sleep(GATHER)
                    self._something.clear()
                    if (body := self._body()) or self.ended:
                        return body
        except TimeoutError:
            return b""

    def _body(self) -> bytes:
        fresh = [event for event in self._waiting if event.id > self.last]
        self._waiting.clear()
        parts = []
        if self.reset:
            self.reset = False
            parts.append(b"id: %d\nevent: reset\ndata: {}\n\n" % (fresh[0].id - 1 if fresh else self._now()))
        if fresh:
            self.last = fresh[-1].id
        return b"".join([*parts, *map(_message, fresh)])


def _last_seen(scope: Scope, wanted: StreamQuery) -> int | None:
    said = header(scope, b"last-event-id").decode("latin-1").strip()
    return number(said) if said else wanted.after


def _message(event: Event) -> bytes:
    """Write one event; JSON has no line break in it."""
    return b"id: %d\nevent: event\ndata: %b\n\n" % (event.id, wire.encode(wire.event(event)))


def _chunk(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}


def _headers(now: datetime) -> list[tuple[bytes, bytes]]:
    # nginx, asked not to keep events back until there are enough of them.
    return [*basic_headers(STREAM, now), (b"x-accel-buffering", b"no")]


async def _until_gone(receive: Receive, client: _Client) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.end()
