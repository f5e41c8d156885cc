"""Salus in Litestar: a plugin that adds its handlers and lives as long as the application."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import unquote

from litestar.config.app import AppConfig
from litestar.handlers import ASGIRouteHandler, asgi
from litestar.plugins import InitPlugin
from litestar.types import Receive, Scope, Send

from salus.integrations.paths import PROBES, Paths
from salus.library.asgi import AsgiApp
from salus.library.system import HealthSystem

__all__ = ["SalusPlugin"]


class SalusPlugin(InitPlugin):
    """``Litestar(plugins=[SalusPlugin(health)])``."""

    def __init__(self, health: HealthSystem, *, prefix: str = "/salus", paths: Iterable[str] = PROBES) -> None:
        """Take a system.

        Args:
            health: the system.
            prefix: everything that Salus has is below it.
            paths: further paths at the root of the application: the probes, unless given.
        """
        self._health = health
        self._prefix, self._paths = Paths(prefix).prefix, tuple(paths)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add what Salus answers, and its life."""
        app_config.lifespan.append(self._health.lifespan)
        for mount in filter(None, (self._prefix, *self._paths)):
            app_config.route_handlers.append(_handler(self._health.asgi(), mount, self._prefix))
        return app_config


def _handler(salus: AsgiApp, mount: str, prefix: str) -> ASGIRouteHandler:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        root = str(scope.get("root_path") or "").rstrip("/")
        # Litestar hands a mounted application what is left of the path, with a slash at its end; the ASGI way is the
        # whole path, as it was asked for.
        raw = scope.get("raw_path")
        path = unquote(raw.decode("latin-1")) if raw else f"{root}{mount}{scope['path'].rstrip('/')}"
        below = {**scope, "path": path, "root_path": root + prefix if mount == prefix else root}
        await salus(below, cast("Any", receive), cast("Any", send))

    # Probes come without credentials, and Salus asks for its own where it wants any.
    return asgi(mount, is_mount=True, opt={"exclude_from_auth": True})(answer)
