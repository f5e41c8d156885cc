"""A small FastAPI application under uvicorn, with Salus inside (``on``) or without (``off``).

``_library_child.py on|off PORT STATE_FOLDER``; inside, ``POST /stop`` and ``POST /start`` stop and start Salus.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from fastapi import FastAPI

mode, port, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def add_small_route(app: FastAPI) -> None:
    """Let the application answer something."""

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}


if mode == "on":
    from salus import HealthSystem

    health = HealthSystem("bench", state_dir=folder)
    pool = ThreadPoolExecutor(4)
    kinds: dict[str, dict[str, object]] = {
        "event_loop": {"lag_below": "500ms"},
        "threads": {"count_below": 1000},
        "tasks": {"count_below": 10000},
        "garbage_collector": {"pause_below": "1s"},
        "process_memory": {"rss_below": "4GiB"},
        "file_descriptors": {"used_below": "90%"},
        "deadlock": {},
    }
    for kind, options in kinds.items():
        health.register(kind, {kind: options}, interval="10s")

    def plain() -> int:
        """Look at something in memory."""
        return 3

    async def asynchronous() -> None:
        """Look at something on the application's loop."""

    for number in range(20 - len(kinds)):
        health.register(f"own-{number}", asynchronous if number % 2 else plain, interval="10s")
    health.rule("process_memory", ["log", "garbage_collect"], min_failure_count=2)
    app = FastAPI(lifespan=health.lifespan)
    add_small_route(app)

    @app.post("/start")
    async def start() -> None:
        """Start Salus."""
        await health.__aenter__()

    @app.post("/stop")
    async def stop() -> None:
        """Stop Salus; the application goes on."""
        await health.__aexit__(None, None, None)

    app.mount("/salus", health.asgi())  # last, as the README has it
else:
    app = FastAPI()
    add_small_route(app)

uvicorn.run(app, port=port, log_level="error", access_log=False)
