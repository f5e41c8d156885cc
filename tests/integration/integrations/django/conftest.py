"""One Django project for this folder; Django knows only one in a process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django.conf import settings

from salus import HealthSystem

FOLDER = Path(tempfile.mkdtemp(prefix="salus-django-"))
HEALTH = HealthSystem(
    "django-tests", state_dir=FOLDER / "state", settings={"salus": {"show_details": "always", "store": "memory"}}
)


def pytest_configure() -> None:
    """Nothing; what Django needs is done when this file is read, before any test module is."""


if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": FOLDER / "cache"},
            "local": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
            "gone": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"},
        },
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FOLDER / "shop.sqlite3")},
            "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
        },
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "salus.integrations.django"],
        MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
        ROOT_URLCONF="tests.integration.integrations.django.urls",
        SALUS=HEALTH,
        SECRET_KEY="tests",
        USE_TZ=True,
    )
    django.setup()


@pytest.fixture
def health() -> Iterator[HealthSystem]:
    HEALTH._stopped = False
    yield HEALTH
    HEALTH.stop()
