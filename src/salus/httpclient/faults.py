"""What can go wrong on the way to an answer, said so that a person can mend it.

    HttpError                  there is no usable answer
    ├── RequestError           the request itself cannot be sent (a malformed URL); ours
    ├── ForbiddenError         the request may not go to that address; ours
    ├── LocalError             this machine could not even try (no descriptors, no route, no permission); ours
    ├── ResolveError           no address for the name; ours: the target was never asked
    ├── ConnectError           the connection was refused, reset or ran out of time
    ├── TlsError               the connection stands, and TLS on it failed
    ├── AnswerError            the answer is cut short, too big or not what the protocol allows
    ├── RedirectError          a redirect cannot be followed
    └── ProxyError             the proxy did not do its part; ours

``ours`` draws the line that keeps healing honest: a fault of ours says nothing about the target, so a check answers
``unknown``; everything else is a verdict against the target.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Self, TypeAlias

from salus.errors import SalusError
from salus.model import Cause, cause_of


class HttpError(SalusError):
    """There is no usable answer."""

    ours: bool = False
    cause: str = ""

    def because(self, number: int) -> Self:
        """Name the cause by what the operating system said, where its own class does not say more."""
        self.cause = cause_of(number) or self.cause
        return self


class RequestError(HttpError):
    """The request cannot be sent."""

    ours = True
    permanent = True

    def __init__(self, message: str | None = None, *, remedy: str | None = None, part: str = "url") -> None:
        """Say which part of the request is wrong: ``url``, ``method``, ``headers`` or ``proxy``."""
        super().__init__(message, remedy=remedy)
        self.part = part


class ForbiddenError(HttpError):
    """The request may not go to that address."""

    ours = True
    permanent = True


class LocalError(HttpError):
    """This machine could not even try."""

    ours = True


class ResolveError(HttpError):
    """There is no address for the name."""

    ours = True
    cause: str = Cause.DNS


class ConnectError(HttpError):
    """The connection failed."""

    cause: str = Cause.RESET


class TlsError(HttpError):
    """TLS failed."""

    cause: str = Cause.TLS


class AnswerError(HttpError):
    """The answer is broken."""

    cause: str = Cause.PROTOCOL


class RedirectError(HttpError):
    """The redirect cannot be followed."""

    cause: str = Cause.PROTOCOL


class ProxyError(HttpError):
    """The proxy did not do its part."""

    ours = True
    cause: str = Cause.PROXY


_Lesson: TypeAlias = "tuple[str, str]"

# Refused, reset, unreachable, out of time: the target was asked and did not do its part.
_THEIRS: dict[int, _Lesson] = {
    errno.ECONNREFUSED: ("refused the connection", "is it running, and listening there?"),
    errno.ECONNRESET: ("reset the connection", "its own log says why it hung up"),
    errno.ECONNABORTED: ("aborted the connection", "its own log says why it hung up"),
    errno.EPIPE: ("closed the connection while it was written to", "its own log says why it hung up"),
    errno.ENOTCONN: ("does not accept connections", "its queue is full: is it hung?"),
    errno.EAGAIN: ("does not accept connections", "its queue is full: is it hung?"),
    errno.EHOSTUNREACH: ("cannot be reached", "is that host up, and does a firewall let us through?"),
    errno.EHOSTDOWN: ("cannot be reached", "is that host up?"),
    errno.ETIMEDOUT: ("did not answer in time", "is that host up, and does a firewall let us through?"),
    errno.ENOENT: ("is not there", "does what should listen on that socket run?"),
}
# A socket's path that nobody made, and a queue that is full: nobody takes connections there.
_LISTENING = {errno.ENOENT: errno.ECONNREFUSED, errno.EAGAIN: errno.ECONNREFUSED, errno.ENOTCONN: errno.ECONNREFUSED}
# No descriptors, no route, no port, no permission: nobody was asked.
_OURS: dict[int, _Lesson] = {
    errno.EMFILE: ("this process has no file descriptor left", "raise LimitNOFILE= or ulimit -n"),
    errno.ENFILE: ("this machine has no file descriptor left", "raise fs.file-max, or find what holds so many"),
    errno.ENOBUFS: ("this machine has no network buffers left", "look at its memory and at net.ipv4.tcp_mem"),
    errno.ENOMEM: ("this machine has no memory left", "find what holds so much"),
    errno.EADDRNOTAVAIL: ("this machine has no local port or address for it", "see net.ipv4.ip_local_port_range"),
    errno.ENETUNREACH: ("this machine has no route to it", "look at ip route"),
    errno.ENETDOWN: ("this machine's network is down", "look at ip link"),
    errno.EAFNOSUPPORT: ("this machine does not speak that kind of address", "is IPv6 switched off?"),
    errno.EACCES: ("permission denied", "let the user that Salus runs as reach it"),
    errno.EPERM: ("not permitted", "does a firewall on this machine forbid it?"),
}  # fmt: skip


def explain(error: OSError, place: str) -> HttpError:
    """Turn what the operating system or OpenSSL said into an error that teaches.

    Args:
        error: any ``OSError``; ``ssl.SSLError``, ``socket.gaierror`` and ``TimeoutError`` are among them.
        place: where it happened, such as ``127.0.0.1:80``.
    """
    if isinstance(error, socket.gaierror):
        return _unresolved(error, place)
    if isinstance(error, ssl.SSLError):
        return _tls(error, place)
    # In 3.11 OSError(ETIMEDOUT) is TimeoutError, the class of asyncio's own time-out; here it can only be a socket's.
    number = error.errno or (errno.ETIMEDOUT if isinstance(error, TimeoutError) else 0)
    if lesson := _OURS.get(number):
        return LocalError(f"could not try {place}: {lesson[0]}", remedy=lesson[1]).because(number)
    if lesson := _THEIRS.get(number):
        return ConnectError(f"{place} {lesson[0]}", remedy=lesson[1]).because(_LISTENING.get(number, number))
    if isinstance(error, ConnectionError):
        return ConnectError(f"{place} broke the connection: {error}")
    return LocalError(f"could not try {place}: {error.strerror or error}").because(number)


def _unresolved(error: socket.gaierror, place: str) -> ResolveError:
    if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
        return ResolveError(
            f"no address for {place}: the name does not exist",
            remedy="correct the name or its DNS record; a dns check tells when a name goes",
        )
    if error.errno == socket.EAI_AGAIN:
        return ResolveError(f"no address for {place}: the resolver does not answer", remedy="look at /etc/resolv.conf")
    return ResolveError(f"no address for {place}: {error.strerror or error}")


# OpenSSL's X509_V_ERR_* numbers that people meet.
_CERTIFICATE: dict[int, _Lesson] = {
    9: ("is not valid yet", "is the clock of this machine right?"),
    10: ("has expired", "renew it"),
    18: ("is self-signed", "trust it with ca_file, or give the server one of a trusted authority"),
    19: ("was signed by an authority that nobody here trusts", "trust that authority with ca_file"),
    20: (
        "was signed by an authority that nobody here trusts",
        "trust that authority with ca_file, or let the server send its intermediate certificates too",
    ),
    21: ("cannot be verified: its chain is incomplete", "let the server send its intermediate certificates too"),
    23: ("has been revoked", "replace it"),
    62: ("is for another host", "use a name the certificate has, or say which one with server_name"),
    64: ("is for another address", "use a name the certificate has, or say which one with server_name"),
}
_HANDSHAKE: tuple[tuple[str, str, str], ...] = (
    ("WRONG_VERSION_NUMBER", "does not speak TLS there", "is it the right port? Or speak plainly (http://, no tls)"),
    ("RECORD_LAYER_FAILURE", "does not speak TLS there", "is it the right port? Or speak plainly (http://, no tls)"),
    ("HTTP_REQUEST", "does not speak TLS there", "is it the right port? Or speak plainly (http://, no tls)"),
    ("CERTIFICATE_REQUIRED", "wants a certificate of the client", "give client_certificate and client_key"),
    ("UNSUPPORTED_PROTOCOL", "speaks only an outdated version of TLS", "let it speak TLS 1.2 or newer"),
    ("ALERT_PROTOCOL_VERSION", "speaks no version of TLS that we do", "let it speak TLS 1.2 or newer"),
    ("UNRECOGNIZED_NAME", "does not know the server name we asked for", "correct the host name or server_name"),
    ("UNEXPECTED_EOF", "hung up during the TLS handshake", "its own log says why"),
    ("HANDSHAKE_FAILURE", "and we found no common TLS settings", "compare protocol versions and ciphers"),
)


def _tls(error: ssl.SSLError, place: str) -> TlsError:
    if isinstance(error, ssl.SSLCertVerificationError):
        what, remedy = _CERTIFICATE.get(error.verify_code, (f"is not valid: {error.verify_message}", ""))
        return TlsError(f"the certificate of {place} {what}", remedy=remedy or None)
    text = f"{error.reason or ''} {error}"
    for word, what, remedy in _HANDSHAKE:
        if word in text:
            return TlsError(f"{place} {what}", remedy=remedy)
    return TlsError(f"TLS with {place} failed: {error.reason or error}")
