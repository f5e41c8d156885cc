"""What people may see of alerts and ask of them: each request is checked, carried out, and told as an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from salus.alerts.compose import gravity
from salus.alerts.lookup import named
from salus.alerts.match import shortened
from salus.alerts.route import Path, paths
from salus.engine.alerter import Alerter
from salus.engine.courier import Courier
from salus.engine.engine import Engine
from salus.engine.silences import Silences, make
from salus.errors import ConflictError, DeliveryError
from salus.model import (
    Alert,
    AlertState,
    ChannelReport,
    Delivery,
    DeliveryState,
    EventKind,
    Level,
    Matchers,
    Notification,
    Occasion,
    Silence,
)
from salus.ports import Audience, Outbox


class EngineAlertDesk:
    """Implements ``ports.AlertDesk`` over an alerter and a courier."""

    def __init__(self, engine: Engine, alerter: Alerter, courier: Courier, silences: Silences, outbox: Outbox) -> None:
        """See and command these."""
        self._engine = engine
        self._alerter = alerter
        self._courier = courier
        self._silences = silences
        self._outbox = outbox

    # ── what there is ─────────────────────────────────────────────────────────────────────────────────────────────────

    def active(self) -> Sequence[Alert]:
        """Return the alerts that have not ended, the most urgent first."""
        found = [one for one in self._alerter.desk.alerts.values() if one.state is not AlertState.RESOLVED]
        return sorted(found, key=lambda one: (_ORDER[one.state], gravity(one), -_begun(one), one.fingerprint))

    def audiences(self, alert: Alert) -> Sequence[Audience]:
        """Say who hears of an alert, and why not now."""
        desk = self._alerter.desk
        return [self._audience(alert, path) for path in paths(desk.settings.routes, alert.labels)]

    def routed(self, labels: Mapping[str, str]) -> Sequence[Audience]:
        """Say who would hear of an alert with these labels, firing now."""
        now = self._now()
        level = labels.get("level", "")
        alert = Alert(
            id="-",
            fingerprint="-",
            labels=labels,
            rule=labels.get("alertname", ""),
            level=Level(level) if level in tuple(Level) else Level.WARNING,
            state=AlertState.FIRING,
            check=labels.get("check"),
            first_seen=now,
            last_seen=now,
            fired_at=now,
        )
        return self.audiences(alert)

    def _audience(self, alert: Alert, path: Path) -> Audience:
        hush = self._alerter.desk.hushes(alert, path, self._now())
        return Audience(channel=path.channel, route=path.place + 1, why=path.why, after=path.after, hush=hush)

    def silences(self) -> Sequence[Silence]:
        """Return the silences that have not ended, the first to end first."""
        return self._silences.all()

    def channels(self) -> Sequence[ChannelReport]:
        """Say how the channels are doing, by name."""
        return self._courier.report()

    async def dead_letters(self, limit: int = 100) -> Sequence[Delivery]:
        """Return notifications that were given up, newest first."""
        return await self._outbox.deliveries(state=DeliveryState.DEAD, limit=limit)

    # ── what people do ────────────────────────────────────────────────────────────────────────────────────────────────

    async def acknowledge(self, alert: str, *, by: str = "", note: str = "") -> Alert:
        """Take an alert upon oneself."""
        found = named(self.active(), alert)
        if found.state is not AlertState.FIRING:
            who = f" by {found.acknowledged_by} already" if found.acknowledged_by else ""
            what = f"alert {found.id} is {found.state}{who}"
            raise ConflictError(what, remedy="only what is firing can be acknowledged")
        taken = self._alerter.acknowledge(found, by=by, note=note)
        await self._engine.commit()
        return taken

    async def resolve(self, alert: str, *, by: str = "", note: str = "") -> Alert:
        """End an alert by hand."""
        found = named(self.active(), alert)
        if not found.state.open:
            raise ConflictError(f"alert {found.id} is {found.state}", remedy="only what fires can be resolved")
        ended = self._alerter.dismiss(found, by=by, note=note)
        await self._engine.commit()
        return ended

    async def silence(self, match: Matchers, seconds: float, *, by: str = "", comment: str = "") -> Silence:
        """Keep the alerts that match from being told for that long."""
        made = make(match, seconds, self._now(), self._engine.ids()[:8], by=by, comment=comment)
        self._silences.add(made)
        await self._changed()
        return made

    async def expire_silence(self, silence: str, *, by: str = "") -> Silence:
        """End a silence."""
        ended = self._silences.expire(silence, by=by)
        await self._changed()
        return ended

    async def test_channel(self, channel: str, *, by: str = "") -> str:
        """Send a test notification past the outbox."""
        now, sender = self._now(), self._alerter.desk.sender
        alert = Alert(
            id="test",
            fingerprint="0" * 16,
            labels={"alertname": "test", "component": "salus", "level": Level.INFO.value},
            rule="test",
            level=Level.INFO,
            state=AlertState.FIRING,
            summary=f"this is a test: {_asked(by)} whether {channel} can be reached; nothing is wrong",
            first_seen=now,
            last_seen=now,
            fired_at=now,
        )
        note = Notification(
            id=f"test-{self._engine.ids()[:8]}",
            channel=channel,
            key="test",
            occasion=Occasion.TEST,
            state=AlertState.FIRING,
            at=now,
            alerts=(alert,),
            fresh=frozenset({alert.fingerprint}),
            environment=sender.environment,
            host=sender.host,
            link=sender.link,
        )
        tested = f"{channel}: {_asked(by)} for a test, and it"
        try:
            said = await self._courier.test(channel, note)
        except DeliveryError as error:
            told = shortened(f"{tested} did not arrive: {error}")
            self._engine.bus.tell(EventKind.CHANNEL_TESTED, reason=channel, message=told)
            raise
        self._engine.bus.tell(EventKind.CHANNEL_TESTED, reason=channel, message=f"{tested} arrived")
        return said

    async def revive(self, delivery: str, *, by: str = "") -> None:
        """Try a dead letter again."""
        await self._courier.revive(delivery)
        said = f"{_asked(by)} to try notification {delivery} again"
        self._engine.bus.tell(EventKind.NOTIFICATION_REVIVED, message=said, data={"notification": delivery})

    async def _changed(self) -> None:
        self._alerter.desk.reconsider(self._now())
        self._alerter.tend()
        self._engine.version += 1
        await self._engine.commit()

    def _now(self) -> datetime:
        return self._engine.now()


_ORDER = {AlertState.FIRING: 0, AlertState.ACKNOWLEDGED: 1, AlertState.PENDING: 2}


def _asked(by: str) -> str:
    return f"{by or 'somebody'} asked"


def _begun(alert: Alert) -> float:
    return (alert.fired_at or alert.first_seen).timestamp()
