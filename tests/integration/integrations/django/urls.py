from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def mine(request: HttpRequest) -> HttpResponse:
    return HttpResponse("mine")


urlpatterns = [
    path("ops/salus/", include("salus.integrations.django.urls")),
    path("", include("salus.integrations.django.probes")),
    path("healthy", mine),
]
