"""What other packages offer by entry points: what it is, whose it is, and whether it can be used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, entry_points

from salus.app import registry
from salus.app.kinds import ROOMS
from salus.options import ActionOptions, ChannelOptions, CheckOptions, Options, ServiceOptions

_BASES: dict[str, type[Options]] = {
    "checks": CheckOptions,
    "services": ServiceOptions,
    "actions": ActionOptions,
    "channels": ChannelOptions,
}
_KIND = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*['\"]([^'\"]+)['\"]")
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One entry point of somebody else.

    Attributes:
        room: ``checks``, ``services``, ``actions`` or ``channels``.
        kind: the name, as config spells it.
        target: where it is, such as ``package.module:Class``.
        package: the distribution that it came with, or an empty string.
        version: of the distribution.
        summary: what it does, one line; empty where it cannot be loaded.
        problem: why it cannot be used, or an empty string.
        remedy: what to do about that.
    """

    room: str
    kind: str
    target: str
    package: str = ""
    version: str = ""
    summary: str = ""
    problem: str = ""
    remedy: str = ""


def plugins() -> list[Plugin]:
    """Return all of them, by room and kind; loads each, as using it would."""
    return list(_all())


def _all() -> Iterator[Plugin]:
    for room in ROOMS:
        found = sorted(entry_points(group=f"salus.{room}"), key=lambda entry: (entry.name, entry.value))
        # The last one of a name is the one that `salus.app.registry` would load.
        used = {entry.name: entry for entry in entry_points(group=f"salus.{room}")}
        for entry in found:
            yield _plugin(room, entry, used[entry.name])


def _plugin(room: str, entry: EntryPoint, used: EntryPoint) -> Plugin:
    package, version = _from(entry.dist)
    problem, remedy, summary = _clash(room, entry, used) or _loading(room, entry)
    return Plugin(
        room=room,
        kind=entry.name,
        target=entry.value,
        package=package,
        version=version,
        summary=summary,
        problem=problem,
        remedy=remedy,
    )


def _from(dist: Distribution | None) -> tuple[str, str]:
    if dist is None:
        return "", ""
    return dist.metadata["Name"] or "", dist.version or ""


def _clash(room: str, entry: EntryPoint, used: EntryPoint) -> tuple[str, str, str] | None:
    """Return what is wrong with a name; nothing where it can be used."""
    if not _KIND.fullmatch(entry.name):
        what = f"{entry.name!r} cannot be a kind"
        return what, "use letters, digits, '_', '-' and '.', and begin with a letter", ""
    if registry.ours(room, entry.name):
        what = f"Salus has a {room.removesuffix('s')} {entry.name!r} of its own, which is used instead"
        return what, "its package has to call it something else", ""
    if (entry.value, _from(entry.dist)) != (used.value, _from(used.dist)):
        other = " ".join(_from(used.dist)) or used.value
        return f"{other} offers {entry.name!r} too, and is used instead", "uninstall one of the two packages", ""
    return None


def _loading(room: str, entry: EntryPoint) -> tuple[str, str, str]:
    try:
        found = entry.load()
    except ModuleNotFoundError as error:
        return _not_there(entry, error)
    except Exception as error:  # noqa: BLE001 - a stranger's module may raise anything, and is to be named for it
        what = f"loading it fails: {type(error).__name__}: {error}"
        return " ".join(what.split())[:_LONGEST], "see its package's documentation, or tell its author", ""
    base = _BASES[room]
    if not isinstance(found, type) or not issubclass(found, base):
        return f"it is no subclass of salus.options.{base.__name__}", "tell its author", ""
    from salus.config.docstrings import summary

    return "", "", summary(found).partition("\n")[0]


def _not_there(entry: EntryPoint, error: ModuleNotFoundError) -> tuple[str, str, str]:
    """Say which module is missing and, where the package has an extra that brings it, which that is."""
    missing = (error.name or "").partition(".")[0]
    package = _from(entry.dist)[0]
    if missing == entry.value.partition(".")[0].partition(":")[0]:
        return f"its module {error.name!r} is not there", f"install {package or 'its package'} again", ""
    for requirement in (entry.dist.requires if entry.dist else None) or ():
        named = _REQUIREMENT.match(requirement)
        if named and _same(named[1], missing):
            return (
                f"it needs the extra {named[2]!r}: there is no module {missing!r}",
                f"pip install '{package}[{named[2]}]'",
                "",
            )
    return f"it needs the module {missing!r}, which is not there", f"install what {package or 'its package'} needs", ""


def _same(distribution: str, module: str) -> bool:
    return re.sub(r"[-_.]+", "-", distribution).lower() == re.sub(r"[-_.]+", "-", module).lower()
