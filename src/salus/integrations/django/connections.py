"""Connections of Django in threads that Salus starts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


def close_connections(function: Function) -> Function:
    """Close the database connections that a function opened, when it ends.

        @health.check
        @close_connections
        def orders() -> bool:
            return Order.objects.filter(lost=True).count() == 0

    Django keeps one connection for each thread and closes it at the end of a request. A check runs in a thread of its
    own and is no request: without this its connection would stay open until somebody collects the garbage.
    """

    @wraps(function)
    def closing(*args: Any, **kwargs: Any) -> Any:
        from django.db import connections

        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return closing  # type: ignore[return-value]
