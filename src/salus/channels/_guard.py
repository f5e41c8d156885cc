"""Where a channel may connect to: decided on the address that is really connected to, never on how it was spelled.

A URL can hide an address behind a name (that resolves to something else at the next look), behind a decimal or
hexadecimal spelling, or inside an IPv6 address. So the guard is asked between the resolver and the connection, for
every address, and what it lets pass is connected to as it is.
"""

from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeAlias

from salus.model import Targets

_Address: TypeAlias = "IPv4Address | IPv6Address"
_Network: TypeAlias = "IPv4Network | IPv6Network"

_LOOPBACK: tuple[_Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))
# RFC 6052: behind a NAT64 these reach the IPv4 address in their last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")
# Connecting to "no address in particular" reaches this machine's own loopback.
_UNSPECIFIED: dict[_Address, _Address] = {
    IPv4Address("0.0.0.0"): IPv4Address("127.0.0.1"),  # noqa: S104 - nothing is bound to it: it is told apart
    IPv6Address("::"): IPv6Address("::1"),
}


class Guard:
    """Tells which addresses may be connected to."""

    __slots__ = ("_allow", "_deny", "_targets")

    def __init__(self, targets: Targets) -> None:
        """Read the entries once.

        Raises:
            ValueError: an entry cannot be understood.
        """
        self._targets = targets
        self._allow = _Entries(targets.allow)
        self._deny = _Entries(targets.deny)

    def why_not(self, host: str, address: str) -> str:
        """Say why there may be no connection to an address, or nothing where there may.

        Args:
            host: as the URL names it.
            address: what the resolver made of it.
        """
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return f"{address[:60]!r} is not an address"
        faces = _faces(found)
        if entry := self._deny.matching(host, faces):
            return f"alerts.targets denies {entry}"
        # An address inside an address opens no door by itself: only what it is in the end.
        if self._targets.allow and not self._allow.matching(host, faces[-1:]):
            return "alerts.targets does not allow it"
        return ""

    def why_not_beyond(self, host: str) -> str:
        """Say why a proxy may not be asked to connect to a host. Nobody here sees what a name means there."""
        if address := _spelled(host):
            return self.why_not(host, address)
        if entry := self._deny.matching(host, ()):
            return f"alerts.targets denies {entry}"
        if self._targets.allow and not self._allow.matching(host, ()):
            return "alerts.targets does not allow it"
        return ""


def problems(entries: tuple[str, ...]) -> list[str]:
    """Say which entries of a list of targets cannot be understood."""
    found = []
    for entry in entries:
        try:
            _Entries((entry,))
        except ValueError as error:
            found.append(str(error))
    return found


class _Entries:
    """One of the two lists, read once."""

    __slots__ = ("_names", "_networks")

    def __init__(self, entries: tuple[str, ...]) -> None:
        self._names: dict[str, str] = {}
        self._networks: list[tuple[_Network, str]] = []
        for entry in entries:
            text = entry.strip().lower().rstrip(".")
            if text == "localhost":
                self._networks += [(network, entry) for network in _LOOPBACK]
            network = _network(text)
            if network is not None:
                self._networks.append((network, entry))
            elif _is_name(text.removeprefix("*.")):
                self._names[text] = entry
            else:
                examples = "hooks.example.org, *.example.org, 10.0.0.7 or 10.0.0.0/8"
                raise ValueError(f"{entry[:80]!r} is neither a name nor an address: write {examples}")

    def matching(self, host: str, addresses: tuple[_Address, ...]) -> str:
        """Return the entry that a host or one of its addresses matches, or nothing."""
        for network, entry in self._networks:
            if any(address.version == network.version and address in network for address in addresses):
                return entry
        name = host.strip("[]").lower().rstrip(".")
        while name and self._names:
            if entry := self._names.get(name, ""):
                return entry
            _, dot, parent = name.removeprefix("*.").partition(".")
            name = f"*.{parent}" if dot else ""
        return ""


def _spelled(host: str) -> str:
    """Return the address that a host spells, be it in decimal or hexadecimal, or nothing for a name."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if host and not host[-1:].isspace() else ""
    except (OSError, ValueError):
        return ""


def _network(text: str) -> _Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def _is_name(text: str) -> bool:
    labels = text.split(".")
    # A last label of digits would be an address, badly written.
    return all(label and all(letter.isalnum() or letter in "-_" for letter in label) for label in labels) and not (
        labels[-1].isdigit() or labels[-1].startswith("0x")
    )


def _faces(address: _Address) -> tuple[_Address, ...]:
    """Return an address and the ones inside it; the last is the one that is reached in the end."""
    faces: list[_Address] = [address]
    if isinstance(address, IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if address in _NAT64 or (address in _COMPATIBLE and int(address) > 0xFFFF):
            embedded = IPv4Address(int(address) & 0xFFFFFFFF)
        if embedded is not None:
            faces.append(embedded)
        elif address.teredo:
            faces.extend(reversed(address.teredo))
            faces.append(address)
    if (reached := _UNSPECIFIED.get(faces[-1])) is not None:
        faces.append(reached)
    return tuple(faces)
