"""A desk of alerts that says what a test wants it to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from salus.errors import DeliveryError, NotFoundError
from salus.model import (
    Alert,
    AlertState,
    ChannelReport,
    ChannelSpec,
    Deed,
    Delivery,
    DeliveryState,
    Hush,
    Level,
    Matchers,
    Notification,
    Occasion,
    Silence,
    Suppression,
    Told,
)
from salus.ports import Audience
from tests.fake_agent import NOW

SECRET = "s3cr3t-do-not-tell"


def ago(seconds: float) -> Any:
    return NOW - timedelta(seconds=seconds)


WEB_DOWN = Alert(
    id="aa11bb22cc33dd44",
    fingerprint="0123456789abcdef",
    labels={"alertname": "down", "check": "web", "component": "shop", "level": "critical"},
    rule="down",
    level=Level.CRITICAL,
    state=AlertState.FIRING,
    check="web",
    summary="web is unhealthy: expected status 200, got 500",
    detail="expected status 200, got 500",
    runbook="https://wiki.example.org/web",
    first_seen=ago(300),
    last_seen=NOW,
    fired_at=ago(240),
    deeds=(
        Deed(
            at=ago(200),
            recovery="r1",
            action="restart_service",
            result="ok",
            duration=1.5,
            message="web restarted",
            verified=False,
        ),
    ),
    told={
        "ops": Told(state=AlertState.FIRING, key="k", at=ago(230), count=2),
        "log": Told(state=AlertState.FIRING, key="k", at=ago(230)),
    },
)
DISK_LOW = replace(
    WEB_DOWN,
    id="aa99000000000000",
    fingerprint="fedcba9876543210",
    labels={"alertname": "low", "check": "disk", "component": "disk", "level": "warning"},
    rule="low",
    level=Level.WARNING,
    check="disk",
    summary="disk: free_ratio is 0.1",
    detail="",
    runbook="",
    deeds=(),
    told={},
)
WAITS = replace(DISK_LOW, id="bb00000000000000", fingerprint="0000", state=AlertState.PENDING, fired_at=None)

QUIET = Hush(reason=Suppression.SILENCED, detail="silence s1 by olaf: moving house", until=NOW + timedelta(minutes=90))

OPS = ChannelReport(
    spec=ChannelSpec(name="ops", kind="webhook", options={"url": f"https://x/{SECRET}"}),
    waiting=2,
    failed=3,
    failing_since=ago(60),
    error="no answer within 15 s",
    held_until=NOW + timedelta(seconds=8),
)
LOG = ChannelReport(spec=ChannelSpec(name="log", kind="log"), sent=7)
OLD = ChannelReport(spec=ChannelSpec(name="old", kind="file", enabled=False))

DEAD = Delivery(
    id="dd11000000000000",
    channel="ops",
    key="k",
    number=1,
    notification=Notification(
        id="dd11000000000000",
        channel="ops",
        key="k",
        occasion=Occasion.FIRING,
        state=AlertState.FIRING,
        at=ago(200),
        alerts=(WEB_DOWN,),
    ),
    created_at=ago(200),
    state=DeliveryState.DEAD,
    attempts=4,
    due_at=ago(200),
    error="it answered 410",
    ended_at=ago(100),
)


@dataclass
class FakeDesk:
    """Shows lists, and writes down what was asked; ``error`` is what every change raises."""

    alerts: list[Alert] = field(default_factory=lambda: [WEB_DOWN, DISK_LOW, WAITS])
    silence_list: list[Silence] = field(default_factory=list)
    channel_list: list[ChannelReport] = field(default_factory=lambda: [LOG, OLD, OPS])
    dead: list[Delivery] = field(default_factory=lambda: [DEAD])
    asked: list[tuple[str, str]] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None

    def active(self) -> Sequence[Alert]:
        return self.alerts

    def audiences(self, alert: Alert) -> Sequence[Audience]:
        return self.routed(alert.labels)

    def routed(self, labels: Mapping[str, str]) -> Sequence[Audience]:
        if labels.get("level") == "info":
            return []
        hush = QUIET if labels.get("check") == "disk" else None
        heard = [Audience(channel=name, route=2, why="everything", hush=hush) for name in ("log", "old")]
        if labels.get("level") == "critical":
            why = 'level="critical"'
            heard.insert(0, Audience(channel="ops", route=1, why=why))
            heard.append(Audience(channel="phone", route=1, why=f"{why}, not acknowledged within 15m", after=900))
        return heard

    def _take(self, what: str, name: str, **said: Any) -> None:
        self.asked.append((what, name))
        self.said = said
        if self.error:
            raise self.error

    async def acknowledge(self, alert: str, *, by: str = "", note: str = "") -> Alert:
        self._take("acknowledge", alert, by=by, note=note)
        return replace(WEB_DOWN, state=AlertState.ACKNOWLEDGED, acknowledged_at=NOW, acknowledged_by=by, note=note)

    async def resolve(self, alert: str, *, by: str = "", note: str = "") -> Alert:
        self._take("resolve", alert, by=by, note=note)
        how = f"resolved by {by}: {note}"
        return replace(WEB_DOWN, state=AlertState.RESOLVED, resolved_at=NOW, resolution=how, dismissed=True)

    def silences(self) -> Sequence[Silence]:
        return self.silence_list

    async def silence(self, match: Matchers, seconds: float, *, by: str = "", comment: str = "") -> Silence:
        self._take("silence", "", match=match, seconds=seconds, by=by, comment=comment)
        made = Silence(id="s1", match=match, since=NOW, until=NOW + timedelta(seconds=seconds), by=by, comment=comment)
        self.silence_list.append(made)
        return made

    async def expire_silence(self, silence: str, *, by: str = "") -> Silence:
        self._take("expire", silence, by=by)
        found = [one for one in self.silence_list if one.id == silence]
        if not found:
            raise NotFoundError(f"there is no silence {silence!r}", remedy="`salus silence list` shows them")
        self.silence_list.remove(found[0])
        return found[0]

    def channels(self) -> Sequence[ChannelReport]:
        return self.channel_list

    async def test_channel(self, channel: str, *, by: str = "") -> str:
        self._take("test", channel, by=by)
        if channel == "ops":
            raise DeliveryError("no answer within 15 s", remedy="is it running?")
        if channel not in {one.spec.name for one in self.channel_list}:
            raise NotFoundError(f"there is no channel {channel!r}", remedy="known are log, old, ops")
        return "written"

    async def dead_letters(self, limit: int = 100) -> Sequence[Delivery]:
        self.said = {"limit": limit}
        return self.dead[:limit]

    async def revive(self, delivery: str, *, by: str = "") -> None:
        self._take("revive", delivery, by=by)
        if delivery not in {one.id for one in self.dead}:
            raise NotFoundError(f"there is no dead letter {delivery!r}", remedy="`salus notify dead` lists them")
