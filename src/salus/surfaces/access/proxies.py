"""Where a request really came from: forwarded headers are believed of trusted proxies, and of nobody else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from salus.surfaces.http import Scope, header

_Network: TypeAlias = IPv4Network | IPv6Network
_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,63}){1,8}")
_LONGEST_CHAIN = 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the address, whether over TLS, and under which path and name it is offered there."""

    address: str
    secure: bool = False
    prefix: str = ""
    host: str = ""


def origin(scope: Scope, trusted: tuple[str, ...]) -> Origin:
    """Return where a request came from.

    1. Whoever connected is it, unless they are a trusted proxy.
    2. Of ``X-Forwarded-For`` the last address that is no trusted proxy counts: what stands before it anybody can write.
    3. ``X-Forwarded-Proto``, ``X-Forwarded-Prefix`` and ``X-Forwarded-Host`` are those of the proxy that connected.
    """
    client = scope.get("client")
    peer = str(client[0]) if client else ""
    networks = _networks(trusted)
    root = str(scope.get("root_path") or "")
    if not networks or not _inside(peer, networks):
        return Origin(peer, scope.get("scheme") == "https", root if _PREFIX.fullmatch(root) else "")
    chain = header(scope, b"x-forwarded-for").decode("latin-1")[-_LONGEST_CHAIN:].split(",")
    strangers = (one.strip() for one in reversed(chain) if not _inside(one.strip(), networks))
    address = next(strangers, "")
    said = header(scope, b"x-forwarded-prefix").decode("latin-1").strip().rstrip("/")
    prefix = said if _PREFIX.fullmatch(said) else ""
    proto = header(scope, b"x-forwarded-proto").decode("latin-1").rpartition(",")[2].strip().lower()
    host = header(scope, b"x-forwarded-host").decode("latin-1").rpartition(",")[2].strip()
    return Origin(address if _address(address) else peer, proto == "https", prefix, host)


@lru_cache(maxsize=4)
def _networks(trusted: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ip_network(text) for text in trusted)


def _inside(text: str, networks: Sequence[_Network]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
