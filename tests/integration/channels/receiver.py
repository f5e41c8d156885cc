"""A small HTTP server on loopback that keeps what is posted to it, and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.stage import cut_off


@dataclass(frozen=True)
class Posted:
    """One request."""

    line: str
    headers: dict[str, str]
    body: Any


@dataclass
class Receiver:
    """What came in, and how it is answered.

    Attributes:
        url: where it listens.
        requests: oldest first.
        answer: gives status line and body for a request; None hangs.
    """

    url: str = ""
    requests: list[Posted] = field(default_factory=list)
    answer: Callable[[Posted], tuple[str, str] | None] = lambda _: ("200 OK", "")

    async def gets(self, condition: Callable[[list[Posted]], bool], what: str) -> None:
        """Wait, bounded, until what came in is so."""
        try:
            async with asyncio.timeout(30):
                while not condition(self.requests):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"waited in vain for {what}; there came {self.requests}")

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *rest = head.strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                posted = Posted(line, headers, json.loads(body) if body else None)
                self.requests.append(posted)
                answer = self.answer(posted)
                if answer is None:
                    await asyncio.Event().wait()
                    return
                status, text = answer
                writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}".encode())
                await writer.drain()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Receive on a free port."""
    made = Receiver()
    tasks: set[asyncio.Task[None]] = set()
    writers: list[StreamWriter] = []

    def connected(reader: StreamReader, writer: StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.get_running_loop().create_task(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            cut_off(writer.transport)
        for _ in range(5):
            await asyncio.sleep(0)
