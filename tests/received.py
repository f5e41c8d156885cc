"""Alerts of others, as a test makes them up."""

from __future__ import annotations

from datetime import datetime, timedelta

from salus.ports import ReceivedAlert
from tests.looks import NOON


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def alert(
    name: str = "HighLatency",
    when: float = 0.0,
    lasts: float = 240.0,
    source: str = "api",
    *,
    began: float | None = None,
    **labels: str,
) -> ReceivedAlert:
    """Make an alert as it is told at ``when``: it fires for another ``lasts`` seconds, or has ended (0)."""
    return ReceivedAlert(
        labels={"alertname": name, **labels},
        starts_at=at(when if began is None else began),
        ends_at=at(when + lasts),
        updated_at=at(when),
        source=source,
        resolved=lasts <= 0,
    )
