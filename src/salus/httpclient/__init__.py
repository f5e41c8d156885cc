"""HTTP/1.1 for health checks: thrifty, bounded, and with errors that teach.

``fetch(Request(url=...))`` opens a connection, asks once and closes it; ``Connection`` keeps one. Written for probing,
where a general client spends most of its time on what a probe does not want: pools, cookies, decompression. Who asks
the same thing again and again prepares the request once (``prepare``) and sends it (``send``).
"""

from salus.httpclient.client import Connection, fetch, send
from salus.httpclient.dial import Permit
from salus.httpclient.faults import (
    AnswerError,
    ConnectError,
    ForbiddenError,
    HttpError,
    LocalError,
    ProxyError,
    RedirectError,
    RequestError,
    ResolveError,
    TlsError,
    explain,
)
from salus.httpclient.messages import Request, Response, Timings
from salus.httpclient.prepare import Prepared, prepare
from salus.httpclient.tls import TlsOptions

__all__ = [
    "AnswerError",
    "ConnectError",
    "Connection",
    "ForbiddenError",
    "HttpError",
    "LocalError",
    "Permit",
    "Prepared",
    "ProxyError",
    "RedirectError",
    "Request",
    "RequestError",
    "ResolveError",
    "Response",
    "Timings",
    "TlsError",
    "TlsOptions",
    "explain",
    "fetch",
    "prepare",
    "send",
]
