"""The worker of the shop: packs orders, counts them in a file, and reports in by HTTP.

SIGUSR1: it begins to lose memory, eight MiB with every order, and stops at 256 so that the demo hurts nobody.
"""

from __future__ import annotations

import argparse
import http.client
import signal
import threading
from pathlib import Path

ORDER_SECONDS = 0.1
REPORT_EVERY = 5
LEAK, MOST = 8 * 2**20, 256 * 2**20


def report(port: int, slug: str) -> None:
    """Say that it works; if nobody hears it, the next report may be heard."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("POST", f"/ping/{slug}")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


def work(counter: Path, port: int) -> None:
    """Pack orders until SIGTERM."""
    done, leaking = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    signal.signal(signal.SIGUSR1, lambda *_: leaking.set())
    lost: list[bytes] = []
    packed = 0
    while not done.wait(ORDER_SECONDS):
        packed += 1
        if packed % REPORT_EVERY == 1:
            report(port, "worker")
        fresh = counter.with_suffix(".new")
        fresh.write_text(f"{packed}\n", encoding="ascii")
        fresh.replace(counter)
        if leaking.is_set() and len(lost) * LEAK < MOST:
            lost.append(b"\x01" * LEAK)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--counter", type=Path, required=True)
    parser.add_argument("--report-to", type=int, required=True)
    options = parser.parse_args()
    work(options.counter, options.report_to)
