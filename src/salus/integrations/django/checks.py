"""Checks of what Django knows: databases, caches, migrations. Each keeps what it opens, in a thread of its own."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from salus.checks._bounds import bounded_line
from salus.clock import SystemClock
from salus.integrations.django.backends import check_of
from salus.library.system import HealthSystem
from salus.model import Metric, Observation, Status
from salus.ports import Look
from salus.threads import Keeper

_monotonic = SystemClock().monotonic
_CRITICAL_ALIAS = "default"
_MOST_NAMED = 3


class DjangoCheck(ABC):
    """A check that asks in a thread of its own, in which Django keeps the connection."""

    what = "django"

    def __init__(self, alias: str = _CRITICAL_ALIAS) -> None:
        """Look at what the settings call by that alias."""
        self.alias = alias
        self._keeper = Keeper(f"salus-{self.what}-{alias}")

    async def look(self, look: Look) -> Observation:
        """Ask, and say how long it took."""
        if self._keeper.busy:
            return look.unhealthy(f"the {self.what} {self.alias!r} has not answered the look before yet")
        status, said, took = await self._keeper.run(self._ask)
        return look.observe(status, bounded_line(said), metrics={"latency_seconds": Metric(took, "seconds")})

    async def aclose(self) -> None:
        """Close what was opened, in its thread."""
        self._keeper.stop(self.close)

    def _ask(self) -> tuple[Status, str, float]:
        began = _monotonic()
        try:
            status, said = self.ask()
        except Exception as error:  # noqa: BLE001 -- whatever a driver raises is its verdict; the next look begins anew
            self.close()
            status, said = Status.UNHEALTHY, f"{type(error).__name__}: {error}"
        return status, said, _monotonic() - began

    @abstractmethod
    def ask(self) -> tuple[Status, str]:
        """Ask, in the thread."""

    def close(self) -> None:  # noqa: B027 - most open nothing
        """Let go of what was opened, in the thread."""


class DatabaseCheck(DjangoCheck):
    """A database answers. Its thread has a connection of its own, as every thread of Django, and keeps it."""

    what = "database"
    _file = (0, 0)

    @property
    def connection(self) -> Any:
        """Return the connection of the thread that asks."""
        from django.db import connections

        return connections[self.alias]

    def ask(self) -> tuple[Status, str]:
        """Ask for a one."""
        connection = self.connection
        if connection.vendor == "sqlite":
            return self._ask_file(connection)
        connection.ensure_connection()
        if not connection.is_usable():  # as every backend asks its server
            self.close()
            connection.ensure_connection()
            if not connection.is_usable():
                return Status.UNHEALTHY, f"{connection.vendor} does not answer"
        return Status.HEALTHY, f"{connection.vendor} answers"

    def _ask_file(self, connection: Any) -> tuple[Status, str]:
        """Read a file. One that was deleted or replaced would still be read by whoever has it open."""
        name = str(connection.settings_dict["NAME"])
        if ":memory:" not in name and "mode=memory" not in name:
            try:
                found = Path(name).stat()
            except FileNotFoundError:
                self.close()  # and do not connect: that would make an empty one
                return Status.UNHEALTHY, f"{name} is not there"
            if (found.st_dev, found.st_ino) != self._file:
                self.close()
                self._file = (found.st_dev, found.st_ino)
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA schema_version")
            cursor.fetchone()
        return Status.HEALTHY, "sqlite answers"

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class MigrationsCheck(DatabaseCheck):
    """Every migration is applied: code that is newer than its tables is degraded."""

    what = "migrations of"
    _applied: frozenset[Any] | None = None
    _missing: Sequence[str] = ()

    def ask(self) -> tuple[Status, str]:
        """Compare the files with the table."""
        from django.db.migrations.executor import MigrationExecutor
        from django.db.migrations.recorder import MigrationRecorder

        if (asked := super().ask())[0] is not Status.HEALTHY:
            return asked
        applied = frozenset(MigrationRecorder(self.connection).applied_migrations())
        if applied != self._applied:  # else nothing has changed: the files are those of this process
            executor = MigrationExecutor(self.connection)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            self._missing = [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
            self._applied = applied
        names = self._missing
        if not names:
            return Status.HEALTHY, "all migrations are applied"
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        return Status.DEGRADED, f"not applied: {', '.join(names[:_MOST_NAMED])}{more}; run migrate"


class CacheCheck(DjangoCheck):
    """A cache gives back what it was given."""

    what = "cache"

    def ask(self) -> tuple[Status, str]:
        """Put something in, and take it out again."""
        from django.core.cache import caches

        cache, word = caches[self.alias], uuid.uuid4().hex
        cache.set(f"salus:{word}", word, 10)
        if cache.get(f"salus:{word}") != word:
            return Status.UNHEALTHY, "it does not give back what it was given"
        cache.delete(f"salus:{word}")
        return Status.HEALTHY, f"{type(cache).__name__} gives back what it was given"

    def close(self) -> None:
        """Close the connection that this thread has to it."""
        from django.core.cache import caches

        caches[self.alias].close()


def register(health: HealthSystem, own: Iterable[str] | Mapping[str, Any], backends: Iterable[Any]) -> None:
    """Register Django's own checks, and those of django-health-check.

    Args:
        health: the system.
        own: names of the former; a mapping gives each what every check can say, such as ``{"interval": "5s"}``.
        backends: the latter, as ``check_of`` reads them.

    Raises:
        ImproperlyConfigured: there is no check of that name, or none that can be imported.
    """
    for kind in own:
        if kind not in _OWN:
            message = f"SALUS['CHECKS'] names {kind!r}: known are {', '.join(_OWN)}"
            raise ImproperlyConfigured(message)
        _OWN[kind](health, dict(own[kind]) if isinstance(own, Mapping) else {})
    for backend in backends:
        name, check = check_of(backend)
        health.register(name, check, tags=["django-health-check"])


def _databases(health: HealthSystem, said: dict[str, Any]) -> None:
    from django.db import connections

    for alias in connections:
        if connections.settings[alias]["ENGINE"] != "django.db.backends.dummy":
            usual = {"interval": "10s", "critical": alias == _CRITICAL_ALIAS}
            health.register(_name("database", alias), DatabaseCheck(alias), **{**usual, **said})


def _caches(health: HealthSystem, said: dict[str, Any]) -> None:
    from django.core.cache import caches

    for alias in caches:
        if not caches.settings[alias]["BACKEND"].endswith((".DummyCache", ".LocMemCache")):  # cannot fail
            health.register(_name("cache", alias), CacheCheck(alias), **{"interval": "10s", **said})


def _migrations(health: HealthSystem, said: dict[str, Any]) -> None:
    from django.db import connections

    if connections.settings[_CRITICAL_ALIAS]["ENGINE"] != "django.db.backends.dummy":
        health.register("migrations", MigrationsCheck(), **{"interval": "1m", **said})


_OWN: dict[str, Callable[[HealthSystem, dict[str, Any]], None]] = {
    "database": _databases,
    "cache": _caches,
    "migrations": _migrations,
}


def _name(what: str, alias: str) -> str:
    return what if alias == _CRITICAL_ALIAS else f"{what}-{alias}"
