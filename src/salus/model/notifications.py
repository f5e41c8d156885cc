"""What is told, and how it gets there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from salus.model.alerts import NO_LABELS, Alert, AlertState, Labels
from salus.model.routes import ChannelSpec


class Occasion(StrEnum):
    """Why a notification is made, the most urgent first."""

    FIRING = "firing"
    ESCALATED = "escalated"
    FLAPPING = "flapping"
    REMINDER = "reminder"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    REFRESH = "refresh"  # a receiver that forgets what is not repeated is told again; nothing is new
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What one channel is to be told at one time.

    Attributes:
        id: unique, and the same at every try: receivers may tell repeated ones by it.
        channel: name.
        key: deduplication key: the same for all that is told of one group, from firing to resolved.
        occasion: why it is made, the most urgent of all.
        state: of the whole: firing while any alert is, then acknowledged, then resolved.
        at: when it was made.
        group: the labels that its alerts share a notification for.
        alerts: the alerts it is about, as they were, the newest first; bounded.
        fresh: fingerprints of those among them that it has news of.
        more: alerts that were left out.
        digest: it stands for several groups, which came faster than the rate allows.
        environment: as configured.
        host: where Salus runs.
        link: base of the links to pages, or an empty string.
    """

    id: str
    channel: str
    key: str
    occasion: Occasion
    state: AlertState
    at: datetime
    group: Labels = field(default_factory=lambda: NO_LABELS)
    alerts: tuple[Alert, ...] = ()
    fresh: frozenset[str] = frozenset()
    more: int = 0
    digest: bool = False
    environment: str = ""
    host: str = ""
    link: str = ""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notification on its way: one row of the outbox.

    Attributes:
        id: of the notification.
        channel: name.
        key: deliveries of one channel and key go out in the order of ``number``.
        number: grows with every delivery.
        notification: what is to be told.
        created_at: when it was made.
        state: where it stands.
        attempts: tries so far.
        due_at: when it is tried next.
        claimed_by: id of the Salus that is trying now, or an empty string.
        claimed_at: since when.
        error: why the last try failed, without secrets.
        ended_at: when it was sent, or given up.
    """

    id: str
    channel: str
    key: str
    number: int
    notification: Notification
    created_at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    due_at: datetime
    claimed_by: str = ""
    claimed_at: datetime | None = None
    error: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelReport:
    """How a channel is doing.

    Attributes:
        spec: the channel.
        waiting: notifications on their way.
        sent, failed, dead: since the start: delivered, tries that failed, given up.
        failing_since: since when nothing gets through, or None.
        error: why, without secrets.
        held_until: when it is tried again, or None.
    """

    spec: ChannelSpec
    waiting: int = 0
    sent: int = 0
    failed: int = 0
    dead: int = 0
    failing_since: datetime | None = None
    error: str = ""
    held_until: datetime | None = None
