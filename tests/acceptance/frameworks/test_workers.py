"""Salus in the workers of gunicorn, and in and beside those of Celery: real arbiters, a real broker, real kills."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil
import pytest

from tests.acceptance.frameworks.serving import Served

pytestmark = pytest.mark.timeout(180)  # the first waits until eight servers have begun, the last until they have ended


def workers_of(served: Served) -> list[int]:
    assert served.process is not None
    return sorted(child.pid for child in psutil.Process(served.process.pid).children())


@pytest.mark.alone
async def test_one_worker_of_gunicorn_leads_and_another_takes_over_when_it_is_killed(
    served: Mapping[str, Served],
) -> None:
    for name, one in served.items():
        if name != "celery":  # which answers nobody
            await one.until_ready()  # to begin takes what the other worker needs to take over in time
    shop = served["gunicorn"]
    await shop.until(lambda: len(workers_of(shop)) == 2, "both workers are there")
    await shop.until(lambda: shop.check("mails")["last_checked"] is not None, "the first look")
    leader = shop.status()["agent"]["pid"]
    assert leader in workers_of(shop)
    seen = shop.check("mails")["last_checked"]
    os.kill(leader, signal.SIGKILL)

    def another_leads() -> bool:
        return shop.status()["agent"]["pid"] not in (leader, shop.process and shop.process.pid)

    assert await shop.until(another_leads, "another worker leads") < 5
    assert shop.ask("/livez").code == 200
    await shop.until(lambda: shop.check("mails")["last_checked"] > seen, "it looks by itself")


async def test_a_mail_is_sent_whichever_worker_it_came_to_and_whosever_thread_ended(
    served: Mapping[str, Served],
) -> None:
    shop = served["gunicorn"]
    await shop.until_ready()
    addresses = [f"{number}@example.org" for number in range(12)]
    for address in ("nobody", *addresses):  # the first ends a thread
        assert shop.ask("/mails", data=f"to={address}", method="POST").code == 200
    sent = [address.replace("@", " at ") for address in addresses]
    await shop.until(lambda: shop.ask("/mails").json == sent, "all are sent")


async def test_a_worker_of_gunicorn_that_ends_stops_salus_in_order(served: Mapping[str, Served]) -> None:
    shop = served["uvicorn-worker"]
    await shop.until_ready()
    before = shop.recovered("packing")
    assert shop.ask("/orders?items=0", method="POST").code == 200
    await shop.until_healed("packing", before=before)
    (worker,) = workers_of(shop)
    os.kill(worker, signal.SIGTERM)
    await shop.until(lambda: workers_of(shop) not in ([], [worker]), "there is a new worker")
    await shop.until_ready()
    assert "Traceback" not in shop.output()


async def test_a_celery_worker_that_was_killed_is_replaced(served: Mapping[str, Served]) -> None:
    shop = served["celery"]

    def workers() -> Any:
        return named(shop, "celery-shop", "workers")

    await shop.until(lambda: workers()["status"] == "healthy", "the worker answers")
    assert workers()["metrics"]["workers"]["value"] == 1
    assert workers()["metrics"]["queue_celery"]["value"] == 0
    (service,) = (one for one in client(shop, "celery-shop").status()["services"] if one["name"] == "worker")
    os.kill(service["pid"], signal.SIGKILL)

    def replaced() -> bool:
        (now,) = (one for one in client(shop, "celery-shop").status()["services"] if one["name"] == "worker")
        return now["pid"] not in (None, service["pid"]) and workers()["status"] == "healthy"

    await shop.until(replaced, "another worker answers")


async def test_salus_inside_a_celery_worker_sees_its_connection_and_its_tasks(served: Mapping[str, Served]) -> None:
    shop = served["celery"]

    def worker() -> Any:
        return named(shop, "celery-worker", "worker")

    await shop.until(lambda: worker()["status"] == "healthy", "the worker is well")
    assert worker()["message"] == "connected, 0 tasks run"
    assert worker()["metrics"]["pool_processes"]["value"] == 1
    (leader,) = (one for one in client(shop, "celery-shop").status()["services"] if one["name"] == "worker")
    for process in psutil.Process(leader["pid"]).children():
        assert process.num_threads() == 1  # Salus lives in the main process, and not in those of the pool
    shop.run("celery", "--app", "celery_app", "call", "celery_app.pack", "--args", "[7]")
    await shop.until(lambda: worker()["metrics"]["tasks_total"]["value"] == 1, "the task was counted")


def client(shop: Served, name: str) -> Any:
    from salus.cli.client import Client

    return Client(shop.folder / "state" / "salus" / name)


def named(shop: Served, system: str, check: str) -> Any:
    with suppress(StopIteration):
        return next(one for one in client(shop, system).status()["checks"] if one["name"] == check)
    return {"status": "missing"}
