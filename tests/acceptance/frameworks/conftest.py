"""Every example under its real server. All start together when the first is wanted, and end together after the last."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from tests.acceptance.frameworks.serving import EXAMPLES, Served
from tests.acceptance.salus_process import free_port

SERVERS: Mapping[str, list[str]] = {
    "django": ["gunicorn", "django_app:application", "--threads", "4", "--bind"],
    "fastapi": ["uvicorn", "fastapi_app:app", "--log-level", "warning", "--port"],
    "starlette": ["uvicorn", "starlette_app:app", "--log-level", "warning", "--port"],
    "litestar": ["uvicorn", "litestar_app:app", "--log-level", "warning", "--port"],
    "flask": ["flask", "--app", "flask_app", "run", "--port"],
    "celery": ["celery_app"],
    "gunicorn": ["gunicorn", "-c", str(EXAMPLES / "gunicorn.conf.py"), "--threads", "2", "flask_app:app", "--bind"],
    "uvicorn-worker": ["gunicorn", "-k", "uvicorn_worker.UvicornWorker", "fastapi_app:app", "--bind"],
}


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("redis-server")
    assert program is not None, "redis-server is needed: scripts/install-test-peers"
    port = free_port()
    arguments = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    folder = tmp_path_factory.mktemp("redis")
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(arguments, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory, broker: str) -> Iterator[Mapping[str, Served]]:
    there: dict[str, Served] = {}
    try:
        for name, command in SERVERS.items():
            port, folder = free_port(), tmp_path_factory.mktemp(name)
            place = {"--bind": [f"127.0.0.1:{port}"], "--port": [str(port)]}.get(command[-1], [])
            ready = "/salus/readyz" if name == "starlette" else "/readyz"
            served = Served([*command, *place], folder, port, environ={"SHOP_BROKER": broker}, ready=ready)
            if name == "django":
                served.run("django_app", "migrate", "--verbosity", "0")
            there[name] = served
            served.start()
        yield there
    finally:
        for one in there.values():
            one.end()
        for one in there.values():
            one.stop()
