"""The alerts of one agent: built from its config, started, reloaded and stopped together."""

from __future__ import annotations

import logging
import platform
import secrets
from dataclasses import replace
from datetime import datetime

from salus.alerts.compose import Sender
from salus.alerts.match import watches
from salus.app.build import Resolved
from salus.engine.alertdesk import EngineAlertDesk
from salus.engine.alerter import Alerter
from salus.engine.courier import Courier
from salus.engine.engine import Engine
from salus.engine.recorder import Recorder
from salus.engine.units import Judge
from salus.errors import StoreUnreadableError
from salus.model import ChannelSpec, Event, EventKind
from salus.options import ChannelOptions
from salus.ports import Channel, Outlet, Snapshot, Store
from salus.units import format_duration

_log = logging.getLogger("salus.agent")

FAILING_IS_TROUBLE_AFTER = 300.0
GRACE = 3.0


class Alerting:
    """Who hears what, and by which channel. ``configure`` before ``start``, and again at every reload."""

    def __init__(self, engine: Engine, recorder: Recorder, store: Store) -> None:
        """Stand beside ``engine``; nothing is raised or sent before ``start``."""
        self._engine = engine
        site = engine.site
        name = f"{platform.node()}:{secrets.token_hex(4)}"
        self.courier = Courier(store, recorder, site.clock, engine.bus.tell, name)
        self.alerter = Alerter(engine, recorder, self.courier)
        self.desk = EngineAlertDesk(engine, self.alerter, self.courier, self.alerter.silences, store)
        self._outlet = Outlet(clock=site.clock, state_dir=site.state_dir, state_id=site.state_id)
        self._built: dict[str, tuple[ChannelSpec, ChannelOptions, Channel]] = {}

    async def configure(self, resolved: Resolved) -> None:
        """Take a config; channels that did not change go on undisturbed."""
        targets = resolved.settings.alerts.targets
        if targets != self._outlet.targets:
            self._outlet, self._built = replace(self._outlet, targets=targets), {}
        channels = {name: self._channel(spec, options) for name, (spec, options) in resolved.channels.items()}
        self._built = {name: (spec, options, channels[name]) for name, (spec, options) in resolved.channels.items()}
        await self.courier.configure({name: (spec, channel) for name, (spec, _, channel) in self._built.items()})
        settings, agent = resolved.settings.alerts, resolved.settings.agent
        self.alerter.configure(
            settings,
            judges(self._engine, resolved),
            {name: channel.resend for name, (_, _, channel) in self._built.items()},
            Sender(environment=agent.environment, host=platform.node(), link=settings.link),
        )

    def _channel(self, spec: ChannelSpec, options: ChannelOptions) -> Channel:
        known = self._built.get(spec.name)
        return known[2] if known is not None and known[1] == options else options.build(self._outlet)

    def load(self, snapshot: Snapshot) -> None:
        """Take up what an earlier Salus raised and told; a silence that is not understood keeps nobody quiet."""
        try:
            self.alerter.load(snapshot)
        except StoreUnreadableError as error:
            _log.error("%s; it keeps nobody quiet", error)

    async def start(self) -> None:
        """Raise and send from now on."""
        self._engine.bus.subscribe(self.alerter)
        self._engine.bus.subscribe(self._ledger_is_back)
        self._engine.shifted.append(self.courier.shift)
        await self.courier.start()  # it knows which channels fail before everything is looked at
        self.alerter.start()

    async def stop(self, grace: float = GRACE) -> None:
        """Make what is due, and try to send it for a moment; what is left goes out after the next start."""
        self.alerter.stop()
        await self.courier.stop(grace)

    def troubles(self, now: datetime) -> list[str]:
        """Return a line for each channel that nothing has got through for a while."""
        lines = []
        for report in self.courier.report():
            since = report.failing_since
            seconds = (now - since).total_seconds() if since else 0.0
            if seconds >= FAILING_IS_TROUBLE_AFTER:
                waits = f", {report.waiting} wait" if report.waiting else ""
                how_long = format_duration(round(seconds))
                lines.append(f"channel {report.spec.name} has failed for {how_long}{waits}: {report.error}")
        return lines

    def _ledger_is_back(self, event: Event) -> None:
        if event.kind is EventKind.STORE_RECOVERED:
            self.courier.ledger_is_back()


def judges(engine: Engine, resolved: Resolved) -> dict[str, Judge]:
    """Return what judges the conditions of alert rules, by rule; the engine remembers from now on what they ask for."""
    rules = {rule.name: rule for rule in resolved.settings.alerts.rules}
    engine.judge_also(
        (unit.spec.name, condition)
        for name, condition in resolved.alert_conditions.items()
        for unit in engine.units.values()
        if watches(rules[name], unit.spec)
    )
    return {name: engine.judge(condition) for name, condition in resolved.alert_conditions.items()}
