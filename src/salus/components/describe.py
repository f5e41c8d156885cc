"""What an object is, and all that follows from it: its check, its actions, its default rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from salus.components import cache, connections, pipeline, registry, service, watcher, workers
from salus.components.kind import ComponentKind, Part
from salus.errors import NotFoundError, SalusError
from salus.model import Json
from salus.ports import Action, Check

KINDS: Mapping[str, ComponentKind] = {
    module.KIND.name: module.KIND for module in (pipeline, cache, connections, watcher, registry, service, workers)
}
"""Every kind that Salus knows by itself, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All that makes an object a self-healing part.

    Attributes:
        name: of the part.
        kind: the name of its kind.
        check: looks at this very object.
        actions: by name; each acts on this very object, whatever else of its kind there is.
        rule: the default rule, as ``HealthSystem.rule`` takes it.
        spec: further keys of the check, as ``HealthSystem.register`` takes them.
    """

    name: str
    kind: str
    check: Check
    actions: Mapping[str, Action]
    rule: Mapping[str, Json]
    spec: Mapping[str, Json]


def describe(name: str, obj: object, *, kind: ComponentKind | type | str | None = None) -> Description:
    """Say what an object is and what follows from it. Nothing of the object is called.

    Args:
        name: of the part; its check and its rule are called so, too.
        obj: the object, or a module or a namespace with such functions.
        kind: its name (``file_watcher``), its protocol (``FileWatcher``), or a kind of your own. Needed only where the
            object is of several kinds.

    Raises:
        NotFoundError: there is no such kind.
        SalusError: the object is of no kind, of several, or lacks what this kind needs.
    """
    part = Part(name, obj)
    known = _kind_of(part) if kind is None else _named(kind)
    if missing := known.missing(part):
        what = f"{name}: {_label(obj)} is no {known.name}: it has no {_listed(missing)}"
        raise SalusError(what, remedy=f"see {known.protocol.__module__}.{known.protocol.__qualname__}")
    return Description(
        name=name,
        kind=known.name,
        check=known.check(part),
        actions=known.actions(part),
        rule=known.rule_for(part),
        spec={"tags": ["component", known.name], "description": f"{known.name.replace('_', ' ')} of this application"},
    )


def _named(kind: ComponentKind | type | str) -> ComponentKind:
    if isinstance(kind, ComponentKind):
        return kind
    for known in KINDS.values():
        if kind in (known.name, known.protocol):
            return known
    said = kind if isinstance(kind, str) else kind.__qualname__
    raise NotFoundError(f"there is no kind of component {said!r}", remedy=f"there are: {', '.join(KINDS)}")


def _kind_of(part: Part) -> ComponentKind:
    """Find the one kind that an object is of."""
    found = [kind for kind in KINDS.values() if not kind.missing(part)]
    special = [kind for kind in found if not kind.general] or found
    if len(special) == 1:
        return special[0]
    label = f"{part.name}: {_label(part.obj)}"
    if special:
        names = " and ".join(kind.name for kind in special)
        raise SalusError(f"{label} is {names}", remedy=f"say which: kind={special[0].name!r}")
    nearest = min(KINDS.values(), key=lambda kind: (len(kind.missing(part)) / len(kind.requires), kind.name))
    lacks = nearest.missing(part)
    if len(lacks) == len(nearest.requires):
        kinds = "; ".join(f"{kind.name}: {', '.join(kind.requires)}" for kind in KINDS.values())
        raise SalusError(
            f"{label} is of no kind that Salus knows how to heal", remedy=f"have it do what one needs: {kinds}"
        )
    raise SalusError(
        f"{label} is of no kind that Salus knows how to heal",
        remedy=f"it comes nearest to {nearest.name}, and has no {_listed(lacks)}",
    )


def _label(obj: object) -> str:
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def _listed(members: list[str]) -> str:
    return ", ".join(f"{member}()" for member in members)
