"""Incidents."""

from __future__ import annotations

from salus.model import Outcome, Status
from salus.surfaces.api.answers.base import Answer, Instant, Seconds
from salus.surfaces.api.answers.healing import Recovery
from salus.surfaces.api.answers.telling import Event


class Incident(Answer, frozen=True, kw_only=True):
    """Trouble that belongs together: checks that were bad at the same time and hang together."""

    id: str
    title: str
    started_at: Instant
    ended_at: Instant | None
    open: bool
    status: Status
    checks: list[str]
    failing: list[str]
    root: str
    services: list[str]
    recoveries: list[str]
    outcome: Outcome | None
    detected: Seconds | None


class IncidentStory(Incident, frozen=True, kw_only=True):
    """An incident with what happened in it, the oldest first, and its recoveries with their steps."""

    timeline: list[Event]
    attempts: list[Recovery]
