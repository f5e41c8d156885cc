"""Importing salus is cheap: what is heavy or optional is imported when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import salus

OPTIONAL = {"aiosmtplib", "apprise", "cel_expr_python", "cryptography", "fastapi", "jinja2", "opentelemetry", "psycopg"}
OPTIONAL |= {"celery", "grpc", "grpc_health", "kombu", "pamqp"}
HEAVY = {"alembic", "asyncio", "click", "dns", "psutil", "rich", "sqlalchemy", "uvicorn", "uvloop", "yaml"}


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    return set(done.stdout.split())


def test_importing_salus_imports_nothing_optional_and_nothing_heavy() -> None:
    assert not modules_after("import salus") & (OPTIONAL | HEAVY)


@pytest.mark.parametrize("module", ["salus.model", "salus.ports", "salus.errors", "salus.units", "salus.conditions"])
def test_the_kernel_imports_nothing_optional(module: str) -> None:
    assert not modules_after(f"import {module}") & OPTIONAL


@pytest.mark.parametrize("module", ["asgi", "wsgi", "gunicorn"])
def test_what_serves_every_framework_imports_none(module: str) -> None:
    frameworks = {"celery", "django", "fastapi", "flask", "gunicorn", "litestar", "starlette"}
    assert not modules_after(f"import salus.integrations.{module}") & (OPTIONAL | frameworks)


@pytest.mark.parametrize("kind", ["amqp", "celery", "grpc", "mqtt", "nats", "prometheus"])
def test_a_kind_of_check_imports_what_it_needs_when_it_is_built(kind: str) -> None:
    assert not modules_after(f"import salus.checks.{kind}") & OPTIONAL


def test_every_public_name_can_be_imported() -> None:
    for name in salus.__all__:
        assert getattr(salus, name) is not None


def test_public_names_are_sorted() -> None:
    assert list(salus.__all__) == sorted(salus.__all__)


def test_an_agent_does_not_load_what_it_may_never_need() -> None:
    never = ["http.cookies", "rich", "alembic", "sqlalchemy", "zipfile", "zoneinfo", "aiosmtplib", "difflib"]
    never += [
        "salus.store.memory",
        "salus.components",
        "salus.store.past",
        "salus.engine.asides",
        "salus.engine.rulemodes",
        "salus.surfaces.orders",
        "salus.simulate",
        "salus.surfaces.api.app",
        "salus.surfaces.api.table",
        "jinja2",
        "multiprocessing",
        "opentelemetry",
        "salus.app.plugins",
        "salus.conditions",
        "salus.config.pings",
        "salus.config.telemetry",
        "salus.config.status_page",
        "salus.engine.announcements",
        "salus.engine.history",
        "salus.engine.incidents",
        "salus.engine.makeup",
        "salus.incidents.fold",
        "salus.model.history",
        "salus.model.statuspage",
        "salus.ports.history",
        "salus.store.history",
        "salus.surfaces.charts",
        "salus.surfaces.dashboard",
        "salus.surfaces.metrics",
        "salus.surfaces.pings",
        "salus.surfaces.telemetry",
        "salus.surfaces.statuspage",
    ]
    code = f"import sys, salus.app.agent, salus.channels.console; print([m for m in {never} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_whoever_starts_uvicorn_with_its_reloader_beside_salus_gets_the_real_thing() -> None:
    code = (
        "import salus.surfaces.server, sys, uvicorn; "
        "made = sys.modules['uvicorn.main'].ChangeReload(uvicorn.Config(app=None), target=print, sockets=[]); "
        "print(type(made).__module__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("uvicorn.supervisors.")
