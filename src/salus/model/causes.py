"""What failed, in one word that looks of different checks share."""

from __future__ import annotations

import errno
from enum import StrEnum


class Cause(StrEnum):
    """The words that Salus' own checks use in ``Observation.cause``.

    A check may use words of its own, too: ``exit_<code>`` and ``signal_<number>`` of a program, ``status_<code>`` of an
    HTTP server, or whatever a plugin finds. What matters is that looks which fail in the same way say the same word.
    """

    # Nobody was asked: the look is ``unknown``.
    OVERLOADED = "overloaded"  # it timed out while this host had no time for anybody
    CRASHED = "crashed"  # the check itself raised, or answered nonsense
    MISSING_FILE = "missing_file"  # a program or a file that the check itself needs
    PERMISSION = "permission"  # Salus' user may not
    NO_DESCRIPTORS = "no_descriptors"
    NO_MEMORY = "no_memory"
    NO_THREADS = "no_threads"
    NO_PORTS = "no_ports"  # no local port or address
    NO_ROUTE = "no_route"
    DNS = "dns"  # the resolver does not answer, or has no address for the name
    PROXY = "proxy"
    HELPER = "helper"  # the process that touches paths for Salus died
    NOT_KNOWN = "not_known"  # what is to be looked at does not exist: a service, a user, a module
    # The target was asked and did not do its part: a verdict.
    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    PROTOCOL = "protocol"  # the answer is not what the protocol allows


_BY_NUMBER: dict[int, Cause] = {
    errno.EACCES: Cause.PERMISSION,
    errno.EPERM: Cause.PERMISSION,
    errno.ENOENT: Cause.MISSING_FILE,
    errno.ENOTDIR: Cause.MISSING_FILE,
    errno.EMFILE: Cause.NO_DESCRIPTORS,
    errno.ENFILE: Cause.NO_DESCRIPTORS,
    errno.ENOMEM: Cause.NO_MEMORY,
    errno.ENOBUFS: Cause.NO_MEMORY,
    errno.EADDRNOTAVAIL: Cause.NO_PORTS,
    errno.ENETUNREACH: Cause.NO_ROUTE,
    errno.ENETDOWN: Cause.NO_ROUTE,
    errno.EAFNOSUPPORT: Cause.NO_ROUTE,
    errno.ECONNREFUSED: Cause.REFUSED,
    errno.ECONNRESET: Cause.RESET,
    errno.ECONNABORTED: Cause.RESET,
    errno.EPIPE: Cause.RESET,
    errno.EHOSTUNREACH: Cause.UNREACHABLE,
    errno.EHOSTDOWN: Cause.UNREACHABLE,
    errno.ETIMEDOUT: Cause.TIMEOUT,
}


def cause_of(number: int | None) -> str:
    """Return the word for an ``errno``; numbers that have none share ``errno_<number>``, and none is empty."""
    if not number:
        return ""
    return _BY_NUMBER.get(number) or f"errno_{number}"
