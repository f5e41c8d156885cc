"""Alerts of others, such as those of a Prometheus: what arrives at the doors, and where the ``alert`` check looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from salus.model import NO_LABELS, Labels, Matchers


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedAlert:
    """One alert of somebody else, as it was told last.

    Attributes:
        labels: its identity.
        annotations: words for people, such as ``summary``.
        starts_at: since when it fires.
        ends_at: when it ended or, while it fires, until when that holds unless it is told again.
        updated_at: when it was told last.
        source: the door it came by: ``api`` or ``webhook``.
        resolved: it was told that it has ended.
        url: where people can see more of it, or an empty string.
    """

    labels: Labels
    annotations: Labels = field(default_factory=lambda: NO_LABELS)
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    source: str = "api"
    resolved: bool = False
    url: str = ""

    def fires(self, now: datetime) -> bool:
        """Tell whether it fires, as far as anybody told."""
        return not self.resolved and now < self.ends_at

    def lapsed(self, now: datetime) -> bool:
        """Tell whether nobody repeated it and nobody said that it ended: its sender is silent, or forgot it."""
        return not self.resolved and now >= self.ends_at


class Received(Protocol):
    """Where alerts of others are kept."""

    def matching(self, matchers: Matchers, now: datetime) -> Sequence[ReceivedAlert]:
        """Return the alerts that match, also ended ones as long as they are remembered; the newest start first."""
        ...

    def heard(self) -> datetime | None:
        """Return when anything was heard last, or None."""
        ...


class NothingReceived:
    """Stands where no alert ever arrives."""

    def matching(self, matchers: Matchers, now: datetime) -> Sequence[ReceivedAlert]:
        """Return nothing."""
        return ()

    def heard(self) -> datetime | None:
        """Return None."""
        return None
