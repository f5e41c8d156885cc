"""All kinds as data, for the schema of the config and the reference; nothing is built from them here."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from salus.app import registry

ROOMS = ("checks", "services", "actions", "channels")


def names(room: str) -> list[str]:
    """Return every kind of a room, sorted."""
    return registry.names(room)


def options_of(room: str, name: str) -> type[msgspec.Struct]:
    """Return what holds the options of a kind.

    Raises:
        NotFoundError: there is no such kind.
        MissingExtraError: its optional dependency is not installed.
        TypeError: it is registered, and is not a struct.
    """
    found = registry.kind(room, name)
    if not issubclass(found, msgspec.Struct):
        message = f"{name!r} is registered as {found!r}, which is not a subclass of salus.options.Options"
        raise TypeError(message)
    return found


def everything() -> Mapping[str, Mapping[str, type[msgspec.Struct]]]:
    """Return room -> kind -> options; imports them all."""
    return {room: {name: options_of(room, name) for name in names(room)} for room in ROOMS}
