"""What hangs on what: checks and services in one graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from salus.model import CheckSpec

EVERYTHING = "all"
"""The scope of a storm over all targets, as the storm brakes call it."""


def check_key(name: str) -> str:
    """Return what a check is called in the graph, and among the targets of a recovery."""
    return f"check:{name}"


def service_key(name: str) -> str:
    """Return what a service is called there."""
    return f"service:{name}"


def needs_key(key: str) -> str:
    """Return what everything that needs a check or a service is called, together."""
    return f"needs:{key}"


class Graph:
    """Checks that depend on checks, and services on services; a check hangs on what its service hangs on.

    The check that depends on another needs neither its service nor the other checks of that: only the check itself.
    The config has no circles; here they would do no harm.
    """

    def __init__(self, services: Mapping[str, tuple[str, ...]]) -> None:
        """Begin without checks.

        Args:
            services: name -> the services it depends on.
        """
        self._specs: dict[str, CheckSpec] = {}
        self._needs = services
        self._of_service: dict[str, list[str]] = {}

    def add(self, spec: CheckSpec) -> None:
        """Take one check."""
        self._specs[spec.name] = spec
        if spec.service:
            self._of_service.setdefault(spec.service, []).append(spec.name)

    def __contains__(self, check: str) -> bool:
        """Tell whether there is such a check."""
        return check in self._specs

    def service(self, check: str) -> str | None:
        """Return the service of a check."""
        spec = self._specs.get(check)
        return spec.service if spec else None

    def scopes(self, check: str) -> tuple[str, ...]:
        """Return the scopes of storms that a check is counted in."""
        spec = self._specs.get(check)
        return (EVERYTHING, f"kind:{spec.kind}", *(f"tag:{tag}" for tag in spec.tags)) if spec else (EVERYTHING,)

    def above(self, check: str) -> set[str]:
        """Return the keys of all that a check needs, directly or not."""
        start = check_key(check)
        found: set[str] = set()
        pending = [start]
        while pending:
            for key in self._up(pending.pop()):
                if key not in found and key != start:
                    found.add(key)
                    pending.append(key)
        return found

    def _up(self, key: str) -> Iterator[str]:
        kind, _, name = key.partition(":")
        if kind == "check":
            spec = self._specs.get(name)
            yield from map(check_key, spec.depends_on if spec else ())
            yield from map(service_key, self._needs.get((spec and spec.service) or "", ()))
        else:
            yield from map(service_key, self._needs.get(name, ()))
            for check in self._of_service.get(name, ()):
                yield from map(check_key, self._specs[check].depends_on)
