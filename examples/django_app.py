"""Salus in Django; the whole project in one file.

    pip install '.[django]' gunicorn
    python django_app.py migrate
    gunicorn django_app:application          # then look at http://127.0.0.1:8000/salus/health-dashboard/
    python django_app.py salus status        # asks the process that serves

Salus checks the database and the migrations by itself. When the database's file is gone, or its tables are, the rule
below makes them anew.
"""

import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command, execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from salus import HealthSystem

FOLDER = Path(os.environ.get("SHOP_FOLDER", ".")).absolute()
health = HealthSystem("django-shop")

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FOLDER / "shop.sqlite3")}},
    DEBUG=os.environ.get("SHOP_DEBUG") == "1",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "salus.integrations.django"],
    ROOT_URLCONF=__name__,
    SALUS={
        "HEALTH": health,
        "CHECKS": {"database": {"interval": "1s"}, "migrations": {"interval": "1s", "critical": True}},
        "HEALTH_CHECKS": [("health_check.checks.Database", {"alias": "default"})],  # what you have goes on working
    },
    SECRET_KEY=os.environ.get("SHOP_SECRET_KEY", "only for this example"),
    USE_TZ=True,
)


@health.action
def make_tables() -> str:
    connections.close_all()
    call_command("migrate", verbosity=0)
    return "all migrations are applied"


health.rule("database", actions=["log", make_tables], cooldown_period="5s")
health.rule("migrations", actions=["log", make_tables], cooldown_period="5s")


def users(request: HttpRequest) -> JsonResponse:
    from django.contrib.auth.models import User

    return JsonResponse({"users": User.objects.count()})


urlpatterns = [
    path("users", users),
    path("salus/", include("salus.integrations.django.urls")),
    path("", include("salus.integrations.django.probes")),
]

if __name__ == "__main__":
    django.setup()
    execute_from_command_line(sys.argv)
else:
    application = get_wsgi_application()
