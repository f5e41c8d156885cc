"""Checks of django-health-check as checks of Salus: what was written for it goes on, cached and with a deadline.

Both of its shapes are understood: the dataclasses with ``run`` (version 4), and the backends with ``check_status`` and
a list of ``errors`` (up to version 3). A warning is degraded, every other error unhealthy.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from salus.checks._bounds import bounded_line
from salus.errors import CheckBrokenError
from salus.integrations.django.connections import close_connections
from salus.model import Observation, Status
from salus.ports import Look
from salus.threads import Threads

_THREADS = Threads(8, "salus-django-health-check")


class BackendCheck:
    """One check of django-health-check. A plain one runs in a thread; its database connections are closed after it."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """Take what makes the check: a fresh one for each look, as its own view has it."""
        self._make = make

    async def look(self, look: Look) -> Observation:
        """Run it, and read what it raises or collects.

        Raises:
            CheckBrokenError: there is no thread for it, or no event loop.
        """
        backend = self._make()
        run: Callable[[], Any] = getattr(backend, "run", None) or partial(_classic, backend)
        try:
            if inspect.iscoroutinefunction(run):
                await look.site.home.run(run)
            else:
                await _THREADS.run(close_connections(run))
        except CheckBrokenError:  # it was not asked
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it raises is its verdict
            return look.observe(_status(error), bounded_line(_said(error)), metadata={"check": _label(backend)})
        return look.healthy(_label(backend), metadata={"check": _label(backend)})

    async def aclose(self) -> None:
        """Nothing is kept."""


def check_of(listed: Any) -> tuple[str, BackendCheck]:
    """Return a name and a check for one entry of such a list.

    Args:
        listed: a class, its dotted path, or a pair of either with options; an instance does as well.

    Raises:
        ImproperlyConfigured: it cannot be imported, or takes no such options.
    """
    kind, options = listed if isinstance(listed, tuple) else (listed, {})
    try:
        found = import_string(kind) if isinstance(kind, str) else kind
    except ImportError as error:
        message = f"SALUS['HEALTH_CHECKS'] names {kind!r}, which cannot be imported: {error}"
        raise ImproperlyConfigured(message) from error
    make: Callable[[], Any] = partial(found, **options) if isinstance(found, type) else lambda: found
    try:
        backend = make()
    except TypeError as error:
        message = f"SALUS['HEALTH_CHECKS']: {_class(found).__name__} does not take these options: {error}"
        raise ImproperlyConfigured(message) from error
    if not callable(getattr(backend, "run", None)) and not callable(getattr(backend, "check_status", None)):
        message = f"SALUS['HEALTH_CHECKS']: {_class(found).__name__} is no check: it has neither run nor check_status"
        raise ImproperlyConfigured(message)
    return _name(backend, options), BackendCheck(make)


def _classic(backend: Any) -> None:
    """Run a backend of version 3, which collects its errors or raises them."""
    backend.check_status()
    worst: list[Any] = sorted(getattr(backend, "errors", ()), key=lambda error: _status(error) is Status.UNHEALTHY)
    if worst:
        raise worst[-1]


def _status(error: Exception) -> Status:
    warning = any(kind.__name__ == "ServiceWarning" for kind in type(error).__mro__)
    return Status.DEGRADED if warning else Status.UNHEALTHY


def _said(error: Exception) -> str:
    """Return its message; one that is meant for people needs no class before it."""
    meant = getattr(error, "message", None)
    return str(meant) if meant else f"{type(error).__name__}: {error}"


def _name(backend: Any, options: dict[str, Any]) -> str:
    """Return a name such as ``cache`` or ``database-replica``: the class, and the alias where one is given."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(backend).__name__).lower()
    words = re.sub(r"-?(health-?check-?)?(backend)?$", "", words) or words
    alias = options.get("alias")
    return re.sub(r"[^a-z0-9._-]+", "-", f"health-check-{words}" + (f"-{alias}" if alias else ""))


def _label(backend: Any) -> str:
    identifier = getattr(backend, "identifier", None)
    return bounded_line(str(identifier()) if callable(identifier) else repr(backend), 200)


def _class(found: Any) -> type:
    return found if isinstance(found, type) else type(found)
