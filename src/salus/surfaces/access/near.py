"""Whether somebody on this very host asks, of their own accord."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from salus.surfaces.http import Scope, header

_FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})


def is_near(scope: Scope, hostname: str) -> bool:
    """Tell whether a request comes from this host itself.

    1. Whoever connected has a loopback address.
    2. It is no proxy that speaks for somebody elsewhere.
    3. It calls this host by an address, ``localhost`` or its own name: a browser that somebody else's page has led here
       (DNS rebinding) calls it by that page's.
    """
    client = scope.get("client")
    address = _address(str(client[0])) if client else None
    if address is None or not address.is_loopback:
        return False
    if any(name in _FORWARDED for name, _ in scope["headers"]):
        return False
    called = _host(header(scope, b"host").decode("latin-1").strip().lower())
    own = hostname.lower()
    return called in ("", "localhost", own, own.partition(".")[0]) or _address(called) is not None


def _host(text: str) -> str:
    """Return the host of ``host:port``."""
    return text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
