"""Salus in front of any WSGI application: Flask, Django, Pyramid, Bottle, or a bare function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from salus.integrations.paths import PROBES, Paths
from salus.integrations.starting import Starter
from salus.library.system import HealthSystem

__all__ = ["HealthMiddleware"]

WsgiApp: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]


class HealthMiddleware:
    """Answers Salus' paths and hands everything else to the application.

        application = HealthMiddleware(application, health)

    WSGI has no word for the start of a server. So the system starts with the first request of each process, unless
    something starts it before: ``health.start()`` in a server with one process, or the hooks of a pre-fork server
    (``salus.integrations.gunicorn``).
    """

    def __init__(
        self, app: WsgiApp, health: HealthSystem, *, prefix: str = "/salus", paths: Iterable[str] = PROBES
    ) -> None:
        """Stand in front of an application.

        Args:
            app: the application.
            health: what answers.
            prefix: everything that Salus has is below it; empty for nothing.
            paths: further paths at the root of the application: the probes, unless given.

        Raises:
            ValueError: one of the paths does not begin with a slash.
        """
        self.app = app
        self._starter = Starter(health)
        self._paths = Paths(prefix, paths)
        self._salus = health.wsgi()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        runs = self._starter.start()
        path = environ.get("PATH_INFO", "")
        mount = self._paths.mount(path)
        if mount is None:
            return self.app(environ, start_response)
        if not runs:
            start_response("503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"Salus does not run here: the log says why\n"]
        if path == self._paths.prefix:
            place = f"{environ.get('SCRIPT_NAME', '')}{path}/"
            start_response("307 Temporary Redirect", [("Location", place), ("Content-Length", "0")])
            return []
        return self._salus(below(environ, mount, path), start_response)


def below(environ: dict[str, Any], mount: str, path: str) -> dict[str, Any]:
    """Return the environment as a mounted application sees it: its name and the path below that."""
    return {**environ, "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + mount, "PATH_INFO": path[len(mount) :]}
