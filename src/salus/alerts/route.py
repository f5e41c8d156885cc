"""Stage: route. Which channels an alert goes to, by which route, at once or by escalation.

Routes are tried in order; the first that matches takes the alert, and the next ones too where it says ``continue``. A
channel that several routes name hears of it by the first of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from salus.matchers import in_words, matches
from salus.model import Alert, Happening, Labels, RouteSpec
from salus.units import format_duration

EACH = ("...",)
"""As ``group_by``: every alert is told by itself."""


@dataclass(frozen=True, slots=True)
class Path:
    """One way from an alert to a channel.

    Attributes:
        channel: name.
        place: of the route, from 0.
        route: the route.
        after: seconds since the alert fired; 0 at once, more by escalation.
    """

    channel: str
    place: int
    route: RouteSpec
    after: float = 0.0

    @property
    def why(self) -> str:
        """Say how the alert comes here."""
        by = in_words(self.route.match)
        return f"{by}, not acknowledged within {format_duration(self.after)}" if self.after else by


def paths(routes: Sequence[RouteSpec], labels: Labels) -> list[Path]:
    """Return the ways of an alert with these labels, each channel once: by the way on which it hears first."""
    found: dict[str, Path] = {}
    silent = labels.get("subject") if labels.get("happening") == Happening.CHANNEL_FAILED else None
    for path in _all(routes, labels):
        if path.channel == silent:  # that it cannot be reached is told by others
            continue
        known = found.get(path.channel)
        if known is None or path.after < known.after:
            found[path.channel] = path
    return list(found.values())


def _all(routes: Sequence[RouteSpec], labels: Labels) -> Iterator[Path]:
    for place, route in enumerate(routes):
        if not matches(route.match, labels):
            continue
        yield from (Path(channel, place, route) for channel in route.channels)
        for step in route.escalate:
            yield from (Path(channel, place, route, step.after) for channel in step.channels)
        if not route.go_on:
            return


def group_labels(path: Path, alert: Alert) -> dict[str, str]:
    """Return the labels that an alert shares a notification for."""
    by = path.route.group_by
    names = sorted(alert.labels) if by == EACH else by
    return {name: alert.labels[name] for name in names if name in alert.labels}


def key_of(path: Path, alert: Alert) -> str:
    """Return the key of the group that an alert belongs to on its way: the same for the same route and labels."""
    if path.route.group_by == EACH:
        return alert.fingerprint
    labels = group_labels(path, alert)
    parts = [in_words(path.route.match), *(f"{name}={value}" for name, value in sorted(labels.items()))]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:24]
