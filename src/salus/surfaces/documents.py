"""What the health endpoints say: one set of facts, written as JSON, as ``application/health+json`` or as text.

Formats: ``/health`` as in the reference; ``application/health+json`` after draft-inadarei-api-health-check-06; the
lines of ``?verbose`` as Kubernetes' API server prints them.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from salus.model import AgentInfo, CheckReport, Json, Overall, Status
from salus.surfaces import wire
from salus.surfaces.http import HEALTH_JSON, JSON, TEXT, Response

SYSTEM_KINDS = frozenset({"cpu", "directory", "disk", "file", "filesystem", "load", "memory", "swap", "tools"})
_DRAFT = {Status.HEALTHY: "pass", Status.DEGRADED: "warn", Status.UNHEALTHY: "fail", Status.UNKNOWN: "warn"}
_MARKS = {Status.HEALTHY: "[+]", Status.DEGRADED: "[!]", Status.UNHEALTHY: "[-]", Status.UNKNOWN: "[?]"}
_WORDS = {Status.HEALTHY: "ok", Status.DEGRADED: "degraded", Status.UNHEALTHY: "failed", Status.UNKNOWN: "unknown"}
_UNITS = {"seconds": "s", "bytes": "B", "ratio": "1", "celsius": "Cel"}


class Probe(StrEnum):
    """The four questions."""

    HEALTH = "health"
    READY = "readyz"
    LIVE = "livez"
    STARTED = "startupz"


class Details(StrEnum):
    """How much an answer gives away: the bare status; also which checks failed; everything."""

    NONE = "none"
    NAMES = "names"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is so at one instant, as far as one request is concerned.

    Attributes:
        probe: the question.
        now: the instant.
        agent: who is speaking.
        overall: all checks that were not left out, in one word.
        checks: the checks behind the answer.
        excluded: names that were left out.
        details: how much may be told.
    """

    probe: Probe
    now: datetime
    agent: AgentInfo
    overall: Overall
    checks: Sequence[CheckReport]
    excluded: frozenset[str]
    details: Details

    @property
    def status(self) -> Status:
        """Return the answer to the question in one word."""
        whole = self.overall
        if self.probe is Probe.HEALTH:
            return whole.status
        yes = {Probe.READY: whole.ready, Probe.LIVE: whole.live, Probe.STARTED: whole.started}[self.probe]
        if not yes:
            return Status.UNHEALTHY
        degraded = self.probe is Probe.READY and whole.status is Status.DEGRADED
        return Status.DEGRADED if degraded else Status.HEALTHY


def code_of(status: Status) -> int:
    """Return 200 for healthy and degraded, 503 for the rest (never 500: trackers read that as a crash)."""
    return 200 if status in (Status.HEALTHY, Status.DEGRADED) else 503


def render(facts: Facts, media: str, *, verbose: bool) -> Response:
    """Write the answer to one of the four questions."""
    status = facts.status
    if media == TEXT:
        body = ("\n".join(_lines(facts)) if verbose else str(status)) + "\n"
        return Response(code_of(status), media, body.encode())
    if facts.details is not Details.ALL:
        return Response(code_of(status), media, _bare(status, media))
    document = _draft_document(facts) if media == HEALTH_JSON else _document(facts)
    return Response(code_of(status), media, wire.encode(document) + b"\n")


def render_status(status: Status, media: str) -> Response:
    """Write one word that nothing stands behind."""
    return Response(code_of(status), media, f"{status}\n".encode() if media == TEXT else _bare(status, media))


def render_check(report: CheckReport, media: str, details: Details, *, verbose: bool) -> Response:
    """Write the answer about one check."""
    status = report.state.status
    if media == TEXT:
        text = _line(report, details) if verbose else str(status)
        return Response(code_of(status), media, text.encode() + b"\n")
    if details is not Details.ALL:
        return Response(code_of(status), media, _bare(status, media))
    if media == HEALTH_JSON:
        document = {"status": _draft_whole(status), "checks": _draft_checks(report)}
        return Response(code_of(status), media, wire.encode(document) + b"\n")
    return Response(
        code_of(status),
        media,
        wire.encode({**wire.check(report), **_entry(report)}) + b"\n",
    )


# ── application/json ──────────────────────────────────────────────────────────────────────────────────────────────────


def _bare(status: Status, media: str) -> bytes:
    return wire.encode({"status": _draft_whole(status) if media == HEALTH_JSON else status}) + b"\n"


def _document(facts: Facts) -> dict[str, Json]:
    checks: Json = {report.spec.name: _entry(report) for report in facts.checks}
    if facts.probe is not Probe.HEALTH:
        return {"status": facts.status, "timestamp": wire.instant(facts.now), "checks": checks}
    agent, system = facts.agent, os.uname()
    return {
        "status": facts.status,
        "timestamp": wire.instant(facts.now),
        "version": agent.version,
        "uptime": max(0.0, (facts.now - agent.started_at).total_seconds()),
        "checks": checks,
        "summary": _summary(facts.checks),
        "system_info": {
            "hostname": agent.hostname,
            "platform": f"{system.sysname}-{system.release}-{system.machine}",
            "python_version": platform.python_version(),
            "start_time": wire.instant(agent.started_at),
            "pid": agent.pid,
        },
        "environment": agent.environment,
    }


def _entry(report: CheckReport) -> dict[str, Json]:
    spec, last = report.spec, report.state.last
    return {
        "name": spec.name,
        "status": report.state.status,
        "message": last.message if last else "has not been looked at yet",
        "last_checked": wire.instant(last.at) if last else None,
        "duration": last.duration if last else None,
        "metadata": dict(last.metadata) if last else {},
        "critical": spec.critical,
        **({"paused": wire.pause(report.paused)} if report.paused else {}),
    }


def _summary(checks: Sequence[CheckReport]) -> dict[str, Json]:
    counts = dict.fromkeys(Status, 0)
    for report in checks:
        counts[report.state.status] += 1
    return {
        "total": len(checks),
        "healthy": counts[Status.HEALTHY],
        "unhealthy": counts[Status.UNHEALTHY],
        "degraded": counts[Status.DEGRADED],
        "unknown": counts[Status.UNKNOWN],
        "critical": sum(report.spec.critical for report in checks),
    }


# ── application/health+json ───────────────────────────────────────────────────────────────────────────────────────────


def _draft_whole(status: Status) -> str:
    # The draft ties "warn" to a 2xx code; an unknown whole is answered with 503.
    return "fail" if code_of(status) == 503 else _DRAFT[status]


def _draft_document(facts: Facts) -> dict[str, Json]:
    checks: dict[str, Json] = {}
    for report in facts.checks:
        checks.update(_draft_checks(report))
    document: dict[str, Json] = {
        "status": _draft_whole(facts.status),
        "version": facts.agent.version.partition(".")[0],
        "releaseId": facts.agent.version,
        "serviceId": f"{facts.agent.hostname}:{facts.agent.pid}",
        "description": f"health of {facts.agent.hostname}",
        "checks": checks,
    }
    if facts.status is not Status.HEALTHY:
        document["output"] = facts.overall.message
    return document


def _draft_checks(report: CheckReport) -> dict[str, Json]:
    spec, state = report.spec, report.state
    base: dict[str, Json] = {
        "componentId": spec.name,
        "componentType": "system" if spec.kind in SYSTEM_KINDS else "component",
        "status": _DRAFT[state.status],
    }
    if state.last is None:
        return {f"{spec.name}:responseTime": [{**base, "output": "has not been looked at yet"}]}
    base["time"] = wire.instant(state.last.at)
    if state.status is not Status.HEALTHY:
        base["output"] = state.last.message
    found: dict[str, Json] = {
        f"{spec.name}:responseTime": [{**base, "observedValue": state.last.duration, "observedUnit": "s"}]
    }
    for name, metric in state.last.metrics.items():
        seen: dict[str, Json] = {**base, "observedValue": metric.value}
        if metric.unit:
            seen["observedUnit"] = _UNITS.get(metric.unit, metric.unit)
        # The draft has one colon in a key; functions of a program name their numbers as they like.
        found[f"{spec.name}:{name.replace(':', '_') or '_'}"] = [seen]
    return found


# ── text/plain ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(facts: Facts) -> list[str]:
    status = facts.status
    if facts.details is Details.NONE:
        lines = ["checks withheld (show_details: never)"]
    else:
        lines = [_line(report, facts.details) for report in facts.checks]
        lines += [f"[ ]{name} excluded" for name in sorted(facts.excluded)]
    passed = "passed" if code_of(status) == 200 else "failed"
    return [*lines, f"{facts.probe} check {passed}" + (": degraded" if status is Status.DEGRADED else "")]


def _line(report: CheckReport, details: Details) -> str:
    status, last = report.state.status, report.state.last
    if report.paused is not None:
        why = last.message if last and details is Details.ALL else ""
        return f"[ ]{report.spec.name} {' '.join(why.split()) or 'paused'}"
    head = f"{_MARKS[status]}{report.spec.name} {_WORDS[status]}"
    if status is not Status.HEALTHY:
        reason = last.message if last else "has not been looked at yet"
        head += f": {' '.join(reason.split())}" if details is Details.ALL else ": reason withheld"
    return f"{head} (healing)" if report.healing else head


OFFERS = (JSON, HEALTH_JSON, TEXT)
VERBOSE_OFFERS = (TEXT, JSON, HEALTH_JSON)
