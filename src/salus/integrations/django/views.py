"""The one view: it hands a request to Salus and brings the answer back, under WSGI and under ASGI."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from salus.integrations.django.conf import get_health, get_starter

_OWN = {"content-length", "set-cookie"}


@csrf_exempt  # Salus guards its own forms
@transaction.non_atomic_requests
def salus(request: HttpRequest, path: str) -> HttpResponseBase:
    """Answer what is asked below where the URLs are included."""
    whole = request.path_info
    mount = whole[: len(whole) - len(path)].rstrip("/")
    if not path:
        return HttpResponseRedirect(f"{request.path.rstrip('/')}/health-dashboard/")
    if not get_starter().start():
        text = "Salus does not run here: the log says why\n"
        return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8")
    said: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        said.update(status=int(status.partition(" ")[0]), headers=headers)

    parts = get_health().wsgi()(_environ(request, mount, path), start_response)
    answer = _answer(parts, said, streams=hasattr(request, "environ"))
    for name, value in said["headers"]:
        if name.lower() not in _OWN:
            answer.headers[name] = value
        elif name.lower() == "set-cookie":
            answer.cookies.load(value)
    return answer


def _answer(parts: Iterable[bytes], said: dict[str, Any], *, streams: bool) -> HttpResponseBase:
    """Return the answer: whole where its length is known, and under ASGI, which takes no plain iterator."""
    whole = any(name.lower() == "content-length" for name, _ in said["headers"])
    if streams and not whole:
        return StreamingHttpResponse(parts, status=said["status"])
    try:
        return HttpResponse(b"".join(parts), status=said["status"])
    finally:
        getattr(parts, "close", lambda: None)()


def _environ(request: HttpRequest, mount: str, path: str) -> dict[str, Any]:
    """Return the request as WSGI has it, seen from below the mount."""
    root = str(request.META.get("SCRIPT_NAME") or "")
    known = {key: value for key, value in request.META.items() if isinstance(value, str)}
    return {
        **known,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": root + mount if hasattr(request, "environ") else _bytes(root + mount),
        "PATH_INFO": _bytes(f"/{path}"),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": request,
    }


def _bytes(text: str) -> str:
    """Return text as WSGI spells it: each character a byte of its UTF-8."""
    return text.encode().decode("latin-1")
