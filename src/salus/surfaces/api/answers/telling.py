"""Alerts, events, Salus itself, and access."""

from __future__ import annotations

from typing import Literal

import msgspec

from salus.model import AlertState, DeliveryState, EventKind, Level, Occasion, Role, Suppression
from salus.surfaces.api.answers.base import Answer, Facts, Instant, Seconds

# ── alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Known(Answer, frozen=True, kw_only=True):
    """What a channel was told last."""

    state: AlertState
    at: Instant
    count: int
    flapping: bool


class AlertAlone(Answer, frozen=True, kw_only=True):
    """An alert: what is wrong, where it stands, and what each channel was told last."""

    id: str
    fingerprint: str
    state: AlertState
    level: Level
    rule: str
    check: str | None
    component: str
    labels: dict[str, str]
    summary: str
    detail: str
    runbook: str
    first_seen: Instant
    last_seen: Instant
    fired_at: Instant | None
    count: int
    resolved_at: Instant | None
    resolution: str
    acknowledged_at: Instant | None
    acknowledged_by: str
    note: str
    flapping: bool
    dismissed: bool
    moment: bool
    told: dict[str, Known]


class Quiet(Answer, frozen=True, kw_only=True):
    """Why a channel is not told now."""

    reason: Suppression
    detail: str
    until: Instant | None


class Hearer(Answer, frozen=True, kw_only=True):
    """A channel that an alert goes to."""

    channel: str
    route: int
    why: str
    after: Seconds
    enabled: bool
    failing_since: Instant | None
    hush: Quiet | None


class Alert(AlertAlone, frozen=True, kw_only=True):
    """An alert, and who hears of it."""

    audience: list[Hearer]


class Deed(Answer, frozen=True, kw_only=True):
    """One thing that was done about an alert."""

    at: Instant
    recovery: str
    attempt: int
    action: str
    result: str
    duration: Seconds
    message: str
    verified: bool | None


class AlertStory(Alert, frozen=True, kw_only=True):
    """An alert with all that was done about it, and its story as lines for people."""

    deeds: list[Deed]
    story: list[str]


class Silence(Answer, frozen=True, kw_only=True):
    """A silence."""

    id: str
    match: str
    since: Instant
    until: Instant
    by: str
    comment: str


class SilenceMade(Silence, frozen=True, kw_only=True):
    """A silence, and how many alerts it is about now."""

    alerts: int


class Channel(Answer, frozen=True, kw_only=True):
    """How a channel is doing."""

    name: str
    kind: str
    enabled: bool
    send_resolved: bool
    waiting: int
    sent: int
    failed: int
    dead: int
    failing_since: Instant | None
    error: str
    held_until: Instant | None


class Delivery(Answer, frozen=True, kw_only=True):
    """A notification on its way."""

    id: str
    channel: str
    occasion: Occasion
    about: str
    alerts: list[str]
    state: DeliveryState
    created_at: Instant
    attempts: int
    due_at: Instant | None
    ended_at: Instant | None
    error: str


# ── events, Salus itself, access ──────────────────────────────────────────────────────────────────────────────────────


class Event(Answer, frozen=True, kw_only=True):
    """One thing that happened; what does not apply to it is left out."""

    id: int
    at: Instant
    kind: EventKind
    message: str
    check: str | msgspec.UnsetType = msgspec.UNSET
    rule: str | msgspec.UnsetType = msgspec.UNSET
    service: str | msgspec.UnsetType = msgspec.UNSET
    recovery: str | msgspec.UnsetType = msgspec.UNSET
    action: str | msgspec.UnsetType = msgspec.UNSET
    old: str | msgspec.UnsetType = msgspec.UNSET
    new: str | msgspec.UnsetType = msgspec.UNSET
    reason: str | msgspec.UnsetType = msgspec.UNSET
    data: Facts | msgspec.UnsetType = msgspec.UNSET


class Cpu(Answer, frozen=True, kw_only=True):
    """Seconds that Salus has worked, cores of the host, and its load over 1, 5 and 15 minutes."""

    seconds: float
    cores: int
    load: list[float]


class Memory(Answer, frozen=True, kw_only=True):
    """Bytes that Salus holds, and of the host."""

    resident: int
    host_total: int
    host_available: int


class Disk(Answer, frozen=True, kw_only=True):
    """Bytes of the disk on which the ledger lies."""

    total: int
    free: int


class Collector(Answer, frozen=True, kw_only=True):
    """Python's garbage collector, by generation."""

    collections: list[int]
    waiting: list[int]


class System(Answer, frozen=True, kw_only=True):
    """Salus and its host, measured now."""

    cpu: Cpu
    memory: Memory
    disk: Disk | None
    files: int
    threads: int
    tasks: int
    gc: Collector
    loop_lag: Seconds
    uptime: Seconds


class Config(Answer, frozen=True, kw_only=True):
    """What the config names."""

    files: list[str]
    salus: Facts
    services: list[Facts]
    checks: list[Facts]
    rules: list[Facts]
    channels: list[Facts]
    alert_rules: list[str]
    maintenance: list[str]
    warnings: list[Facts]


class Note(Answer, frozen=True, kw_only=True):
    """Something that was told of it later."""

    at: Instant
    text: str
    by: str


class Announcement(Answer, frozen=True, kw_only=True):
    """Something that people tell the public; `by` is not shown there."""

    id: str
    title: str
    impact: Literal["maintenance", "minor", "major", "critical"]
    components: list[str]
    since: Instant
    resolved_at: Instant | None
    notes: list[Note]
    by: str


class Token(Answer, frozen=True, kw_only=True):
    """What may be seen of a token."""

    id: str
    name: str
    role: Role
    created_at: Instant
    expires_at: Instant | None
    used_at: Instant | None
    by: str


class TokenMade(Token, frozen=True, kw_only=True):
    """A token that was just made; it stands here and nowhere else."""

    token: str


class Session(Answer, frozen=True, kw_only=True):
    """Who asks, and what they may; `csrf` goes into the header X-CSRF-Token of every write by cookie."""

    name: str
    role: Role | None
    expires_at: Instant | None
    csrf: str | None
