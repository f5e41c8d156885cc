"""Names and addresses that channels may, or must not, connect to."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from salus.config.leaves import Refused, shown

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*\.?")
_NUMERIC = re.compile(r"[0-9.]+")
_WITH_PORT = re.compile(r"([^:]+|\[[^]]*\]):\d+")
_LONGEST = 253


def judge_target(text: str) -> None:
    """See that a text names a host, hosts by a wildcard, an address or a network.

    Raises:
        Refused: it is none of these.
    """
    if "://" in text:
        raise Refused(f"{shown(text)} is the address of a page", "name its host only, such as hooks.example.org")
    if _WITH_PORT.fullmatch(text):
        raise Refused(f"{shown(text)} names a port", "leave it out: a host is allowed or denied as a whole")
    if "/" in text:
        _judge_network(text)
    elif not _is_address(text) and (_NUMERIC.fullmatch(text) or ":" in text or not _is_host(text)):
        what = f"{shown(text)} is neither a host nor an address"
        raise Refused(what, "write it like hooks.example.org, *.example.org, 10.0.0.5 or 10.0.0.0/8")


def judge_proxy(text: str) -> None:
    """See that a text is an address or a network.

    Raises:
        Refused: it is neither; a name proves nothing about who connects.
    """
    if "/" in text:
        _judge_network(text)
    elif not _is_address(text):
        raise Refused(f"{shown(text)} is no address", "write addresses or networks: 127.0.0.1, 10.0.0.0/8 or fd00::/8")


def _judge_network(text: str) -> None:
    try:
        ip_network(text)
    except ValueError:
        remedy = "write it like 10.0.0.0/8 or fd00::/8"
        try:
            remedy = f"write {ip_network(text, strict=False)}"
        except ValueError:
            raise Refused(f"{shown(text)} is not a network", remedy) from None
        raise Refused(f"{shown(text)} is an address in a network, and not the network", remedy) from None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_host(text: str) -> bool:
    # No top-level domain is a number: what ends in one is an address in another spelling (0x7f.1).
    last = text.rstrip(".").rpartition(".")[2].lower()
    return len(text) <= _LONGEST and _HOST.fullmatch(text) is not None and not (last.isdigit() or last.startswith("0x"))
