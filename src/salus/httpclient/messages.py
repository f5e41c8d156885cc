"""What is asked and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from salus.httpclient.dial import Permit
from salus.httpclient.tls import TlsOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request.

    Attributes:
        url: ``http://`` or ``https://``; a user and password in it become Basic authentication.
        method: as it goes over the wire.
        headers: sent as they are, in order; ``Host``, ``Content-Length``, ``User-Agent``, ``Accept`` and
            ``Accept-Encoding`` are added where they are missing.
        body: sent as it is.
        unix_socket: connect to this socket instead of the URL's host.
        tls: how to speak TLS; the default verifies.
        max_body: bytes of the response's body to keep; reading stops there.
        follow_redirects: how many redirects to follow; 0 returns the redirect itself.
        proxy: the proxy's URL, or ``environment`` for what ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` say.
        permit: asked before every connection, see ``dial.connect``. It sees the address of the proxy where there is
            one: what lies behind is the proxy's to guard.
    """

    url: str = field(repr=False)  # May hold a password, or a token in its query.
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    unix_socket: Path | None = None
    tls: TlsOptions | None = None
    max_body: int = 1 << 20
    follow_redirects: int = 0
    proxy: str = field(default="", repr=False)
    permit: Permit | None = field(default=None, repr=False)


class Timings(NamedTuple):
    """Seconds spent in the phases of the last exchange, and altogether.

    Attributes:
        connect: from the start to the open connection, name resolution included; 0 on a kept connection.
        tls: the TLS handshake; 0 without, or on a kept connection.
        first_byte: from the request sent to the first byte of the response.
        total: from the start to the end of the body, redirects included.
    """

    connect: float
    tls: float
    first_byte: float
    total: float


class Response(NamedTuple):
    """One HTTP response.

    Attributes:
        status: the status code.
        reason: the reason phrase, possibly empty.
        raw_headers: as they came.
        body: at most ``max_body`` bytes.
        truncated: the body was longer.
        url: where it came from, after redirects.
        timings: how long it took.
        peer_certificate_expires: when the server's certificate expires, where there is one and it can be told.
        redirects: how many were followed.
    """

    status: int
    reason: str
    raw_headers: list[tuple[bytes, bytes]]
    body: bytes
    truncated: bool
    url: str
    timings: Timings
    peer_certificate_expires: datetime | None = None
    redirects: int = 0

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return names and values in order, names as sent."""
        return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw_headers)

    def header(self, name: str) -> str | None:
        """Return the value of a header, several joined by commas; None where it is missing."""
        wanted = name.lower().encode("latin-1", "replace")
        found = [value.decode("latin-1") for key, value in self.raw_headers if key.lower() == wanted]
        return ", ".join(found) if found else None
