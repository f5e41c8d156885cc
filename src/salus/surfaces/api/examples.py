"""An example of every answer: one small shop, whose web server answered 500 and was restarted."""

from __future__ import annotations

from typing import Any, TypeAlias

Told: TypeAlias = dict[str, Any]

_BAD = "2026-03-01T11:59:54Z"
_NOW = "2026-03-01T12:00:00Z"
_LATER = "2026-03-01T14:00:00Z"
_WRONG = "expected status 200, got 500"

_MEMBERS: Told = {"checks": [], "tags": [], "services": ["web"], "everything": False}
_PAUSE: Told = {"since": _NOW, "until": _LATER, "reason": "moving house", "by": "olaf"}
_MAINTENANCE: Told = {
    "name": "deploy",
    "since": _NOW,
    "until": _LATER,
    "members": _MEMBERS,
    "reason": "deploy 42",
    "by": "olaf",
}
_LOOK: Told = {
    "status": "healthy",
    "message": "200 OK",
    "at": _NOW,
    "duration": 0.012,
    "metrics": {"response_time": {"value": 0.011, "unit": "seconds"}},
    "metadata": {},
}
_CHECK: Told = {
    "name": "web",
    "kind": "http",
    "status": "unhealthy",
    "since": _BAD,
    "message": _WRONG,
    "last_checked": _NOW,
    "duration": 0.012,
    "critical": True,
    "liveness": False,
    "healing": True,
    "paused": None,
    "flapping": False,
    "failing_since": _BAD,
    "consecutive_failures": 3,
    "consecutive_successes": 0,
    "recent": "hhhhuuu",
    "interval": 10.0,
    "timeout": 5.0,
    "service": "web",
    "depends_on": ["db"],
    "tags": ["shop"],
    "description": "the shop's front page",
    "metrics": {},
    "metadata": {},
}
_APPROVAL: Told = {
    "id": "ab12",
    "answer": "approved",
    "asked_at": _BAD,
    "expires_at": _LATER,
    "answered_at": _NOW,
    "by": "olaf",
    "note": "looks right",
}
_RULE: Told = {
    "name": "web",
    "check": "web",
    "enabled": True,
    "mode": "auto",
    "mode_configured": "approve",
    "mode_override": {"mode": "auto", "since": _BAD, "by": "olaf"},
    "trigger_on": "unhealthy",
    "when": None,
    "min_failure_count": 3,
    "failure_window": 0,
    "ladders": [["capture_evidence", "restart_service"]],
    "next_ladder": 1,
    "on_exhausted": [],
    "attempts": 1,
    "max_recovery_attempts": 3,
    "cooldown_period": 60.0,
    "cooldown_multiplier": 1.0,
    "cooldown_max": 3600.0,
    "cooldown_until": _LATER,
    "exhausted_since": None,
    "half_open_tries": 0,
    "half_open_at": None,
    "last_started": _BAD,
    "last_finished": _NOW,
    "last_outcome": "recovered",
    "recurrence": {"threshold": 3, "window": 3600.0, "recoveries": 1, "since": None, "escalations": 0},
    "approval": None,
    "last_refusal": {"reason": "cooling_down", "detail": "the last attempt ended 18 s ago", "until": _LATER},
}
_RECOVERY: Told = {
    "id": "5f0c1a2b3d4e5f60",
    "rule": "web",
    "check": "web",
    "targets": ["service:web"],
    "attempt": 1,
    "trigger": _WRONG,
    "failing_since": _BAD,
    "decided_at": _BAD,
    "started_at": _BAD,
    "finished_at": _NOW,
    "outcome": "recovered",
    "message": "healthy after restart_service",
    "initiation": 0.002,
    "duration": 1.94,
    "ladder": 1,
    "half_open": False,
    "manual": False,
    "approved_by": "",
    "needless": False,
    "steps": [
        {
            "position": 1,
            "action": "restart_service",
            "result": "ok",
            "message": "web restarted, pid 778",
            "started_at": _BAD,
            "duration": 0.34,
            "verified": True,
            "evidence": {},
        }
    ],
    "evidence": {"last_output": ["MemoryError"]},
    "current": None,
}
_RUNNING: Told = {
    **_RECOVERY,
    "finished_at": None,
    "outcome": None,
    "message": "",
    "duration": None,
    "steps": [],
    "evidence": {},
    "current": {
        "phase": "acting",
        "action": "restart_service",
        "position": 1,
        "since": _BAD,
        "until": _NOW,
    },
}
_EXPLAINED: Told = {
    "check": _CHECK,
    "rules": [
        {
            "verdict": "web will not act: cooling down for 42 s more",
            "stand": "held",
            "reason": "cooling_down",
            "until": _LATER,
            "remedy": "salus heal web",
            "rule": _RULE,
            "stages": [
                {
                    "stage": "cooling_down",
                    "question": "Is the cooldown of the last attempt over?",
                    "passes": False,
                    "detail": "the last attempt ended 18 s ago",
                    "until": _LATER,
                }
            ],
            "running": None,
        }
    ],
}
_SERVICE: Told = {
    "name": "web",
    "kind": "process",
    "state": "running",
    "wanted": True,
    "since": _NOW,
    "pid": 778,
    "starts": 2,
    "message": "",
}
_WHOLE: Told = {
    "agent": {
        "version": "0.1.0",
        "hostname": "shop-1",
        "name": "shop",
        "pid": 4242,
        "started_at": _BAD,
        "uptime": 11520.0,
        "environment": "production",
        "healing_off": "",
        "problems": [],
    },
    "overall": {
        "status": "unhealthy",
        "message": "1 of 3 checks needs attention: web",
        "ready": False,
        "live": True,
        "started": True,
        "culprits": ["web"],
        "paused": 0,
    },
    "checks": {"healthy": 2, "degraded": 0, "unhealthy": 1, "unknown": 0},
    "services": {"running": 1},
    "recoveries": 1,
    "paused": False,
}
_POLICY: Told = {
    "mode": "auto",
    "pause": _PAUSE,
    "checks_paused": [{"check": "disk", **_PAUSE}],
    "maintenance": [_MAINTENANCE],
    "brakes": [],
    "circuits": [],
    "causes": [],
    "overload": "",
    "rivals": [],
    "disabled": [],
    "refusals": {"web": {"cooling_down": 2}},
}
_STATISTICS: Told = {
    "since": _BAD,
    "until": _NOW,
    "total": {"attempts": 1},
    "rules": [],
    "actions": [],
    "complete": True,
}
_TIMES: Told = {
    "availability": 0.9999,
    "healthy": 86391.4,
    "degraded": 0.0,
    "unhealthy": 8.6,
    "unknown": 0.0,
}
_POINT: Told = {"at": _BAD, "looks": 12, "low": 0.009, "mean": 0.012, "high": 0.031, "status": "healthy"}
_SERIES: Told = {
    "check": "web",
    "metric": "duration",
    "unit": "seconds",
    "since": _BAD,
    "until": _NOW,
    "metrics": ["duration", "response_time"],
    "points": [_POINT],
}
_WINDOWS: Told = {"day": _TIMES, "week": _TIMES, "month": _TIMES, "quarter": _TIMES}
_ALERT_ALONE: Told = {
    "id": "aa11bb22cc33dd44",
    "fingerprint": "0123456789abcdef",
    "state": "firing",
    "level": "critical",
    "rule": "down",
    "check": "web",
    "component": "web",
    "labels": {"alertname": "down", "check": "web", "component": "web", "level": "critical"},
    "summary": f"web is unhealthy: {_WRONG}",
    "detail": "",
    "runbook": "https://wiki.example.org/web",
    "first_seen": _BAD,
    "last_seen": _NOW,
    "fired_at": _BAD,
    "count": 3,
    "resolved_at": None,
    "resolution": "",
    "acknowledged_at": None,
    "acknowledged_by": "",
    "note": "",
    "flapping": False,
    "dismissed": False,
    "moment": False,
    "told": {"ops": {"state": "firing", "at": _NOW, "count": 1, "flapping": False}},
}
_HEARER: Told = {
    "channel": "ops",
    "route": 1,
    "why": "everything",
    "after": 0.0,
    "enabled": True,
    "failing_since": None,
    "hush": {"reason": "silenced", "detail": "silence 1f2e3d4c by olaf", "until": _LATER},
}
_ALERT: Told = {**_ALERT_ALONE, "audience": [_HEARER]}
_DEED: Told = {
    "at": _BAD,
    "recovery": "5f0c1a2b3d4e5f60",
    "attempt": 1,
    "action": "restart_service",
    "result": "ok",
    "duration": 0.34,
    "message": "web restarted, pid 778",
    "verified": False,
}
_SILENCE: Told = {
    "id": "1f2e3d4c",
    "match": 'check="web"',
    "since": _NOW,
    "until": _LATER,
    "by": "olaf",
    "comment": "moving house",
}
_CHANNEL: Told = {
    "name": "ops",
    "kind": "webhook",
    "enabled": True,
    "send_resolved": True,
    "waiting": 0,
    "sent": 7,
    "failed": 0,
    "dead": 0,
    "failing_since": None,
    "error": "",
    "held_until": None,
}
_DELIVERY: Told = {
    "id": "dd11000000000000",
    "channel": "ops",
    "occasion": "firing",
    "about": "web is unhealthy",
    "alerts": ["aa11bb22cc33dd44"],
    "state": "dead",
    "created_at": _BAD,
    "attempts": 4,
    "due_at": _NOW,
    "ended_at": _NOW,
    "error": "it answered 410",
}
_EVENT: Told = {
    "id": 1772366400000000,
    "at": _NOW,
    "kind": "request_done",
    "message": "deploy: POST /api/v1/services/web/restart: 200",
    "reason": "200",
    "data": {"by": "deploy", "request": "POST /api/v1/services/web/restart", "code": 200, "role": "operator"},
}
_TURNED: Told = {
    "id": 1772366394000000,
    "at": _BAD,
    "kind": "status_changed",
    "message": _WRONG,
    "check": "web",
    "service": "web",
    "old": "healthy",
    "new": "unhealthy",
    "data": {"detected": 1.52},
}
_INCIDENT: Told = {
    "id": "64bf5339d0a80",
    "title": "2 checks are failing, db first",
    "started_at": _BAD,
    "ended_at": None,
    "open": True,
    "status": "unhealthy",
    "checks": ["web", "db"],
    "failing": ["web", "db"],
    "root": "db",
    "services": ["web", "db"],
    "recoveries": ["5f0c1a2b3d4e5f60"],
    "outcome": "recovered",
    "detected": 1.52,
}
_SYSTEM: Told = {
    "cpu": {"seconds": 12.5, "cores": 2, "load": [0.1, 0.2, 0.3]},
    "memory": {"resident": 44040192, "host_total": 8589934592, "host_available": 4294967296},
    "disk": {"total": 107374182400, "free": 53687091200},
    "files": 24,
    "threads": 3,
    "tasks": 9,
    "gc": {"collections": [80, 7, 0], "waiting": [120, 3, 1]},
    "loop_lag": 0.0003,
    "uptime": 11520.0,
}
_CONFIG: Told = {
    "files": ["salus.yaml"],
    "salus": {"host": "127.0.0.1", "port": 8787},
    "services": [{"name": "web", "kind": "process", "depends_on": []}],
    "checks": [{"name": "web", "kind": "http", "service": "web", "interval": 10.0, "depends_on": [], "tags": []}],
    "rules": [{"name": "web", "check": "web", "ladders": [["restart_service"]]}],
    "channels": [{"name": "ops", "kind": "webhook"}],
    "alert_rules": ["down"],
    "maintenance": [],
    "warnings": [],
}
_ANNOUNCEMENT: Told = {
    "id": "a1b2c3d4e5f6",
    "title": "We move to new servers",
    "impact": "maintenance",
    "components": ["Website"],
    "since": _BAD,
    "resolved_at": None,
    "notes": [{"at": _NOW, "text": "Half of it is done", "by": "olaf"}],
    "by": "olaf",
}
_TOKEN: Told = {
    "id": "1f2e3d4c",
    "name": "grafana",
    "role": "viewer",
    "created_at": _NOW,
    "expires_at": _LATER,
    "used_at": None,
    "by": "olaf",
}

_EXAMPLES: dict[str, Told] = {
    "Said": {"message": "automatic recovery goes on"},
    "Retried": {"id": "dd11000000000000", "message": "notification dd11000000000000 is tried again"},
    "Whole": _WHOLE,
    "Policy": _POLICY,
    "Check": _CHECK,
    "Look": _LOOK,
    "Series": _SERIES,
    "Days": {"check": "web", "days": [{**_TIMES, "date": "2026-03-01", "looks": 2880}]},
    "AvailabilityPage": {
        "items": [{"name": "web", "status": "healthy", **_WINDOWS}],
        "next": None,
        "total": 1,
        "whole": _WINDOWS,
    },
    "Explained": _EXPLAINED,
    "Rule": _RULE,
    "Recovery": _RECOVERY,
    "RecoveryBegun": _RUNNING,
    "Statistics": _STATISTICS,
    "Approval": _APPROVAL,
    "Service": _SERVICE,
    "Output": {"service": "web", "lines": ["listening on :8080"]},
    "Pause": _PAUSE,
    "Maintenance": _MAINTENANCE,
    "Alert": _ALERT,
    "AlertAlone": _ALERT_ALONE,
    "AlertStory": {**_ALERT, "deeds": [_DEED], "story": ["restart_service: ok, still unhealthy"]},
    "Silence": _SILENCE,
    "SilenceMade": {**_SILENCE, "alerts": 1},
    "Channel": _CHANNEL,
    "Delivery": _DELIVERY,
    "Announcement": _ANNOUNCEMENT,
    "Event": _EVENT,
    "Incident": _INCIDENT,
    "IncidentStory": {**_INCIDENT, "timeline": [_TURNED], "attempts": [_RECOVERY]},
    "System": _SYSTEM,
    "Config": _CONFIG,
    "Token": _TOKEN,
    "TokenMade": {**_TOKEN, "token": "salus_1f2e3d4c_..."},
    "Session": {"name": "grafana", "role": "viewer", "expires_at": _LATER, "csrf": None},
}


def example(name: str) -> Told:
    """Return an example of the answer of that name."""
    return _EXAMPLES[name]
