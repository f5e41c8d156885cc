"""The parts of the example, without Salus and without a server: what must hold however they are used."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.preview_server.preview import EXAMPLE
from tests.acceptance.salus_process import eventually


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put the parts together; nothing is started, so no worker lives."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # killed workers are what some of this is about
    settings = import_module("preview_server.settings").Settings(
        output=tmp_path / "output", longest_wait=0.05, faults=True
    )
    server = import_module("preview_server.app").Server(settings)
    server.registry.refresh()
    yield server
    server.faults["kill-workers"][1]()  # whoever is jammed ends
    server.pipeline.stop()


def _ask(server: Any, path: str) -> httpx.Response:
    app = import_module("preview_server.app").create_app(server)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://preview") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_who_asks_before_it_is_built_gets_a_page_that_asks_again_and_harms_no_worker(server: Any) -> None:
    for _ in range(2):  # the second waits for the same build as the first, which lost patience
        answer = _ask(server, "/preview/card/plain")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert '<meta http-equiv="refresh" content="2">' in answer.text
        assert "is not built yet" in answer.text
    _ask(server, "/preview/button/primary")
    server.pipeline.restart()
    eventually(lambda: _ask(server, "/preview/button/primary").status_code == 200)
    assert _ask(server, "/preview/card/plain").status_code == 200
    assert server.pipeline.workers_alive() == 2


@pytest.mark.parametrize("faults", list(product(("stick-queue", "kill-workers", "poison-cache"), repeat=3)))
def test_one_restart_and_a_cleared_cache_undo_the_faults_of_the_pipeline_in_any_order(
    server: Any, faults: tuple[str, ...]
) -> None:
    pipeline, badge = server.pipeline, server.registry.get("badge")
    pipeline.restart()
    right = pipeline.build(badge).result(10)
    for fault in faults:
        server.faults[fault][1]()
    pipeline.clear_cache()
    pipeline.restart()
    assert pipeline.build(badge).result(10) == right
    eventually(lambda: not pipeline.queue_length())
    assert pipeline.verify_cache() == []
    assert pipeline.workers_alive() == pipeline.workers_expected()


def test_a_jammed_worker_can_be_killed(server: Any) -> None:
    server.pipeline.restart()
    server.faults["stick-queue"][1]()
    server.faults["kill-workers"][1]()
    eventually(lambda: server.pipeline.workers_alive() == 0, what="the end of all workers")


def test_a_fault_of_the_watcher_ends_with_it(server: Any) -> None:
    server.watcher.fault = OSError("inotify: no space left on device")
    server.watcher.restart()
    try:
        assert server.watcher.fault is None
    finally:
        server.watcher.stop()


def test_what_is_built_while_the_registry_is_empty_has_the_style_of_what_it_uses(server: Any) -> None:
    card = server.registry.get("card")
    server.registry.forget()
    assert ".badge {" in server.renderer.build(card)["with tags"]
