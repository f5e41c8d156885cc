"""The mailer of the shop. Nobody ever breaks it: whoever touches it is at fault."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

from salus.demo.programs.talk import Answer, listen


async def _answer(path: str) -> Answer:
    return (200, {"status": "ok"}) if path == "/health" else (404, {"error": f"there is nothing at {path}"})


async def _main(port: int) -> None:
    server = await listen(port, _answer)
    done = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, done.set)
    await done.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--outbox", required=True, help="folder of the letters")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args().port))
