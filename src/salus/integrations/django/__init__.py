"""Salus in Django: an app for ``INSTALLED_APPS``, URLs, a command, and checks of what Django knows.

    INSTALLED_APPS = [..., "salus.integrations.django"]
    SALUS = "shop.health.health"      # a HealthSystem; or a dictionary, see ``salus.integrations.django.conf``

It runs where requests are served and nowhere else: not in ``migrate``, not in ``shell``, not in tests, and not in the
parent of the reloader.
"""

from __future__ import annotations

from salus.integrations.django.conf import get_health
from salus.integrations.django.connections import close_connections

__all__ = ["close_connections", "get_health"]
