"""What stands between a check and a server: counts connections, cuts them, and goes silent."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from typing import Self

from tests.acceptance.salus_process import free_port


class Relay:
    """Passes on what comes to a server.

    Attributes:
        port: where it listens.
        accepted: how many connections there ever were.
        silent: passes nothing on, on connections made while it is so.
    """

    def __init__(self, target: int) -> None:
        self.port = free_port()  # not the kernel's choice: a connection may be given it while nobody listens
        self.accepted = 0
        self.silent = False
        self._target = target
        self._server: asyncio.Server | None = None
        self._clients: set[StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped: set[StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def open(self) -> int:
        """How many connections there are now."""
        return len(self._clients)

    async def listen(self) -> None:
        """Take connections, again on the same port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    def refuse(self) -> None:
        """Take no more connections, and cut those that there are: the server is gone."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Cut every connection: the server was restarted."""
        for client in list(self._clients):
            client.transport.abort()

    def mute(self) -> None:
        """Pass nothing more on, on the connections that there are: a firewall has forgotten them."""
        self._stopped |= self._clients

    async def close(self) -> None:
        self.refuse()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)  # Closing takes the loop a turn or two.

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.accepted += 1
        self._clients.add(writer)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        server: StreamWriter | None = None
        try:
            if self.silent:
                self._stopped.add(writer)
                await reader.read()
                return
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
            back = asyncio.get_running_loop().create_task(self._pass(answers, writer, writer))
            try:
                await self._pass(reader, server, writer)
            finally:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
        except OSError:
            pass
        finally:
            self._clients.discard(writer)
            self._stopped.discard(writer)
            for end in (writer, server):
                if end is not None:
                    end.transport.abort()

    async def _pass(self, source: StreamReader, target: StreamWriter, client: StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if client not in self._stopped:
                    target.write(data)
        if target is client:
            target.close()
