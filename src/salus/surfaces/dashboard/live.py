"""Keeps open pages up to date: what has changed of a page is sent to all who look at it, as server-sent events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from salus.errors import SalusError
from salus.model import Event
from salus.ports import Clock
from salus.surfaces.dashboard.watch import Watch, Watches
from salus.surfaces.http import Receive, Refused, Send, basic_headers
from salus.surfaces.stream import Subscribe
from salus.tasks import Nursery

_LOG = logging.getLogger(__name__)

MOST_READERS = 96
MOST_STRANGERS = 64
GATHER = 0.05
HEARTBEAT = 15.0
_REST = 1.0
_REST_OF_STRANGERS = 3.0
_LONGEST_REST = 0.25
_RETRY = 1000  # milliseconds after which a browser that lost us comes again
_STREAM = "text/event-stream"


class Live:
    """Everybody who looks at a page right now.

    1. An event marks every open page; what happens within ``GATHER`` is written together.
    2. A page is also written anew every ``refresh`` seconds, for looks are no events.
    3. One page is written at a time, in slices of a millisecond, and after each nothing is written for as long as that
       took: however many pages are open, writing them takes half of the loop at most, and nobody waits for it. The
       pages of strangers take turns by themselves, and a quarter: nobody known waits for a crowd of them.
    """

    def __init__(self, watches: Watches, subscribe: Subscribe, clock: Clock) -> None:
        """Serve ``watches``; ``subscribe`` hands over every event while somebody looks."""
        self._watches = watches
        self._subscribe = subscribe
        self._clock = clock
        self._readers: set[_Reader] = set()
        self._changed: dict[Watch, asyncio.Event] = {}
        self._turns = {known: asyncio.Lock() for known in (True, False)}
        self._keepers = Nursery(_failed)
        self._unsubscribe: Callable[[], None] | None = None
        self._closed = False

    def __len__(self) -> int:
        """Count the readers."""
        return len(self._readers)

    def close(self) -> None:
        """Let every reader go."""
        self._closed = True
        for reader in self._readers:
            reader.end()
        for changed in self._changed.values():
            changed.set()

    async def serve(
        self,
        watch: Watch,
        mark: str,
        receive: Receive,
        send: Send,
        *,
        still: Callable[[], bool],
        stranger: bool = False,
    ) -> None:
        """Send what changes until the reader goes away, may no longer look (``still``), or ``close`` is called.

        Strangers leave some room to those who are known, whatever they do.

        Raises:
            Refused: 429, too many look already. Nothing was sent.
        """
        alike, most = len(self._readers), MOST_READERS
        if stranger and alike < most:
            alike, most = sum(one.stranger for one in self._readers), MOST_STRANGERS
        if alike >= most:
            raise Refused(429, f"{most} pages are open already", "close some of them", {"Retry-After": "30"})
        reader = _Reader(watch, mark, stranger=stranger)
        if self._closed:
            reader.end()
        self._join(reader)
        try:
            await self._pump(reader, receive, send, still)
        finally:
            self._leave(reader)

    async def _pump(self, reader: _Reader, receive: Receive, send: Send, still: Callable[[], bool]) -> None:
        headers = [*basic_headers(_STREAM, self._clock.now()), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send(_part(f"retry: {_RETRY}\n\n".encode()))
        async with asyncio.TaskGroup() as tasks:
            gone = tasks.create_task(_until_gone(receive, reader))
            while not reader.ended and still():
                message = reader.take()
                if message or not await reader.wait():
                    await send(_part(message or b": still here\n\n"))
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    def _join(self, reader: _Reader) -> None:
        self._readers.add(reader)
        if self._unsubscribe is None:
            self._unsubscribe = self._subscribe(self._happened)
        if self._watches.listen(reader.watch):
            self._changed[reader.watch] = asyncio.Event()
            self._keepers.start("page", self._keep(reader.watch))

    def _leave(self, reader: _Reader) -> None:
        self._readers.discard(reader)
        self._watches.leave(reader.watch)
        if not self._watches.listened(reader.watch) and (changed := self._changed.pop(reader.watch, None)):
            changed.set()
        if not self._readers and self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _happened(self, event: Event) -> None:
        for changed in self._changed.values():
            changed.set()

    async def _keep(self, watch: Watch) -> None:
        """Write one page anew whenever something has happened, as long as somebody looks."""
        changed = self._changed[watch]
        while not self._closed:
            try:
                async with asyncio.timeout(watch.page.refresh if watch.page else 0):
                    await changed.wait()
                await self._clock.sleep(GATHER)
            except TimeoutError:
                pass
            changed.clear()
            if self._changed.get(watch) is not changed:
                return
            async with self._turns[watch.known]:
                gone = await self._refresh(watch)
                self._tell(watch, gone=gone)
                rest = _REST if watch.known else _REST_OF_STRANGERS
                await self._clock.sleep(min(_LONGEST_REST, rest * watch.cost))
            if gone:
                return

    async def _refresh(self, watch: Watch) -> bool:
        """Write a page anew; true where what it is about is not there any more, or cannot be read now."""
        try:
            await watch.refresh()
        except (Refused, SalusError):
            return True
        except Exception:  # noqa: BLE001 - the boundary between a page and the engine: the page is asked for again
            _LOG.exception("could not write a page anew")
            return True
        return False

    def _tell(self, watch: Watch, *, gone: bool) -> None:
        for reader in self._readers:
            if reader.watch is watch:
                reader.reload = reader.reload or gone
                reader.wake()


class _Reader:
    """One open page, and what it has seen."""

    def __init__(self, watch: Watch, mark: str, *, stranger: bool) -> None:
        self.watch = watch
        self.stranger = stranger
        self.mark = mark
        self.ended = False
        self.reload = False
        self._something = asyncio.Event()

    def end(self) -> None:
        self.ended = True
        self._something.set()

    def wake(self) -> None:
        self._something.set()

    async def wait(self) -> bool:
        """Wait until there may be something; false when there was nothing for a while."""
        try:
            async with asyncio.timeout(HEARTBEAT):
                await self._something.wait()
        except TimeoutError:
            return False
        self._something.clear()
        return True

    def take(self) -> bytes:
        """Return what is to be sent; nothing where the page has not changed."""
        if self.reload:
            self.reload = False
            return b"event: reload\ndata: {}\n\n"
        changed = self.watch.since(self.mark)
        if not changed:
            return b""
        self.mark = self.watch.mark
        return b"id: %b\nevent: patch\ndata: %b\n\n" % (self.mark.encode(), changed)


def _part(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _until_gone(receive: Receive, reader: _Reader) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.end()


def _failed(name: str, error: BaseException) -> None:
    _LOG.error("the %s is no longer kept up to date", name, exc_info=error)
