"""The shapes that rooms meet through: a room imports these and never its siblings."""

from __future__ import annotations

from salus.ports.access import Access, Past
from salus.ports.parts import (
    Action,
    ActionResult,
    Channel,
    Check,
    Clock,
    Heartbeat,
    Heartbeats,
    Letter,
    Look,
    Outlet,
    Scene,
    Service,
    Site,
    Tell,
)
from salus.ports.received import NothingReceived, Received, ReceivedAlert
from salus.ports.store import (
    AlertQuery,
    Batch,
    EventQuery,
    Outbox,
    RecoveryQuery,
    Snapshot,
    Store,
)
from salus.ports.surfaces import (
    AlertDesk,
    Audience,
    Control,
    Subscriber,
    View,
)

__all__ = [
    "Access",
    "Action",
    "ActionResult",
    "AlertDesk",
    "AlertQuery",
    "Audience",
    "Batch",
    "Channel",
    "Check",
    "Clock",
    "Control",
    "EventQuery",
    "Heartbeat",
    "Heartbeats",
    "Letter",
    "Look",
    "NothingReceived",
    "Outbox",
    "Outlet",
    "Past",
    "Received",
    "ReceivedAlert",
    "RecoveryQuery",
    "Scene",
    "Service",
    "Site",
    "Snapshot",
    "Store",
    "Subscriber",
    "Tell",
    "View",
]
