"""The probes alone, at the root: ``path("", include("salus.integrations.django.probes"))``."""

from __future__ import annotations

from django.urls import re_path

from salus.integrations.django.views import salus
from salus.integrations.paths import PROBES

app_name = "salus_probes"

_OWN = "|".join(path.removeprefix("/") for path in PROBES)

urlpatterns = [re_path(rf"^(?P<path>(?:{_OWN})(?:/.*)?)$", salus, name="probe")]
