"""A relay in front of a server: it counts, and can forget its connections as a firewall does."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from typing import Self


class Relay:
    """Passes bytes on between whoever connects and a port of loopback."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.port = 0
        self.opened = 0
        self.open = 0
        self.deaf: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)

    def forget(self) -> None:
        """Let everything that is said on the connections there are get lost from now on."""
        self.deaf = set(range(self.opened + 1))

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        number = self.opened
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers += [writer]
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers += [back]
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass(number, reader, back))
                    group.create_task(self._pass(number, there, writer))
            finally:
                back.transport.abort()
        except* OSError:
            pass
        finally:
            self.open -= 1
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pass(self, number: int, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError):
            while said := await reader.read(65536):
                if number not in self.deaf:
                    writer.write(said)
                    await writer.drain()
        writer.close()
