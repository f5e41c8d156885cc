"""Salus in the workers of gunicorn: it starts with each of them, not with the first request, and stops with it.

In ``gunicorn.conf.py``::

    from salus.integrations.gunicorn import hooks

    post_worker_init, worker_exit = hooks("shop.app:health")

The workers share a state folder: one of them leads, the others answer with what it knows, and take over within two
seconds when it dies. Nothing runs in the arbiter, with and without ``preload_app``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from salus.errors import SalusError
from salus.integrations.starting import Starter
from salus.library.system import HealthSystem

__all__ = ["find", "hooks"]


def hooks(health: HealthSystem | str) -> tuple[Callable[[Any], None], Callable[[Any, Any], None]]:
    """Return ``post_worker_init`` and ``worker_exit`` for a ``gunicorn.conf.py``.

    Args:
        health: the system, or where it is: ``package.module:name``. A name is looked up in the worker, after the
            application was loaded there.
    """

    def post_worker_init(worker: Any) -> None:
        """Start it in a worker that is ready to serve."""
        starter = Starter(find(health))
        if not starter.start():
            worker.log.error("salus does not run in this worker: %s", starter.reason)

    def worker_exit(_server: Any, worker: Any) -> None:
        """Stop it in a worker that ends; also called in the arbiter, for one that it could not find any more."""
        loaded = isinstance(health, HealthSystem) or health.replace(":", ".").rpartition(".")[0] in sys.modules
        if worker.pid == os.getpid() and loaded:
            find(health).stop()

    return post_worker_init, worker_exit


def find(health: HealthSystem | str) -> HealthSystem:
    """Return a system by its place, such as ``shop.app:health``.

    Raises:
        SalusError: there is none.
    """
    if isinstance(health, HealthSystem):
        return health
    module, _, path = health.partition(":") if ":" in health else health.rpartition(".")
    found: Any
    try:
        found = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        message = f"there is no health system at {health!r}: {error}"
        raise SalusError(message, remedy="write it like package.module:name") from error
    if not isinstance(found, HealthSystem):
        message = f"{health!r} is no HealthSystem, but {type(found).__name__}"
        raise SalusError(message, remedy="name the object that HealthSystem(...) made")
    return found
