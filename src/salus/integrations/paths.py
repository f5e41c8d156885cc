"""Which requests of an application are Salus' to answer."""

from __future__ import annotations

from collections.abc import Iterable

PROBES = ("/health", "/healthz", "/livez", "/readyz", "/startupz")
"""What load balancers and orchestrators ask, where they expect it."""

EVERYTHING = (*PROBES, "/metrics", "/health-dashboard", "/status", "/ping", "/api/v1", "/api/v2/alerts")
"""All that Salus answers, for an application that has none of these paths itself."""


class Paths:
    """Everything below a prefix, and a few paths beside it."""

    __slots__ = ("_beside", "prefix")

    def __init__(self, prefix: str = "/salus", paths: Iterable[str] = PROBES) -> None:
        """Name what is Salus' to answer.

        Args:
            prefix: everything below it: the dashboard is at ``<prefix>/health-dashboard/``; empty for nothing.
            paths: further paths (and what is below them), at the root of the application.

        Raises:
            ValueError: one of them does not begin with a slash, or is the root itself.
        """
        self.prefix = prefix.rstrip("/")
        self._beside = tuple(path.rstrip("/") for path in paths)
        for path in (*self._beside, self.prefix) if prefix else self._beside:
            if not path.startswith("/"):
                message = f"{path!r} is no path below the application: write it like '/salus'"
                raise ValueError(message)

    def mount(self, path: str) -> str | None:
        """Return below what Salus stands when it answers that path: the prefix, the root (empty); None: not its own."""
        if self.prefix and (path == self.prefix or path.startswith(f"{self.prefix}/")):
            return self.prefix
        for own in self._beside:
            if path == own or path.startswith(f"{own}/"):
                return ""
        return None
