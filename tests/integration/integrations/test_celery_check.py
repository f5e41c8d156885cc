"""The ``celery`` check against a real worker behind a real Redis: pings are answered, and no task is run."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery as App

from salus.checks.celery import Celery, CeleryCheck, Seen
from salus.errors import CheckBrokenError
from salus.integrations.celery import ping
from salus.model import Cause, Status
from salus.secret import Secret
from salus.units import Duration
from tests.acceptance.salus_process import free_port
from tests.looks import look_from, look_once, site

WORKER = """
from celery import Celery

app = Celery("worked", broker="{broker}", broker_connection_retry_on_startup=True)
"""


@contextmanager
def redis_at(port: int, folder: Path) -> Iterator[None]:
    program = shutil.which("redis-server")
    assert program is not None, "redis-server is needed: scripts/install-test-peers"
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with redis_at(port, tmp_path_factory.mktemp("redis")):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: str) -> Iterator[subprocess.Popen[bytes]]:
    folder = tmp_path_factory.mktemp("worker")
    (folder / "worked.py").write_text(WORKER.format(broker=broker), encoding="utf-8")
    arguments = ["--app", "worked", "worker", "--pool", "solo", "--hostname", "one@here", "--loglevel", "info"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", *arguments, "--without-mingle", "--without-gossip"],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(400):
            if b" ready." in (folder / "log").read_bytes():
                break
            threading.Event().wait(0.1)
        else:
            pytest.fail((folder / "log").read_text(encoding="utf-8"))
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)


async def test_a_worker_that_answers_is_healthy_over_one_connection_and_waited_for_only_until_it_is_known(
    worker: subprocess.Popen[bytes], broker: str
) -> None:
    port = int(broker.rpartition(":")[2].partition("/")[0])

    def connections() -> int:
        return sum(bool(one.raddr) and one.raddr[1] == port for one in psutil.Process().net_connections())

    before, wait = connections(), Duration(3)
    options = Celery(broker=Secret(broker), workers=("one@here",), queues=("celery", "none"), reply_timeout=wait)
    check = options.build(site())
    first = await check.look(look_from(site()))
    assert (first.status, first.metadata) == (Status.HEALTHY, {"workers": ["one@here"]})
    assert {name: metric.value for name, metric in first.metrics.items() if name != "answer_seconds"} == {
        "workers": 1,
        "queue_celery": 0,
        "queue_none": 0,
    }
    kept = connections()
    for _ in range(4):
        again = await check.look(look_from(site()))
        assert again.status is Status.HEALTHY
        assert again.duration < wait < first.duration
    assert connections() == kept > before
    await check.aclose()
    for _ in range(1500):
        if connections() <= before:
            break
        await asyncio.sleep(0.02)
    assert connections() <= before


async def test_workers_that_are_missing_few_or_stopped_and_queues_that_are_long_are_told(
    worker: subprocess.Popen[bytes], broker: str
) -> None:
    app = App("ours", broker=broker, set_as_current=False)
    missing = await look_once(ping(app, workers=("one@here", "two@here"), reply_timeout="2s"))
    assert (missing.status, missing.message) == (Status.UNHEALTHY, "two@here did not answer within 2 s")
    for _ in range(3):
        app.send_task("nobody.takes.it", queue="unread")
    few = await look_once(ping(app, warn_workers_above=3, reply_timeout=2, queues=("unread",), queue_length_below=2))
    assert few.status is Status.UNHEALTHY
    assert few.message == "3 messages wait in unread, expected below 2; 1 worker answered, expected above 3"
    check = ping(app, workers=("one@here",), reply_timeout=2)
    assert (await check.look(look_from(site()))).status is Status.HEALTHY
    os.kill(worker.pid, signal.SIGSTOP)
    stopped = await check.look(look_from(site()))
    os.kill(worker.pid, signal.SIGCONT)
    assert stopped.status is Status.UNHEALTHY
    assert stopped.message.startswith("one@here did not answer within 2 s; 0 workers answered")
    for _ in range(20):
        if (await check.look(look_from(site()))).status is Status.HEALTHY:
            break
    else:
        pytest.fail("it never answered again")
    await check.aclose()


async def test_a_broker_that_is_gone_is_unhealthy_and_says_so() -> None:
    app = App("ours", broker=f"redis://:secret@127.0.0.1:{free_port()}/0", set_as_current=False)
    seen = await look_once(ping(app, reply_timeout=0.3))
    assert (seen.status, seen.cause) == (Status.UNHEALTHY, Cause.REFUSED)
    assert seen.message.startswith("the broker cannot be reached: ")
    assert "secret" not in seen.message


async def test_a_broker_that_dies_between_two_looks_is_told_and_found_again(tmp_path: Path) -> None:
    port = free_port()
    with redis_at(port, tmp_path):
        check = ping(App("ours", broker=f"redis://127.0.0.1:{port}/0", set_as_current=False), **nobody())
        while (first := await check.look(look_from(site()))).status is not Status.HEALTHY:
            await asyncio.sleep(0.02)
        assert first.message == "no worker is expected, and none answered"
    gone = await check.look(look_from(site()))
    assert (gone.status, gone.message.partition(":")[0]) == (Status.UNHEALTHY, "the broker cannot be reached")
    with redis_at(port, tmp_path):
        while (await check.look(look_from(site()))).status is not Status.HEALTHY:
            await asyncio.sleep(0.02)
    await check.aclose()


def nobody() -> dict[str, Any]:
    return {"workers_above": -1, "reply_timeout": 0.1}


async def test_a_look_that_hangs_keeps_its_thread_and_no_other() -> None:
    release = threading.Event()

    class Stuck:
        def ask(self, within: float) -> Seen:
            release.wait()
            return Seen()

        def close(self) -> None:
            release.clear()

    check = CeleryCheck(Celery(app="some:app"), Stuck())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await check.look(look_from(site()))
    before = threading.active_count()
    seen = await check.look(look_from(site()))
    assert (seen.status, seen.message) == (Status.UNHEALTHY, "the broker has not answered the look before yet")
    assert threading.active_count() <= before  # others may end
    release.set()
    await check.aclose()


@pytest.mark.parametrize(
    "app, message",
    [
        ("no.such.module:app", "cannot import no.such.module:app: ModuleNotFoundError: No module named 'no'"),
        ("pathlib:Path", "pathlib:Path is no Celery app, but type"),
    ],
)
async def test_an_app_that_cannot_be_had_tells_nothing_of_its_workers(app: str, message: str) -> None:
    with pytest.raises(CheckBrokenError) as caught:
        await look_once(Celery(app=app))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "options, field",
    [
        ({}, "app"),
        ({"app": "some:app", "broker": Secret("redis://")}, "app"),
        ({"app": "no colon"}, "app"),
        ({"app": "some:app", "queue_length_below": 5}, "queues"),
        ({"app": "some:app", "workers_above": 2, "warn_workers_above": 1}, "warn_workers_above"),
    ],
)
def test_options_that_make_no_sense_are_told(options: Any, field: str) -> None:
    assert field in {name for name, _ in Celery(**options).problems()}
