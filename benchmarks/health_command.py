"""How long ``salus health`` takes beside the bare interpreter: ``python -m benchmarks health_command``.

Docker runs it every few seconds in every container, so it must cost little more than starting Python.
Judged: median under 2 x ``python -S -c pass`` + 60 ms. Rounds alternate, so that a busy machine slows both alike.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from benchmarks._common import Row, print_table

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\nhealthy\n"


def serve(ready: threading.Event, port: list[int]) -> None:
    """Answer every request at once, so that only the command is measured."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    asyncio.run(main())


def seconds(command: list[str]) -> float:
    """Return how long a command takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main(quick: bool = False) -> list[Row]:
    """Measure it."""
    rounds = 10 if quick else 40
    ready, port = threading.Event(), list[int]()
    threading.Thread(target=serve, args=(ready, port), daemon=True).start()
    ready.wait(10)
    salus = [str(Path(sys.executable).with_name("salus")), "health", "--port", str(port[0])]
    bare = [sys.executable, "-S", "-c", "pass"]
    seconds(salus)  # the first start writes byte code
    taken = [(seconds(bare), seconds(salus)) for _ in range(rounds)]
    base, ours = (statistics.median(column) for column in zip(*taken, strict=True))
    limit = 2 * base + 0.060
    rows = [
        Row(
            name="salus health, from start to end",
            value=ours * 1000,
            unit="ms",
            reference=base * 1000,
            target=f"under twice the bare interpreter and 60 ms ({limit * 1000:.0f} ms)",
            passed=ours < limit,
        )
    ]
    print_table("The command for probes (reference: python -S -c pass)", rows)
    return rows
