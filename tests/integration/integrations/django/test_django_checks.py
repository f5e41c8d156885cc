"""Checks of what Django knows, and those that were written for django-health-check."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections
from health_check.base import HealthCheck
from health_check.exceptions import ServiceReturnedUnexpectedResult, ServiceUnavailable, ServiceWarning

from salus.checks.function import FunctionCheck
from salus.errors import CheckBrokenError
from salus.home import Home
from salus.integrations.django import close_connections
from salus.integrations.django.backends import check_of
from salus.integrations.django.checks import CacheCheck, DatabaseCheck, MigrationsCheck
from salus.model import Observation, Status
from tests.looks import look_from, look_once, site


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = Path(str(connections["default"].settings_dict["NAME"]))
    name.unlink(missing_ok=True)
    call_command("migrate", verbosity=0)
    connections.close_all()
    return name.rename(tmp_path_factory.mktemp("migrated") / name.name)


@pytest.fixture
def database(migrated: Path) -> Iterator[Path]:
    name = Path(str(connections["default"].settings_dict["NAME"]))
    shutil.copy(migrated, name)
    yield name
    connections.close_all()


def opened(database: Path) -> int:
    return sum(one.path == str(database) for one in psutil.Process().open_files())


async def see(check: Any) -> Observation:
    return await check.look(look_from(site()))  # type: ignore[no-any-return]


async def test_a_database_is_asked_through_a_connection_that_is_kept(database: Path) -> None:
    check = DatabaseCheck()
    first = await see(check)
    assert (first.status, first.message) == (Status.HEALTHY, "sqlite answers")
    assert first.metrics["latency_seconds"].unit == "seconds"
    kept = await check._keeper.run(lambda: check.connection.connection)
    assert (await see(check)).status is Status.HEALTHY
    assert await check._keeper.run(lambda: check.connection.connection) is kept
    await check.aclose()
    for _ in range(3000):
        if not opened(database):
            break
        await asyncio.sleep(0.01)
    assert not opened(database)


async def test_a_database_whose_file_is_gone_is_unhealthy_and_is_not_made_by_looking(database: Path) -> None:
    check = DatabaseCheck()
    assert (await see(check)).status is Status.HEALTHY
    moved = database.rename(database.with_name("moved.sqlite3"))
    gone = await see(check)
    assert (gone.status, gone.message) == (Status.UNHEALTHY, f"{database} is not there")
    assert not database.exists()
    database.write_bytes(b"this was never a database, and it is long enough to be none" * 50)
    broken = await see(check)
    assert (broken.status, "file is not a database" in broken.message) == (Status.UNHEALTHY, True)
    database.unlink()
    moved.rename(database)
    assert (await see(check)).status is Status.HEALTHY
    await check.aclose()


async def test_migrations_that_are_not_applied_are_degraded_by_name(database: Path) -> None:
    check = MigrationsCheck()
    assert (await see(check)).message == "all migrations are applied"
    await asyncio.to_thread(close_connections(call_command), "migrate", "auth", "0010", verbosity=0)
    behind = await see(check)
    assert behind.status is Status.DEGRADED
    assert behind.message.startswith("not applied: auth.0011_update_proxy_permissions, auth.0012_")
    database.unlink()
    database.touch()
    empty = await see(check)
    assert empty.message.endswith("more; run migrate")
    await asyncio.to_thread(close_connections(call_command), "migrate", verbosity=0)
    assert (await see(check)).status is Status.HEALTHY
    await check.aclose()


async def test_a_cache_must_give_back_what_it_was_given() -> None:
    assert (await look_once(CacheCheck())).message == "FileBasedCache gives back what it was given"
    gone = await look_once(CacheCheck("gone"))
    assert (gone.status, "ConnectionError" in gone.message) == (Status.UNHEALTHY, True)


async def test_a_function_that_asks_the_database_leaves_no_connection_behind(database: Path) -> None:
    opened: list[Any] = []

    @close_connections
    def users() -> Any:
        from django.contrib.auth.models import User

        opened.append(connections["default"])
        return User.objects.count()

    seen = await look_once(FunctionCheck(users))
    assert (seen.status, seen.message) == (Status.HEALTHY, "0")
    assert opened[0].connection is None


# ── django-health-check ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclasses.dataclass
class Warehouse(HealthCheck):
    error: Exception | None = None
    seen_in: list[int] = dataclasses.field(default_factory=list, repr=False)

    def run(self) -> None:
        self.seen_in.append(threading.get_ident())
        if self.error:
            raise self.error


@dataclasses.dataclass
class AsyncWarehouse(HealthCheck):
    seen_in: list[int] = dataclasses.field(default_factory=list, repr=False)

    async def run(self) -> None:
        self.seen_in.append(threading.get_ident())


class OldBackend:
    """As they were up to version 3."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def check_status(self) -> None:
        self.errors.append(ServiceUnavailable("the first"))
        self.errors.append(ServiceWarning("the second"))

    def identifier(self) -> str:
        return "Old warehouse"


@pytest.mark.parametrize(
    "error, status, message",
    [
        (None, Status.HEALTHY, "Warehouse(error=None)"),
        (ServiceWarning("nearly full"), Status.DEGRADED, "nearly full"),
        (ServiceUnavailable("no answer"), Status.UNHEALTHY, "no answer"),
        (ServiceReturnedUnexpectedResult("nonsense"), Status.UNHEALTHY, "nonsense"),
        (KeyError("what"), Status.UNHEALTHY, "KeyError: 'what'"),
    ],
)
async def test_a_check_of_version_4_says_by_its_exception_how_bad_it_is(
    error: Exception | None, status: Status, message: str
) -> None:
    name, check = check_of((Warehouse, {"error": error}))
    seen = await look_once(check)
    assert (name, seen.status, seen.message) == ("health-check-warehouse", status, message)


async def test_one_that_could_not_be_asked_says_nothing_about_what_it_checks() -> None:
    place = dataclasses.replace(site(), home=Home())
    place.home.loop = asyncio.new_event_loop()
    place.home.loop.close()
    with pytest.raises(CheckBrokenError, match="the application's event loop has ended"):
        await check_of(AsyncWarehouse)[1].look(look_from(place))


async def test_plain_ones_run_in_a_thread_and_asynchronous_ones_on_the_applications_loop() -> None:
    threads: list[int] = []
    await look_once(check_of((Warehouse, {"seen_in": threads}))[1])
    assert threads != [threading.get_ident()]
    home = Home()
    home.loop = asyncio.new_event_loop()
    thread = threading.Thread(target=home.loop.run_forever)
    thread.start()
    place = dataclasses.replace(site(), home=home)
    threads.clear()
    assert (await look_once(check_of((AsyncWarehouse, {"seen_in": threads}))[1], place)).status is Status.HEALTHY
    home.loop.call_soon_threadsafe(home.loop.stop)
    thread.join()
    home.loop.close()
    assert threads == [thread.ident]


async def test_the_checks_that_come_with_it_work(database: Path) -> None:
    name, check = check_of(("health_check.checks.Database", {"alias": "default"}))
    assert (name, (await look_once(check)).status) == ("health-check-database-default", Status.HEALTHY)
    name, check = check_of("health_check.checks.Cache")
    assert (name, (await look_once(check)).status) == ("health-check-cache", Status.HEALTHY)


async def test_a_backend_of_version_3_collects_its_errors_and_the_worst_counts() -> None:
    name, check = check_of(OldBackend)
    for _ in range(2):  # a fresh one for each look
        seen = await look_once(check)
        assert (name, seen.status, seen.message) == ("health-check-old", Status.UNHEALTHY, "the first")
        assert seen.metadata == {"check": "Old warehouse"}


@pytest.mark.parametrize(
    "listed, message",
    [
        ("no.such.module.Check", "names 'no.such.module.Check', which cannot be imported"),
        ((Warehouse, {"alias": "default"}), "Warehouse does not take these options"),
        (dict, "dict is no check: it has neither run nor check_status"),
    ],
)
def test_what_is_no_check_is_told(listed: Any, message: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        check_of(listed)
    assert message in str(caught.value)
