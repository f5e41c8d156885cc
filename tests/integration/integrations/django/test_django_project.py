"""Salus in a Django project: its setting, its URLs, its command, and where it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.asgi import get_asgi_application
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.management.base import CommandError
from django.core.signals import request_started
from django.test import AsyncClient, Client, override_settings
from django.test.utils import setup_test_environment, teardown_test_environment

from salus import HealthSystem
from salus.integrations.asgi import HealthMiddleware
from salus.integrations.django import apps, conf, get_health
from salus.integrations.django.conf import get_starter
from tests.integration.integrations.test_middleware import Server
from tests.integration.library.waiting import until


@pytest.fixture(autouse=True)
def _testing() -> Iterator[None]:
    """What Django's own test runner does first: from then on nothing starts by itself."""
    setup_test_environment()
    yield
    teardown_test_environment()
    get_health.cache_clear()
    get_starter.cache_clear()


def test_the_setting_names_the_system(health: HealthSystem) -> None:
    assert get_health() is health
    with override_settings(SALUS="tests.integration.integrations.django.conftest.HEALTH"):
        get_health.cache_clear()
        assert isinstance(get_health(), HealthSystem)


def test_without_a_system_one_is_made_that_knows_what_django_knows(tmp_path: Any) -> None:
    said = {"NAME": "made", "STATE_DIR": tmp_path, "HEALTH_CHECKS": ["health_check.checks.Cache"]}
    with override_settings(SALUS=said):
        get_health.cache_clear()
        made = get_health()
        made.judge()
        assert made.name == "made"
        names = {"database", "database-other", "cache", "cache-gone", "migrations", "health-check-cache"}
        assert set(made._said()._checks) == names
    with override_settings(SALUS={"NAME": "made", "CHECKS": {"database": {"interval": "1s"}}}):
        get_health.cache_clear()
        assert set(get_health()._said()._checks) == {"database", "database-other"}


@pytest.mark.parametrize(
    "said, message",
    [
        ({"HEALHT": "x"}, "SALUS['HEALHT'] is no setting of Salus: did you mean 'HEALTH'?"),
        ({"QUITE": 1}, "SALUS['QUITE'] is no setting of Salus: known are HEALTH, NAME"),
        (["shop"], "SALUS is list, and must be a dictionary or the dotted path of a HealthSystem"),
        ("no.such.health", "SALUS names 'no.such.health', which cannot be imported"),
        ("pathlib.Path", "SALUS names 'pathlib.Path', which is no HealthSystem"),
        ({"HEALTH": "x.y", "STATE_DIR": "z"}, "SALUS['HEALTH'] is a system already, so 'STATE_DIR' says nothing"),
        ({"NAME": "x", "STATE_DIR": 7}, "one of SALUS' NAME, CONFIG, STATE_DIR, LISTEN, HEAL is of the wrong kind"),
        ({"NAME": "x", "CHECKS": ["disk"]}, "SALUS['CHECKS'] names 'disk': known are database, cache, migrations"),
    ],
)
def test_a_setting_that_is_wrong_is_told_by_manage_py_check(said: Any, message: str) -> None:
    with override_settings(SALUS=said):
        get_health.cache_clear()
        with pytest.raises(ImproperlyConfigured) as caught:
            get_health()
        assert message in str(caught.value)
        (error,) = (one for one in run_checks() if (one.id or "").startswith("salus."))
        assert (error.id, message in error.msg) == ("salus.E001", True)


def test_what_is_declared_wrongly_is_told_by_manage_py_check(tmp_path: Any) -> None:
    broken = HealthSystem("broken", state_dir=tmp_path)
    broken.register("disk", {"disk": {"patch": "/"}})
    with override_settings(SALUS=broken):
        get_health.cache_clear()
        errors = [one for one in run_checks() if one.id == "salus.E002"]
        assert [one.msg for one in errors] == [
            "checks.disk.disk: the key 'path' is missing",
            "checks.disk.disk.patch: unknown key 'patch'",
        ]


def test_it_answers_below_where_its_urls_are_included_and_nowhere_else(health: HealthSystem) -> None:
    client = Client()
    assert client.get("/livez").json()["status"] == "healthy"
    assert until(lambda: client.get("/readyz").status_code == 200)
    assert client.get("/healthy").content == b"mine"
    assert client.get("/metrics").status_code == 404
    assert client.get("/ops/salus/health/checks/salus").json()["name"] == "salus"
    assert client.get("/ops/salus/readyz?verbose").content.startswith(b"[+]salus ok\n")
    led = client.get("/ops/salus/")
    assert (led.status_code, led.headers["Location"]) == (302, "/ops/salus/health-dashboard/")
    page = client.get("/ops/salus/health-dashboard/")
    body = page.getvalue() if page.streaming else page.content
    assert b'href="/ops/salus/health-dashboard/' in body
    assert "default-src" in page.headers["Content-Security-Policy"]
    assert client.post("/ops/salus/ping/nobody", b"done", content_type="text/plain").status_code == 404
    assert health.runs


async def test_under_asgi_it_answers_the_same(health: HealthSystem) -> None:
    client = AsyncClient()
    assert (await client.get("/livez")).json()["status"] == "healthy"
    page = await client.get("/ops/salus/health-dashboard/", headers={"Cookie": "a=b"})
    assert b'href="/ops/salus/health-dashboard/' in page.content
    assert (await client.get("/ops/salus/health?verbose")).content.startswith(b"[+]")


async def test_round_the_application_it_lives_with_the_server_and_answers_before_all_middleware(
    health: HealthSystem,
) -> None:
    server = Server(app := HealthMiddleware(get_asgi_application(), health))
    assert await server.say("startup") == "lifespan.startup.complete"
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3:8000") as browser:
        assert (await browser.get("/livez")).status_code == 200  # by an address that is no host of ours, as kubelets do
        assert (await browser.get("/healthy")).status_code == 400
        allowed = {"Host": "testserver"}
        assert (await browser.get("/healthy", headers=allowed)).text == "mine"
    assert await server.say("shutdown") == "lifespan.shutdown.complete"
    await server.task
    assert not health.runs


@pytest.mark.parametrize(
    "arguments, main, serves",
    [
        (["manage.py", "runserver"], "true", True),
        (["manage.py", "runserver"], "", False),  # the parent, which only watches files
        (["manage.py", "runserver", "--noreload"], "", True),
        (["manage.py", "migrate"], "true", False),
        (["manage.py"], "", False),
        (["gunicorn", "shop.wsgi"], "", False),  # perhaps the arbiter: wait for a request
    ],
)
def test_only_a_development_server_that_serves_starts_it_before_the_first_request(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], main: str, serves: bool
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setenv("RUN_MAIN", main)
    assert apps._development_server() is serves


def test_a_request_starts_it_unless_somebody_tests(health: HealthSystem) -> None:
    get_starter.cache_clear()
    Client().get("/healthy")
    request_started.send(sender=WSGIHandler, environ={})  # as a live server of a test case would
    assert not health.runs
    teardown_test_environment()
    try:
        request_started.send(sender=Client, environ={})
        assert not health.runs
        request_started.send(sender=WSGIHandler, environ={})
        assert health.runs
    finally:
        setup_test_environment()
        get_starter.cache_clear()


def test_a_setting_or_a_declaration_that_is_wrong_keeps_no_request_from_being_answered(
    tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broken = HealthSystem("broken", state_dir=tmp_path)
    broken.register("disk", {"disk": {"patch": "/"}})
    for said, logged in ((broken, "unknown key 'patch'"), ("no.such.health", "manage.py check tells what is wrong")):
        get_health.cache_clear()
        get_starter.cache_clear()
        with override_settings(SALUS=said):
            apps._start()
            assert logged in caplog.text
            assert Client().get("/healthy").content == b"mine"
            if said is broken:
                assert Client().get("/livez").status_code == 503
    request_started.connect(apps._on_request, dispatch_uid="salus")


def test_the_command_asks_whoever_leads(health: HealthSystem, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError):
        call_command("salus", "check", "salus")
    assert "SALUS UNKNOWN - " in capfd.readouterr().out
    health.start()
    call_command("salus", "check", "salus")
    assert capfd.readouterr().out.startswith("salus OK - keeping watch")
    call_command("salus", "check", "--all")
    call_command("salus", "health")  # over its socket: it listens on no port
    assert capfd.readouterr().out.splitlines()[-1] == "healthy"
    call_command("salus", "status")
    assert "CHECK" in capfd.readouterr().out
    with pytest.raises(CommandError) as caught:
        call_command("salus", "check")
    assert caught.value.returncode == 64


def test_every_setting_is_explained() -> None:
    source = Path(conf.__file__).read_text(encoding="utf-8")
    assert [key for key in conf.DEFAULTS if f"``{key}``" not in source] == []
