"""The few parts of a URL that a client needs, checked once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from salus.httpclient.faults import RequestError

_PORTS = {"http": 80, "https": 443}
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
# Everything RFC 3986 allows in a path or query, and the percent sign, so that what is quoted stays quoted.
_SAFE = "/?:@!$&'()*+,;=-._~%|[]"


@dataclass(frozen=True, slots=True)
class Url:
    """A URL, taken apart.

    Attributes:
        scheme: ``http`` or ``https``.
        host: lower case, without brackets, as DNS wants it.
        port: always known.
        target: path and query as they go into the request line.
        credentials: user and password, or None.
    """

    scheme: str
    host: str
    port: int
    target: str
    credentials: tuple[str, str] | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return what makes two URLs of one origin."""
        return (self.scheme, self.host, self.port)

    @property
    def authority(self) -> str:
        """Return the value of ``Host``: without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """Write it without credentials."""
        return f"{self.scheme}://{self.authority}{self.target}"


def parse(text: str) -> Url:
    """Take a URL apart.

    Raises:
        RequestError: it is not an absolute http or https URL.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise RequestError(f"that URL cannot be read: {error}") from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        found = f"starts with {scheme + '://'!r}" if scheme else "has no scheme"
        raise RequestError(f"that URL {found}", remedy="write http://host/path or https://host/path")
    if not parts.hostname:
        raise RequestError("that URL names no host", remedy="write http://host/path or https://host/path")
    if _CONTROL.search(parts.netloc):
        raise RequestError("the host of that URL holds a blank or a control character")
    credentials = None
    if parts.username is not None:
        credentials = (unquote(parts.username), unquote(parts.password or ""))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.startswith("/"):
        target = f"/{target}"
    return Url(
        scheme, _host(parts.hostname), _PORTS[scheme] if port is None else port, quote(target, _SAFE), credentials
    )


def join(base: Url, location: str) -> Url:
    """Resolve the ``Location`` of a redirect.

    Raises:
        RequestError: it leads to no http or https URL.
    """
    try:
        joined = urljoin(str(base), location.strip())
    except ValueError as error:
        raise RequestError(f"that URL cannot be read: {error}") from error
    return parse(joined)


def _host(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise RequestError(f"{host!r} cannot be a host name: {error}") from error
