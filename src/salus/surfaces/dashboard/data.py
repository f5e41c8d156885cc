"""Two answers for dashboards of others: everything at one glance, and how healing goes. Each is bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from heapq import nsmallest

from salus.model import CheckReport, Json, Outcome, RecoveryRecord, Status
from salus.ports import AlertDesk, Clock, EventQuery, Past, RecoveryQuery, View
from salus.ports.history import IncidentQuery, Incidents
from salus.surfaces import wire, wire_alerts, wire_incidents
from salus.surfaces.access.audit import readable
from salus.surfaces.access.caller import Caller

MOST_CHECKS = 50
MOST_SERVICES = 200
MOST_RUNNING = 20
MOST_INCIDENTS = 20
MOST_EVENTS = 50
MOST_RECOVERIES = 50
MOST_COUNTED = 500
DAY = timedelta(days=1)

_WORST_FIRST = {Status.UNHEALTHY: 0, Status.DEGRADED: 1, Status.UNKNOWN: 2, Status.HEALTHY: 3}


async def at_a_glance(
    *, caller: Caller, view: View, desk: AlertDesk, past: Past, incidents: Incidents, clock: Clock
) -> dict[str, Json]:
    """Tell everything a dashboard needs: how it is, what needs attention, what is being done, what happened.

    What people asked for is among that for those who may read the audit.

    Raises:
        StoreError: the ledger cannot be read.
    """
    reports, services = view.checks(), view.services()
    statuses = Counter(report.state.status.value for report in reports)
    states = Counter(one.state.value for one in services)
    bad = nsmallest(MOST_CHECKS, filter(_wants_attention, reports), key=_urgency)
    going_on = await incidents.incidents(IncidentQuery(open=True, limit=MOST_INCIDENTS))
    events = await past.events(EventQuery(kinds=readable(caller), limit=MOST_EVENTS))
    policy = view.policy()
    return {
        "timestamp": wire.instant(clock.now()),
        "agent": wire.agent(view.agent(), clock.now()),
        "overall": wire.overall(view.overall()),
        "checks": {"total": len(reports), **{status.value: statuses[status.value] for status in Status}},
        "attention": [wire.check(report) for report in bad],
        "recoveries": _running(view),
        "services": {
            "total": len(services),
            "states": dict(states),
            "items": [wire.service(one) for one in services[:MOST_SERVICES]],
        },
        "alerts": wire_alerts.at_a_glance(desk),
        "incidents": [wire_incidents.incident(one) for one in going_on],
        "paused": wire.pause(policy.pause) if policy.pause else None,
        "maintenance": [wire.maintenance(window) for window in policy.maintenance[:MOST_SERVICES]],
        "events": [wire.event(event) for event in events],
    }


async def recovery(*, view: View, past: Past, clock: Clock) -> dict[str, Json]:
    """Tell the recoveries that run, the last ones that ended, and how many of the newest of the last day succeeded.

    Raises:
        StoreError: the ledger cannot be read.
    """
    now = clock.now()
    found = await past.recoveries(RecoveryQuery(since=now - DAY, limit=MOST_COUNTED))
    ended = [record for record in found if record.outcome is not None]
    if not ended:  # a quiet day: what was before it is of more use than nothing
        latest = await past.recoveries(RecoveryQuery(limit=MOST_RECOVERIES))
        newest = [record for record in latest if record.outcome is not None]
    else:
        newest = ended[:MOST_RECOVERIES]
    return {
        "timestamp": wire.instant(now),
        "running": _running(view),
        "latest": [wire.recovery(record) for record in newest],
        "since": wire.instant(now - DAY),
        "complete": len(found) < MOST_COUNTED,
        **_rate(ended),
    }


def _rate(ended: Iterable[RecoveryRecord]) -> dict[str, Json]:
    """Count as ``salus stats`` does: what was called off before anything was done is no attempt."""
    from salus.stats import counts

    outcomes = Counter(record.outcome for record in ended if counts(record))
    attempts = outcomes.total()
    return {
        "attempts": attempts,
        "outcomes": {outcome.value: outcomes[outcome] for outcome in Outcome if outcomes[outcome]},
        "success_rate": outcomes[Outcome.RECOVERED] / attempts if attempts else None,
    }


def _running(view: View) -> list[Json]:
    running = sorted(view.recoveries(), key=lambda record: record.started_at, reverse=True)
    return [wire.recovery(record) for record in running[:MOST_RUNNING]]


def _wants_attention(report: CheckReport) -> bool:
    return report.state.status is not Status.HEALTHY and report.paused is None


def _urgency(report: CheckReport) -> tuple[int, bool, str]:
    return _WORST_FIRST[report.state.status], not report.spec.critical, report.spec.name
