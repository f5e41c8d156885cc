"""From a ``Request`` to the bytes on the wire. A check does this once and sends the same bytes ever after."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from salus import __version__
from salus.httpclient import proxies, urls
from salus.httpclient.dial import Endpoint
from salus.httpclient.faults import RequestError
from salus.httpclient.messages import Request
from salus.httpclient.tls import TlsOptions
from salus.httpclient.urls import Url

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_DEFAULTS = (
    ("User-Agent", f"Salus/{__version__}"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),  # A body is searched as it comes.
)
_VERIFYING = TlsOptions()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request, ready to be sent any number of times.

    Attributes:
        request: what it was made from.
        url: its URL, taken apart.
        shown: its URL without credentials, as responses and errors show it.
        place: host and port, or the unix socket, for errors.
        endpoint: where to connect to.
        tls: how to speak TLS with the server; None without.
        proxied: the endpoint is a proxy.
        tunnel: the ``CONNECT`` that comes first, through a proxy; empty without.
        bodyless: its response has no body whatever it says.
        once: everything to send on a connection of its own.
        kept: everything to send on a connection that is kept.
    """

    request: Request
    url: Url
    shown: str
    place: str
    endpoint: Endpoint
    tls: TlsOptions | None
    proxied: bool
    tunnel: bytes
    bodyless: bool
    once: bytes
    kept: bytes

    @property
    def route(self) -> tuple[object, ...]:
        """Return what two requests must share to share a connection."""
        return (self.endpoint, self.tls, self.tunnel, self.url.origin if self.tls else None, self.request.permit)


def prepare(request: Request) -> Prepared:
    """Check a request and lay out its bytes.

    Raises:
        RequestError: a URL, method or header cannot be sent.
    """
    url = urls.parse(request.url)
    if not _TOKEN.fullmatch(request.method):
        raise RequestError(f"{request.method!r} is not an HTTP method", part="method")
    proxy = None if request.unix_socket else proxies.choose(request.proxy, url)
    secure = url.scheme == "https"
    target = str(url) if proxy and not secure else url.target
    lines = [f"{request.method} {target} HTTP/1.1", *_headers(request, url, proxy if not secure else None)]
    head = "\r\n".join(lines).encode("latin-1")
    where = proxy or url
    return Prepared(
        request=request,
        url=url,
        shown=str(url),
        place=str(Endpoint(url.host, url.port, request.unix_socket)),
        endpoint=Endpoint(where.host, where.port, request.unix_socket),
        tls=(request.tls or _VERIFYING) if secure else None,
        proxied=proxy is not None,
        tunnel=_tunnel(url, proxy) if proxy and secure else b"",
        bodyless=request.method == "HEAD",
        once=head + b"\r\nConnection: close\r\n\r\n" + request.body,
        kept=head + b"\r\n\r\n" + request.body,
    )


def _headers(request: Request, url: Url, proxy: Url | None) -> list[str]:
    given = {name.lower() for name, _ in request.headers}
    headers: list[tuple[str, str]] = [] if "host" in given else [("Host", url.authority)]
    headers += [(name, value) for name, value in _DEFAULTS if name.lower() not in given]
    headers += [(name, value) for name, value in request.headers if name.lower() != "connection"]
    if url.credentials and "authorization" not in given:
        headers.append(("Authorization", basic(*url.credentials)))
    if proxy is not None and proxy.credentials:
        headers.append(("Proxy-Authorization", basic(*proxy.credentials)))
    if "content-length" not in given and (request.body or request.method in ("POST", "PUT", "PATCH")):
        headers.append(("Content-Length", str(len(request.body))))
    return [_line(name, value) for name, value in headers]


def _line(name: str, value: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise RequestError(f"{name!r} is not the name of a header", part="headers")
    if any(character in value for character in "\r\n\0"):
        raise RequestError(f"the value of the header {name} holds a line break", part="headers")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise RequestError(
            f"the value of the header {name} is not Latin-1", remedy="encode it, such as in %XX", part="headers"
        ) from None
    return f"{name}: {value.strip()}"


def _tunnel(url: Url, proxy: Url) -> bytes:
    host = f"[{url.host}]" if ":" in url.host else url.host
    lines = [f"CONNECT {host}:{url.port} HTTP/1.1", f"Host: {host}:{url.port}", _line(*_DEFAULTS[0])]
    if proxy.credentials:
        lines.append(_line("Proxy-Authorization", basic(*proxy.credentials)))
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def basic(user: str, password: str) -> str:
    """Return the value of ``Authorization`` for a user and a password (RFC 7617, in UTF-8)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
