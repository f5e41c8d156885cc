"""Everything that Salus answers: ``path("salus/", include("salus.integrations.django.urls"))``."""

from __future__ import annotations

from django.urls import re_path

from salus.integrations.django.views import salus
from salus.integrations.paths import EVERYTHING

app_name = "salus"

_OWN = "|".join(path.removeprefix("/") for path in EVERYTHING)

urlpatterns = [re_path(rf"^(?P<path>(?:{_OWN})(?:/.*)?|)$", salus, name="salus")]
