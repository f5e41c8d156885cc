"""Letters as a courier would hand them to a channel: one of every sort that people get.

``python -m tests.letters`` writes anew how each of them reads. Look at the difference as somebody at 3 a.m. would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from salus.channels import _words as words
from salus.model import Alert, AlertState, Deed, Level, Notification, Occasion
from salus.ports import Letter

BEGAN = datetime(2026, 11, 23, 3, 2, 38, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


WEB = Alert(
    id="7f9c2ba4",
    fingerprint="3c0d5b1e9f2a7788",
    labels={"alertname": "web-down", "check": "web-http", "component": "web", "service": "web", "level": "critical"},
    rule="web-down",
    level=Level.CRITICAL,
    state=AlertState.FIRING,
    check="web-http",
    summary="web-http is unhealthy: expected status 2xx, got 503 Service Unavailable",
    detail="expected status 2xx, got 503 Service Unavailable",
    runbook="https://runbooks.example.org/web",
    first_seen=BEGAN,
    last_seen=after(60),
    fired_at=after(60),
)
FAILED_ATTEMPT = (
    Deed(
        at=after(71), recovery="r1", action="restart_service", result="failed", duration=10.0,
        message="web did not get ready within 10 s",
    ),
    Deed(at=after(73), recovery="r1", result="not_recovered", duration=12.4, verified=False),
)  # fmt: skip
HEALED_ATTEMPT = (
    Deed(
        at=after(104), recovery="r2", attempt=2, action="restart_service", result="ok", duration=0.209,
        message="restarted web (pid 4120 -> 4163)", verified=True,
    ),
    Deed(at=after(104), recovery="r2", attempt=2, result="recovered", duration=1.42, verified=True),
)  # fmt: skip
DISK = Alert(
    id="0a1b2c3d",
    fingerprint="aa0d5b1e9f2a7788",
    labels={"alertname": "disk-low", "check": "disk", "component": "host", "level": "warning"},
    rule="disk-low",
    level=Level.WARNING,
    state=AlertState.FIRING,
    check="disk",
    summary="disk is filling up",
    detail="expected free_ratio above 0.15, got 0.12",
    first_seen=BEGAN,
    last_seen=after(300),
    fired_at=after(300),
)


def letter(
    occasion: Occasion, *alerts: Alert, at: float = 60, late: float = 0.0, more: int = 0, digest: bool = False
) -> Letter:
    """Make a letter of the group ``component=web``, with news of all its alerts."""
    states = [alert.state for alert in alerts]
    whole = next((s for s in (AlertState.FIRING, AlertState.ACKNOWLEDGED) if s in states), AlertState.RESOLVED)
    told = Notification(
        id="01JDCB5V7Q4W",
        channel="ops",
        key="5d41402abc4b2a76",
        occasion=occasion,
        state=whole if alerts else AlertState.FIRING,
        at=after(at),
        group={} if digest or not alerts else {"component": "web"},
        alerts=alerts,
        fresh=frozenset(alert.fingerprint for alert in alerts),
        more=more,
        digest=digest,
        environment="production",
        host="web-1",
        link="https://salus.example.org",
    )
    return Letter(notification=told, late=late)


def firing() -> Letter:
    return letter(Occasion.FIRING, WEB)


def acknowledged() -> Letter:
    alert = replace(
        WEB, state=AlertState.ACKNOWLEDGED, deeds=FAILED_ATTEMPT, acknowledged_at=after(400), acknowledged_by="anna",
        note="the database is being moved",
    )  # fmt: skip
    return letter(Occasion.ACKNOWLEDGED, alert, at=402)


def reminder() -> Letter:
    return letter(Occasion.REMINDER, replace(DISK, last_seen=after(14400)), at=14700)


def escalated() -> Letter:
    return letter(Occasion.ESCALATED, replace(WEB, deeds=FAILED_ATTEMPT), at=960)


def flapping() -> Letter:
    alert = replace(WEB, level=Level.WARNING, flapping=True, count=5, deeds=HEALED_ATTEMPT)
    return letter(Occasion.FLAPPING, alert, at=2400)


def healed() -> Letter:
    alert = replace(
        WEB, state=AlertState.RESOLVED, last_seen=after(103), resolved_at=after(104),
        resolution="healed by restart_service at the second attempt, and verified",
        deeds=FAILED_ATTEMPT + HEALED_ATTEMPT,
    )  # fmt: skip
    return letter(Occasion.RESOLVED, alert, at=114)


def exhausted() -> Letter:
    alert = replace(
        WEB,
        labels={**WEB.labels, "alertname": "gave-up"},
        rule="gave-up",
        summary="web-down gave up after 3 attempts; one more try at 2026-11-23 03:34:10 UTC",
        deeds=tuple(
            replace(deed, at=deed.at + timedelta(seconds=30 * number), recovery=f"r{number}", attempt=number + 1)
            for number in range(3)
            for deed in FAILED_ATTEMPT
        ),
    )
    return letter(Occasion.FIRING, alert, at=140)


def event() -> Letter:
    alert = replace(
        WEB, level=Level.INFO, state=AlertState.RESOLVED, moment=True, rule="healed", detail="", runbook="",
        first_seen=after(104), last_seen=after(104), fired_at=after(104), resolved_at=after(104),
        summary="web-http was healed by restart_service in 1.42 s", deeds=HEALED_ATTEMPT,
    )  # fmt: skip
    return letter(Occasion.RESOLVED, alert, at=105)


def group() -> Letter:
    others = [
        replace(
            WEB, id=f"{number}", fingerprint=f"{number:016x}", check=name, detail=detail,
            summary=f"{name} is unhealthy", first_seen=after(-number * 30), labels={**WEB.labels, "check": name},
        )
        for number, (name, detail) in enumerate({"api-http": "refused the connection", "checkout": "timed out"}.items())
    ]  # fmt: skip
    ended = replace(
        WEB, id="9", fingerprint="9" * 16, check="web-tls", summary="the certificate of web expires in 3 days",
        state=AlertState.RESOLVED, first_seen=after(-86400), resolved_at=after(30),
    )  # fmt: skip
    made = letter(Occasion.FIRING, replace(WEB, deeds=FAILED_ATTEMPT), *others, ended, at=90)
    fresh = made.notification.fresh - {others[1].fingerprint}
    return replace(made, notification=replace(made.notification, fresh=fresh))


def digest() -> Letter:
    alerts = [
        replace(
            WEB, id=f"{number}", fingerprint=f"{number:016x}", check=f"shop-{number}", detail="refused the connection",
            summary=f"shop-{number} is unhealthy", first_seen=after(-number), labels={"alertname": "shop-down"},
        )
        for number in range(25)
    ]  # fmt: skip
    return letter(Occasion.FIRING, *alerts, more=9956, digest=True)


def late() -> Letter:
    return replace(firing(), late=600.0, attempt=9)


def trial() -> Letter:
    return letter(Occasion.TEST)


LETTERS: Mapping[str, Callable[[], Letter]] = {
    "firing": firing,
    "acknowledged": acknowledged,
    "reminder": reminder,
    "escalated": escalated,
    "flapping": flapping,
    "healed": healed,
    "exhausted": exhausted,
    "event": event,
    "group": group,
    "digest": digest,
    "late": late,
    "test": trial,
}

GOLDEN = Path(__file__).parent / "golden" / "notifications"


def as_read(made: Letter) -> str:
    """Return what a person would read."""
    return "\n".join([words.title(made), "", *words.lines(made), ""])


if __name__ == "__main__":
    for sort, make in LETTERS.items():
        (GOLDEN / f"{sort}.txt").write_text(as_read(make()), encoding="utf-8")
