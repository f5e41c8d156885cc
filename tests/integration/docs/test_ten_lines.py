"""The ten lines of the README are ten, and do as they stand there what the README says of them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.salus_process import eventually, free_port
from tests.pages import Block, blocks


def shop() -> Block:
    return next(block for block in blocks("README.md", "python") if block.title == "shop.py")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Serve what is printed, as it is printed, by the command that is printed."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(shop().text, encoding="utf-8")
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "shop:app"],
        cwd=folder,
        env={**os.environ, "UVICORN_PORT": str(port), "HOME": str(folder), "XDG_STATE_HOME": str(folder)},
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            eventually(lambda: _answers(client), within=45, what="an answer of uvicorn")
            yield client
    finally:
        server.terminate()
        server.wait(15)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/salus/startupz").status_code == 200
    except httpx.TransportError:
        return False


def test_they_are_ten() -> None:
    text = shop().text
    about = {"health", "salus.asgi", "database", "reconnect"}
    tree = ast.parse(text)
    lines: set[int] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = {found.id for found in ast.walk(node) if isinstance(found, ast.Name)} | {getattr(node, "name", "")}
        if names & about:
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
            lines |= set(range(first, (node.end_lineno or first) + 1))
    assert len(lines) == 10, sorted(lines)


@pytest.mark.parametrize("path", ["livez", "readyz", "startupz", "health", "metrics"])
def test_probes_and_metrics_answer(served: httpx.Client, path: str) -> None:
    assert served.get(f"/salus/{path}").status_code == 200


def test_the_dashboard_is_there(served: httpx.Client) -> None:
    page = served.get("/salus/health-dashboard", follow_redirects=True)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_what_breaks_is_healed(served: httpx.Client) -> None:
    assert served.post("/break").status_code == 200

    def healed() -> bool:
        return 'salus_recoveries_total{check="database",outcome="recovered"} 1' in served.get("/salus/metrics").text

    eventually(healed, within=45, what="the recovery")
    assert served.get("/salus/readyz").status_code == 200
