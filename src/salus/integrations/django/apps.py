"""The Django app: it starts Salus where requests are served, and nowhere else."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from django.apps import AppConfig
from django.core import mail
from django.core.checks import CheckMessage, Error
from django.core.checks import register as register_check
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import request_started

from salus.errors import ConfigError, SalusError
from salus.integrations.django.conf import get_health, get_starter, read

_log = logging.getLogger("salus.integrations")
_SERVERS = {"runserver", "runserver_plus", "daphne"}
_HANDLERS = ("WSGIHandler", "ASGIHandler")


class SalusConfig(AppConfig):
    """``"salus.integrations.django"`` in ``INSTALLED_APPS``."""

    name = "salus.integrations.django"
    label = "salus"
    verbose_name = "Salus"

    def ready(self) -> None:
        """Wait for what only a server does."""
        register_check(check_setting)
        if read()["START"]:
            request_started.connect(_on_request, dispatch_uid="salus")
            if _development_server():
                _start()


def _development_server() -> bool:
    """Tell whether this process is about to serve by ``runserver``: its parent, the reloader, only watches files."""
    if len(sys.argv) < 2 or sys.argv[1] not in _SERVERS:
        return False
    return os.environ.get("RUN_MAIN") == "true" or "--noreload" in sys.argv


def _on_request(sender: Any, **_: Any) -> None:
    """Start with the first request of this process, unless it runs already: whoever is asked serves.

    The test client sends the same signal; whoever tests is no server, also not the live server of a test case.
    """
    served = any(base.__name__ in _HANDLERS for base in getattr(sender, "__mro__", ()))
    if served and not hasattr(mail, "outbox"):
        _start()


def _start() -> None:
    try:
        get_starter().start()
    except ImproperlyConfigured:
        request_started.disconnect(dispatch_uid="salus")
        _log.exception("salus does not run: manage.py check tells what is wrong")


def check_setting(**_: Any) -> list[CheckMessage]:
    """Tell ``manage.py check`` what is wrong with the setting, and with all that is declared."""
    try:
        get_health().judge()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="salus.E001")]
    except ConfigError as error:
        return [Error(f"{one.path}: {one.what}", hint=one.remedy or None, id="salus.E002") for one in error.problems]
    except SalusError as error:
        return [Error(str(error), hint=error.remedy, id="salus.E003")]
    return []
