"""What follows on a redirect (RFC 9110, 15.4)."""

from __future__ import annotations

from dataclasses import replace

from salus.httpclient import urls
from salus.httpclient.faults import RedirectError, RequestError
from salus.httpclient.messages import Request, Response
from salus.httpclient.prepare import Prepared, basic

STATUSES = frozenset({301, 302, 303, 307, 308})
# What one origin was told in confidence is not told to another.
_CONFIDENTIAL = frozenset({"authorization", "cookie", "host", "proxy-authorization"})
_OF_BODY = frozenset({"content-length", "content-type", "content-encoding", "content-language", "content-location"})


def follow(prepared: Prepared, response: Response) -> Request | None:
    """Return the next request, or None where the response names no place to go to (it is the answer then).

    1. 303 asks for a GET (a HEAD stays one). So does, by long custom, a 301 or 302 that answers a POST. 307 and 308,
       and everything else, repeat method and body.
    2. A request that became a GET loses its body and the headers that describe it.
    3. Another origin gets no ``Authorization`` and no ``Cookie``, neither from the headers nor from the URL, no client
       certificate, and its own ``Host``.
    4. A unix socket is one origin: a redirect that leads away from it is not followed.

    Raises:
        RedirectError: it leads nowhere we could go.
    """
    location = response.header("location")
    if location is None:
        return None
    request = prepared.request
    try:
        url = urls.join(prepared.url, location)
    except RequestError as error:
        raise RedirectError(f"{prepared.url} redirects to {location[:100]!r}, where we cannot go: {error}") from error
    headers = request.headers
    method, body = request.method, request.body
    if (response.status == 303 and method != "HEAD") or (response.status in (301, 302) and method == "POST"):
        method, body = "GET", b""
        headers = tuple(pair for pair in headers if pair[0].lower() not in _OF_BODY)
    tls = request.tls
    same = url.origin == prepared.url.origin
    if not same:
        if request.unix_socket is not None:
            raise RedirectError(f"{request.unix_socket} redirects away, to {url}", remedy="ask that URL instead")
        headers = tuple(pair for pair in headers if pair[0].lower() not in _CONFIDENTIAL)
        if tls is not None:
            tls = replace(tls, client_certificate=None, client_key=None, server_name=None)
    text = str(url)
    if same and prepared.url.credentials and not any(name.lower() == "authorization" for name, _ in headers):
        headers = (*headers, ("Authorization", basic(*prepared.url.credentials)))
    return replace(request, url=text, method=method, headers=headers, body=body, tls=tls)
