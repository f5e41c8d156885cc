"""The API of the shop: what is for sale (from the cache file) and how much of it is left (from the database).

SIGUSR1: it goes on running, and listens no more. SIGUSR2: it goes wrong inside, and answers 500 from then on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
from pathlib import Path

from salus.demo.programs.talk import Answer, listen


class Api:
    """Answers ``/health`` and ``/items``."""

    def __init__(self, cache: Path, db_port: int) -> None:
        """Read ``cache`` and ask the database at ``db_port``."""
        self._cache = cache
        self._db_port = db_port
        self.gone_wrong = False

    async def answer(self, path: str) -> Answer:
        """Answer one request."""
        if path not in ("/health", "/items"):
            return 404, {"error": f"there is nothing at {path}"}
        if self.gone_wrong:
            return 500, {"error": "order numbers are out of sequence"}
        try:
            items = json.loads(self._cache.read_text(encoding="utf-8"))["items"]
        except (OSError, ValueError, KeyError) as error:
            return 500, {"error": f"the cache cannot be read: {error}"}
        try:
            stock = {name: await self._stock(name) for name in items}
        except (OSError, TimeoutError, ValueError) as error:
            return 503, {"error": f"the database does not answer: {str(error) or 'time-out'}"}
        return 200, {"status": "ok"} if path == "/health" else {"items": items, "stock": stock}

    async def _stock(self, name: str) -> int:
        async with asyncio.timeout(0.3):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._db_port)
            try:
                writer.write(f"STOCK {name}\n".encode())
                return int(await reader.readline())
            finally:
                writer.close()


async def _main(port: int, cache: Path, db_port: int) -> None:
    api = Api(cache, db_port)
    server = await listen(port, api.answer)
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, done.set)
    loop.add_signal_handler(signal.SIGUSR1, server.close)
    loop.add_signal_handler(signal.SIGUSR2, lambda: setattr(api, "gone_wrong", True))
    await done.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--db-port", type=int, required=True)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(options.port, options.cache, options.db_port))
