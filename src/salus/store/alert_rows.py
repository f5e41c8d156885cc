"""Alerts and deliveries to rows and back. What is searched by is a column, the rest is JSON in ``body``.

Writing is lenient and reading is strict, as in ``codec``. Nouns that are only ever read whole (a notification with its
alerts, what was done, who was told) are their own shape: a field that came later has a default there, and what says
where something stands has none.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

import msgspec

from salus.model import Alert, AlertState, Deed, Delivery, DeliveryState, Level, Notification, Told
from salus.store.codec import (
    dump,
    from_micros,
    from_micros_or_none,
    text,
    text_or_none,
    to_micros,
    to_micros_or_none,
)
from salus.store.rows import Row

ALERT = "id, fingerprint, rule_name, check_name, level, state, first_seen, fired_at, resolved_at, unheard, body"
DELIVERY = (
    "id, number, channel, key, created_at, state, attempts, due_at, claimed_by, claimed_at, error, ended_at, body"
)


# ── Alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Rest(msgspec.Struct, kw_only=True):
    """What an alert's JSON holds: all that has no column."""

    labels: dict[str, str]
    last_seen: datetime
    summary: str = ""
    detail: str = ""
    runbook: str = ""
    count: int = 1
    resolution: str = ""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    note: str = ""
    flapping: bool = False
    quiet_since: datetime | None = None
    dismissed: bool = False
    moment: bool = False
    deeds: tuple[Deed, ...] = ()
    told: dict[str, Told] = {}


_REST = msgspec.json.Decoder(_Rest)
_IN_COLUMNS = {"id", "fingerprint", "rule", "check", "level", "state", "first_seen", "fired_at", "resolved_at"}
_IN_BODY = tuple(field.name for field in fields(Alert) if field.name not in _IN_COLUMNS)


def unheard(alert: Alert) -> bool:
    """Tell whether an alert has ended, and a channel that was told of it has still to hear so.

    What has no duration was told once, and that was all. What a person ended by hand counts until its trouble ends too:
    it must not be told as new meanwhile.
    """
    if alert.resolved_at is None or alert.moment:
        return False
    return alert.dismissed or any(told.state is not AlertState.RESOLVED for told in alert.told.values())


def alert_row(alert: Alert) -> Row:
    """Return an alert's row."""
    return (
        text(alert.id),
        text(alert.fingerprint),
        text(alert.rule),
        text_or_none(alert.check),
        alert.level.value,
        alert.state.value,
        to_micros(alert.first_seen),
        to_micros_or_none(alert.fired_at),
        to_micros_or_none(alert.resolved_at),
        int(unheard(alert)),
        dump({name: getattr(alert, name) for name in _IN_BODY}),
    )


def alert(row: Row) -> Alert:
    """Return the alert of a row."""
    rest = _REST.decode(row[10])
    return Alert(
        id=row[0],
        fingerprint=row[1],
        labels=rest.labels,
        rule=row[2],
        level=Level(row[4]),
        state=AlertState(row[5]),
        check=row[3],
        summary=rest.summary,
        detail=rest.detail,
        runbook=rest.runbook,
        first_seen=from_micros(row[6]),
        last_seen=rest.last_seen,
        count=rest.count,
        fired_at=from_micros_or_none(row[7]),
        resolved_at=from_micros_or_none(row[8]),
        resolution=rest.resolution,
        acknowledged_at=rest.acknowledged_at,
        acknowledged_by=rest.acknowledged_by,
        note=rest.note,
        flapping=rest.flapping,
        quiet_since=rest.quiet_since,
        dismissed=rest.dismissed,
        moment=rest.moment,
        deeds=rest.deeds,
        told=rest.told,
    )


# ── Deliveries ────────────────────────────────────────────────────────────────────────────────────────────────────────

_NOTIFICATION = msgspec.json.Decoder(Notification)
_IN_NOTIFICATION = tuple(field.name for field in fields(Notification))


def delivery_row(delivery: Delivery) -> Row:
    """Return a delivery's row."""
    return (
        text(delivery.id),
        delivery.number,
        text(delivery.channel),
        text(delivery.key),
        to_micros(delivery.created_at),
        delivery.state.value,
        delivery.attempts,
        to_micros(delivery.due_at),
        text(delivery.claimed_by),
        to_micros_or_none(delivery.claimed_at),
        text(delivery.error),
        to_micros_or_none(delivery.ended_at),
        dump_notification(delivery.notification),
    )


def dump_notification(notification: Notification) -> str:
    """Return a notification as JSON text, the same one in every process: a set has an order of its own in each."""
    said = {name: getattr(notification, name) for name in _IN_NOTIFICATION}
    return dump({**said, "fresh": sorted(notification.fresh)})


def delivery(row: Row) -> Delivery:
    """Return the delivery of a row."""
    return Delivery(
        id=row[0],
        number=row[1],
        channel=row[2],
        key=row[3],
        created_at=from_micros(row[4]),
        state=DeliveryState(row[5]),
        attempts=row[6],
        due_at=from_micros(row[7]),
        claimed_by=row[8],
        claimed_at=from_micros_or_none(row[9]),
        error=row[10],
        ended_at=from_micros_or_none(row[11]),
        notification=_NOTIFICATION.decode(row[12]),
    )
