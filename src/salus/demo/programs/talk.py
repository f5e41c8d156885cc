"""A web server of thirty lines: one request a connection, answers in JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Answer: TypeAlias = tuple[int, dict[str, object]]
Answering: TypeAlias = Callable[[str], Awaitable[Answer]]

_WORDS = {200: "OK", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}
_PATIENCE = 5.0


async def listen(port: int, answering: Answering) -> asyncio.Server:
    """Answer GET requests at a port of this machine.

    Args:
        port: where to listen.
        answering: turns a path into a status and a JSON object.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode("ascii", "replace")
                status, content = await answering(path)
                body = json.dumps(content).encode() + b"\n"
                writer.write(
                    f"HTTP/1.1 {status} {_WORDS[status]}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
                )
                writer.write(body)
                await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", port, backlog=64)
