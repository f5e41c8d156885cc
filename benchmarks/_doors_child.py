"""A whole agent for the benches of its doors: ``python -m benchmarks._doors_child CHECKS INTERVAL SHOW_DETAILS``.

Its checks answer at once. Beside its own doors stands a bare ASGI app under the same server, in the same loop. Prints
one JSON object with both ports; then, for each line on standard input, one with how late the looks since the last line
began.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
import threading

import uvloop

from benchmarks._engine_child import listen
from salus.app.agent import Agent
from salus.config import loads
from salus.engine.engine import Engine
from salus.engine.units import CheckUnit
from salus.model import CheckSpec, CheckState, Observation
from salus.ports import Look
from salus.surfaces.http import Receive, Scope, Send
from salus.surfaces.server import Server

FAILING = 50
"""One check in so many fails."""
TAGS = 20

_HELLO = b"Hello, world!"
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", str(len(_HELLO)).encode())],
}
_BODY = {"type": "http.response.body", "body": _HELLO}


async def hello(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - as ASGI calls it
    """Answer as a bare ASGI app does."""
    await send(_START)
    await send(_BODY)


class Fine:
    """A check that answers at once."""

    async def look(self, look: Look) -> Observation:
        """Look once."""
        return look.healthy("fine, as it was before")

    async def aclose(self) -> None:
        """Nothing is kept."""


class Bad(Fine):
    """A check that says no at once."""

    async def look(self, look: Look) -> Observation:
        """Look once."""
        return look.unhealthy("expected status 200, got 503")


def watch(engine: Engine, count: int, interval: float) -> None:
    """Give the engine checks, spread over tags, some of which fail (none of them critical)."""
    fine, bad = Fine(), Bad()
    specs = (
        CheckSpec(
            name=f"check-{place:05}",
            kind="http",
            interval=interval,
            timeout=5.0,
            critical=False,
            tags=(f"team-{place % TAGS}", "web"),
            description="One of many shops",
        )
        for place in range(count)
    )
    engine.replace_units(
        {
            spec.name: CheckUnit(spec=spec, check=fine if place % FAILING else bad, state=CheckState())
            for place, spec in enumerate(specs)
        }
    )


async def main(count: int, interval: float, details: str) -> None:
    """Run until standard input ends."""
    loop = asyncio.get_running_loop()
    logging.getLogger("salus").setLevel(logging.ERROR)  # some of its checks fail on purpose
    with tempfile.TemporaryDirectory() as folder:
        settings = loads(f"salus: {{listen: '127.0.0.1:0', state_dir: {folder}/state, show_details: {details}}}\n")
        agent, bare = Agent(settings), Server()
        await agent.start()
        await bare.start(hello, "127.0.0.1", 0)
        lateness = listen(agent.engine)
        watch(agent.engine, count, interval)
        print(json.dumps({"salus": agent.server.addresses[0][1], "hello": bare.addresses[0][1]}), flush=True)
        asked: asyncio.Queue[str] = asyncio.Queue()

        def read() -> None:
            for line in sys.stdin:
                loop.call_soon_threadsafe(asked.put_nowait, line)
            loop.call_soon_threadsafe(asked.put_nowait, "")

        threading.Thread(target=read, daemon=True).start()
        while await asked.get():
            found = sorted(lateness)
            lateness.clear()
            told = {
                "looks": len(found),
                "p50": found[len(found) // 2] if found else 0.0,
                "p99": found[int(len(found) * 0.99)] if found else 0.0,
            }
            print(json.dumps(told), flush=True)
        await bare.stop(1)
        await agent.stop()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
