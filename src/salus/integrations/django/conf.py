"""The setting ``SALUS``: where the system is, or what to make one of."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from salus.integrations.starting import Starter
from salus.library.system import HealthSystem

DEFAULTS: dict[str, Any] = {
    "HEALTH": None,
    "NAME": None,
    "CONFIG": None,
    "STATE_DIR": None,
    "LISTEN": None,
    "HEAL": True,
    "START": True,
    "CHECKS": ("database", "cache", "migrations"),
    "HEALTH_CHECKS": (),
}
"""What the dictionary may say.

``HEALTH``: a HealthSystem or its dotted path; without it one is made of ``NAME``, ``CONFIG``, ``STATE_DIR``, ``LISTEN``
and ``HEAL``, which are those of ``HealthSystem``. ``START``: start it where requests are served. ``CHECKS``: which of
Django's own parts are checked: ``database`` and ``cache`` (one check for each alias), ``migrations``; a dictionary
gives each of them what every check can say, such as ``{"database": {"interval": "5s"}}``.
``HEALTH_CHECKS``: checks of django-health-check, as its ``HealthCheckView.checks`` lists them.
"""


_MAKING = ("NAME", "CONFIG", "STATE_DIR", "LISTEN", "HEAL")


def read() -> dict[str, Any]:
    """Return the setting, whole.

    Raises:
        ImproperlyConfigured: it is no setting of ours.
    """
    said = getattr(settings, "SALUS", {})
    if isinstance(said, str | HealthSystem):
        said = {"HEALTH": said, "CHECKS": ()}
    if not isinstance(said, dict):
        message = f"SALUS is {type(said).__name__}, and must be a dictionary or the dotted path of a HealthSystem"
        raise ImproperlyConfigured(message)
    for key in said:
        if key not in DEFAULTS:
            close = get_close_matches(str(key).upper(), DEFAULTS, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(DEFAULTS)}"
            message = f"SALUS[{key!r}] is no setting of Salus: {hint}"
            raise ImproperlyConfigured(message)
    if idle := [key for key in _MAKING if said.get("HEALTH") and key in said]:
        message = f"SALUS['HEALTH'] is a system already, so {idle[0]!r} says nothing: say it where that is made"
        raise ImproperlyConfigured(message)
    own = () if said.get("HEALTH") else DEFAULTS["CHECKS"]
    return {**DEFAULTS, "CHECKS": own, **said}


@cache
def get_health() -> HealthSystem:
    """Return the system of this project; made when it is first asked for.

    Raises:
        ImproperlyConfigured: the setting ``SALUS`` is wrong.
    """
    said = read()
    health = _given(said["HEALTH"]) if said["HEALTH"] else _made(said)
    from salus.integrations.django.checks import register

    register(health, said["CHECKS"], said["HEALTH_CHECKS"])
    return health


@cache
def get_starter() -> Starter:
    """Return who starts it where requests are served.

    Raises:
        ImproperlyConfigured: the setting ``SALUS`` is wrong.
    """
    return Starter(get_health())


def _given(health: Any) -> HealthSystem:
    try:
        found = import_string(health.replace(":", ".")) if isinstance(health, str) else health
    except ImportError as error:
        message = f"SALUS names {health!r}, which cannot be imported: {error}"
        raise ImproperlyConfigured(message) from error
    if not isinstance(found, HealthSystem):
        message = f"SALUS names {health!r}, which is no HealthSystem, but {type(found).__name__}"
        raise ImproperlyConfigured(message)
    return found


def _made(said: dict[str, Any]) -> HealthSystem:
    project = str(getattr(settings, "ROOT_URLCONF", None) or "django").partition(".")[0]
    try:
        return HealthSystem(
            said["NAME"] or project,
            config=said["CONFIG"],
            state_dir=said["STATE_DIR"],
            listen=said["LISTEN"],
            heal=said["HEAL"],
        )
    except TypeError as error:
        message = f"one of SALUS' {', '.join(_MAKING)} is of the wrong kind: {error}"
        raise ImproperlyConfigured(message) from error
