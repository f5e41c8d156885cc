"""What is counted, as the surface that shows it to a Prometheus may see it: plain numbers, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Example(NamedTuple):
    """One that fell into a bucket: the id of a recovery, how long it took, and when it ended."""

    recovery: str
    seconds: float
    at: datetime


class Times(Protocol):
    """How often what took how long."""

    @property
    def bounds(self) -> Sequence[float]:
        """Return the upper bounds of the buckets, without the last one, which has none."""
        ...

    @property
    def counts(self) -> Sequence[int]:
        """Return how many fell into each bucket, and into none of those before it."""
        ...

    @property
    def total(self) -> float:
        """Return the sum of all, in seconds."""
        ...

    @property
    def examples(self) -> Mapping[int, Example]:
        """Return the newest of a bucket, by its place; there is none where nobody asks for it."""
        ...


class Runs(Protocol):
    """How often a check was looked at, by what the look said."""

    @property
    def healthy(self) -> int:
        """Return the looks that were healthy."""
        ...

    @property
    def degraded(self) -> int:
        """Return those that were degraded."""
        ...

    @property
    def unhealthy(self) -> int:
        """Return those that were unhealthy."""
        ...

    @property
    def unknown(self) -> int:
        """Return those that could not tell."""
        ...

    @property
    def well_at(self) -> datetime | None:
        """Return when the newest healthy look began."""
        ...


class Counts(Protocol):
    """Everything that is counted since this Salus began. What it counts of a check leaves with the check."""

    @property
    def runs(self) -> Mapping[str, Runs]:
        """Return the looks, by check."""
        ...

    @property
    def recoveries(self) -> Mapping[str, Mapping[str, int]]:
        """Return the recoveries that ended: check -> outcome -> times."""
        ...

    @property
    def refusals(self) -> Mapping[str, Mapping[str, int]]:
        """Return how often a rule was held back: check -> reason -> times."""
        ...

    @property
    def actions(self) -> Mapping[tuple[str, str], int]:
        """Return the actions that ended: (kind, result) -> times."""
        ...

    @property
    def notifications(self) -> Mapping[tuple[str, str], int]:
        """Return the tries to deliver: (channel, result) -> times."""
        ...

    @property
    def looks(self) -> Times:
        """Return how long looks took."""
        ...

    @property
    def lateness(self) -> Times:
        """Return how late looks began."""
        ...

    @property
    def durations(self) -> Times:
        """Return how long recoveries took, from the deciding look to the outcome."""
        ...

    @property
    def initiations(self) -> Times:
        """Return how long it took from the deciding look to the first action."""
        ...

    def exhausted(self, check: str) -> bool | None:
        """Tell whether a rule of a check has given up; None where it has no rule."""
        ...
