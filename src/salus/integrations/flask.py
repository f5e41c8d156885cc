"""Salus in Flask: an extension, and the command line of Salus below ``flask salus``."""

from __future__ import annotations

from collections.abc import Iterable

import click
from flask import Flask, current_app

from salus.integrations.command import salus_command
from salus.integrations.paths import PROBES
from salus.integrations.wsgi import HealthMiddleware
from salus.library.system import HealthSystem

__all__ = ["Salus"]

_EXTENSION = "salus"


class Salus:
    """The extension: ``Salus(app, health)``, or ``Salus(health=health)`` and ``init_app(app)`` later.

    The probes are at the root, everything else below ``/salus``. ``current_app.extensions["salus"]`` is the system.
    """

    def __init__(
        self,
        app: Flask | None = None,
        health: HealthSystem | None = None,
        *,
        prefix: str = "/salus",
        paths: Iterable[str] = PROBES,
    ) -> None:
        """Take a system; one that has the application's name is made where none is given.

        Args:
            app: the application.
            health: the system.
            prefix: everything that Salus has is below it.
            paths: further paths at the root of the application: the probes, unless given.
        """
        self._health = health
        self._prefix, self._paths = prefix, tuple(paths)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Stand in front of an application."""
        health = self._health or HealthSystem(app.name)
        app.wsgi_app = HealthMiddleware(app.wsgi_app, health, prefix=self._prefix, paths=self._paths)  # type: ignore[method-assign]
        app.extensions[_EXTENSION] = health
        app.cli.add_command(_command)


@click.command("salus", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def _command(arguments: tuple[str, ...]) -> None:
    """Ask the running Salus: `flask salus status`, `flask salus check NAME`, ..."""
    raise SystemExit(salus_command(current_app.extensions[_EXTENSION], list(arguments)))
