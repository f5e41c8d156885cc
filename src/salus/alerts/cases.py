"""Everything that the stages may look at when they judge an alert: from all other alerts, and from the world around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from salus.alerts.inhibit import Sources
from salus.alerts.lately import Lately
from salus.alerts.route import Path
from salus.alerts.stage import Case
from salus.alerts.stages import hush
from salus.model import Alert, AlertRule, AlertSettings, Hush, InhibitRule, Silence


class Around(Protocol):
    """What the desk asks of the world: all of it in memory."""

    def roots(self, check: str) -> Sequence[str]:
        """Return the checks that a check depends on, directly or not."""
        ...

    def leaves(self, check: str) -> Sequence[str]:
        """Return the checks that hang on a check, directly or not."""
        ...

    def maintenance(self, check: str, now: datetime) -> tuple[str, datetime | None] | None:
        """Return what is being done to a check or its service, and until when, or None."""
        ...

    def healing(self, check: str) -> bool:
        """Tell whether a recovery of a check is under way, so that its end is not told before its story is whole."""
        ...


class Cases:
    """All alerts by what they are about, and what may keep each of them quiet."""

    def __init__(self, around: Around, alerts: Mapping[str, Alert]) -> None:
        """Look at ``around``; ``alerts`` are all there are, by fingerprint."""
        self._around = around
        self._alerts = alerts
        self._settings = AlertSettings()
        self._rules: Mapping[str, AlertRule] = {}
        self._by_check: dict[str, set[str]] = {}
        self.silences: dict[str, Silence] = {}
        self.sources = Sources()
        self.told_before: Lately[tuple[str, str]] = Lately()

    def configure(self, settings: AlertSettings) -> None:
        """Take a config."""
        self._settings = settings
        self._rules = {rule.name: rule for rule in settings.rules}
        self.sources = Sources(settings.inhibit)
        for alert in self._alerts.values():
            self.sources.add(alert)

    def add(self, alert: Alert, before: Alert | None) -> None:
        """Take an alert, in the place of what it was before."""
        if alert.check is not None:
            self._by_check.setdefault(alert.check, set()).add(alert.fingerprint)
        if before is not None and before.labels != alert.labels:
            self.sources.discard(before)
        self.sources.add(alert)

    def discard(self, alert: Alert) -> None:
        """Forget an alert."""
        if alert.check is not None and (others := self._by_check.get(alert.check)):
            others.discard(alert.fingerprint)
            if not others:
                del self._by_check[alert.check]
        self.sources.discard(alert)

    def about(self, check: str) -> list[Alert]:
        """Return the alerts about a check."""
        return [self._alerts[one] for one in sorted(self._by_check.get(check, ()))]

    def leaves(self, check: str) -> Iterator[str]:
        """Yield the alerts about what hangs on a check, by fingerprint."""
        for leaf in self._around.leaves(check):
            yield from self._by_check.get(leaf, ())

    def hush(self, alert: Alert, path: Path, now: datetime) -> Hush | None:
        """Say why an alert is not told on its way, or None."""
        check, rule = alert.check, self._rules.get(alert.rule)
        cooldown = rule.cooldown if rule else 0.0
        case = Case(
            alert=alert,
            route=path.route,
            now=now,
            silences=tuple(self.silences.values()),
            maintenance=self._around.maintenance(check, now) if check else None,
            intervals=self._settings.intervals,
            roots=self._roots(check) if check else (),
            inhibit=self._settings.inhibit,
            sources=self._speaking,
            cooldown=cooldown,
            told_before=self.told_before.get((alert.fingerprint, path.channel)) if cooldown else None,
        )
        return hush(case)

    def _roots(self, check: str) -> list[Alert]:
        """Return the alerts about the verdicts of what a check depends on."""
        return [
            alert
            for root in self._around.roots(check)
            for alert in self.about(root)
            if (rule := self._rules.get(alert.rule)) is not None and rule.status is not None
        ]

    def _speaking(self, rule: InhibitRule, alert: Alert) -> Iterator[Alert]:
        return (self._alerts[one] for one in self.sources.like(rule, alert) if one in self._alerts)
