"""What hangs on what: checks on checks, and, through their services, on the checks of other services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from salus.engine.units import CheckUnit
from salus.model import Cause
from salus.ports import Service


class Dependencies:
    """A graph over the checks of one Salus. The config has no circles; here they would do no harm."""

    def __init__(self, units: Mapping[str, CheckUnit], services: Mapping[str, tuple[str, ...]]) -> None:
        """Read the graph from the checks and from ``services``: name -> the services it depends on."""
        self._units = units
        self._services = services
        self._of_service: dict[str, list[str]] = {}
        for name, unit in units.items():
            if unit.spec.service:
                self._of_service.setdefault(unit.spec.service, []).append(name)
        self._children: dict[str, list[str]] = {}
        for name, unit in units.items():
            for parent in self._parents(unit):
                self._children.setdefault(parent, []).append(name)

    def roots(self, unit: CheckUnit) -> list[CheckUnit]:
        """Return the checks that one depends on, directly or not, each once.

        Those of its own service are left out: healing it is healing them, and single flight guards the rest.
        """
        if not self._parents(unit):
            return []
        own = unit.spec.service
        return [root for root in self._ancestors(unit, set()) if own is None or root.spec.service != own]

    def services(self, unit: CheckUnit) -> list[str]:
        """Return the services that the service of a check depends on, directly or not."""
        found: list[str] = []
        pending = list(self._services.get(unit.spec.service or "", ()))
        while pending:
            name = pending.pop()
            if name not in found and name != unit.spec.service:
                found.append(name)
                pending += self._services.get(name, ())
        return found

    def leaves(self, unit: CheckUnit) -> list[CheckUnit]:
        """Return the checks that hang on one, directly or not, each once."""
        found: dict[str, CheckUnit] = {}
        pending = list(self._children.get(unit.spec.name, ()))
        while pending:
            name = pending.pop()
            if name not in found and name != unit.spec.name:
                found[name] = self._units[name]
                pending += self._children.get(name, ())
        return list(found.values())

    def failing(self, unit: CheckUnit, services: Mapping[str, Service]) -> tuple[str, ...]:
        """Name what is bad among the roots of a check: only what has no bad root itself, for that is to be healed."""
        down = [name for name in self.services(unit) if (found := services.get(name)) and not found.status.running]
        bad = {root.spec.name: root for root in self.roots(unit) if _bad(root)}
        first = [
            name
            for name, root in bad.items()
            if root.target not in down and not any(other.spec.name in bad for other in self.roots(root))
        ]
        return tuple(sorted({*first, *down})) if first or down else tuple(sorted(bad))

    def _parents(self, unit: CheckUnit) -> list[str]:
        through = [
            check
            for service in self._services.get(unit.spec.service or "", ())
            for check in self._of_service.get(service, ())
        ]
        return [*unit.spec.depends_on, *through]

    def _ancestors(self, unit: CheckUnit, visited: set[str]) -> Iterator[CheckUnit]:
        for name in self._parents(unit):
            root = self._units.get(name)
            if root is not None and name not in visited:
                visited.add(name)
                yield root
                yield from self._ancestors(root, visited)


def _bad(root: CheckUnit) -> bool:
    """Tell whether a check is bad, or may be: a time-out that is held on an overloaded host proves neither."""
    last = root.state.last
    return root.healing or (last is not None and (last.status.bad or last.cause == Cause.OVERLOADED))
