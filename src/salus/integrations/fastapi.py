"""Salus in FastAPI: the middleware of ``salus.integrations.asgi``, and a dependency for routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import HTTPException

from salus.integrations.asgi import HealthMiddleware
from salus.library.system import HealthSystem

__all__ = ["HealthMiddleware", "require_ready"]


def require_ready(health: HealthSystem, *, retry_after: int = 5) -> Callable[[], Awaitable[None]]:
    """Return a dependency that answers 503 while the system is not ready, as ``/readyz`` does.

        @app.post("/orders", dependencies=[Depends(require_ready(health))])

    Asking costs nothing: it reads what the last looks found.

    Args:
        health: the system.
        retry_after: seconds after which the caller may try again, for the header ``Retry-After``.
    """

    async def ready() -> None:
        if not health.is_ready():
            raise HTTPException(503, health.summary(), headers={"Retry-After": str(retry_after)})

    return ready
