"""Salus and Celery: it runs the worker, pings it through the broker, and replaces it when it does not answer.

    pip install '.[celery,redis]'
    python celery_app.py             # needs a Redis at 127.0.0.1:6379, or SHOP_BROKER

No task is run for a ping. Inside the worker lives a second, small Salus, which sees its connection and its tasks.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from celery import Celery

from salus import HealthSystem
from salus.integrations.celery import ping, watch_worker

BROKER = os.environ.get("SHOP_BROKER", "redis://127.0.0.1:6379/0")

app = Celery("celery_app", broker=BROKER, broker_connection_retry_on_startup=True)


@app.task
def pack(order: int) -> str:
    return f"order {order} is packed"


# ── In the worker ─────────────────────────────────────────────────────────────────────────────────────────────────────

watch_worker(app, HealthSystem("celery-worker"), task_below="5m", interval="2s")

# ── Outside ───────────────────────────────────────────────────────────────────────────────────────────────────────────

COMMAND = [sys.executable, "-m", "celery", "--app", "celery_app", "worker", "--concurrency", "1", "--without-mingle"]
WORKER = {
    "command": COMMAND,
    "directory": str(Path(__file__).parent),
    "environment": dict(os.environ),  # else it is given little more than PATH
}

health = HealthSystem("celery-shop", settings={"services": {"worker": {"process": WORKER}}})
health.register(
    "workers",
    ping(app, queues=("celery",), warn_queue_length_below=1000),
    interval="2s",
    start_period="20s",
    service="worker",
)
health.rule("workers", actions=["log", "restart_service"], recovery_timeout="30s", cooldown_period="5s")


def main() -> None:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with health:
        ended.wait()


if __name__ == "__main__":
    main()
