"""The database of the shop: answers ``PING`` and ``STOCK <item>`` over TCP, one line each.

Like a real one it needs a while after a crash: it replays its journal before it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import zlib
from pathlib import Path

REPLAY_SECONDS = 1.5


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while line := await reader.readline():
            word, _, item = line.decode("utf-8", "replace").strip().partition(" ")
            answer = {"PING": "PONG", "STOCK": str(zlib.crc32(item.encode()) % 90 + 10)}.get(word, "ERROR")
            writer.write(answer.encode() + b"\n")
            await writer.drain()
    writer.close()


def _open(journal: Path) -> bool:
    """Open the journal; tells whether it was closed properly the last time."""
    try:
        journal.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _close(journal: Path) -> None:
    journal.unlink(missing_ok=True)


async def _main(port: int, journal: Path) -> None:
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    if not _open(journal):
        print(f"not closed properly: replaying {journal.name}", flush=True)  # noqa: T201 - its log
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REPLAY_SECONDS):
                await done.wait()
    server = await asyncio.start_server(_serve, "127.0.0.1", port)
    await done.wait()
    server.close()
    _close(journal)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(options.port, options.journal))
