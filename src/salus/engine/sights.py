"""What the alert rules of a config say of the checks, looks and happenings of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from salus.alerts import happenings, words
from salus.alerts.labels import level_of, of_check, of_happening
from salus.alerts.match import Sight, about_metric, about_status, shortened, watches
from salus.engine.engine import Engine
from salus.engine.truths import Truth
from salus.engine.units import CheckUnit, Judge
from salus.model import Alert, AlertRule, AlertSettings, CheckSpec, Happening, Labels, Observation, Status

_NONE: Mapping[str, Judge] = {}


class Sights:
    """The rules of one config, and what they say."""

    def __init__(self, engine: Engine, settings: AlertSettings, judges: Mapping[str, Judge] = _NONE) -> None:
        """Look at ``engine``; ``judges`` judge the conditions of rules, by the rule's name."""
        self._engine = engine
        self._labels = settings.labels
        self._judges = judges
        enabled = [rule for rule in settings.rules if rule.enabled]
        self.about_status = tuple(rule for rule in enabled if rule.status is not None)
        self.about_looks = tuple(rule for rule in enabled if rule.metric or rule.when)
        self.on = {one: tuple(rule for rule in enabled if one in rule.on) for one in Happening}
        self.by_name = {rule.name: rule for rule in enabled}
        # A user's rule speaks for its checks also while it is switched off.
        own = [rule for rule in settings.rules if rule.status is not None and not rule.builtin]
        self._own = tuple(replace(rule, enabled=True) for rule in own)

    def watches(self, rule: AlertRule, unit: CheckUnit) -> bool:
        """Tell whether a rule speaks of a check: one of ours only where none of the user's asks for its status."""
        if not watches(rule, unit.spec):
            return False
        return not rule.builtin or not any(watches(own, unit.spec) for own in self._own)

    def of_status(self, rule: AlertRule, unit: CheckUnit, now: datetime) -> Sight:
        """Return what a rule about a status says of a check."""
        spec, state = unit.spec, unit.state
        level = level_of(rule, spec, state.status)
        message = state.last.message if state.last else ""
        since = state.failing_since or state.since or now
        known = words.words(rule, spec, state.status, level=level, message=message, since=since)
        said = f"{spec.name} is {state.status}"
        return Sight(
            rule=rule,
            labels=of_check(rule, spec, level, self._labels),
            level=level,
            holds=about_status(rule, state),
            since=since,
            summary=words.summary(rule, known, f"{said}: {message}" if message else said),
            detail=shortened(message),
            check=spec.name,
        )

    def of_look(self, rule: AlertRule, unit: CheckUnit, seen: Observation, now: datetime) -> Sight:
        """Return what a rule about a number, or with a condition, says of a look."""
        spec, judge = unit.spec, self._judges.get(rule.name)
        if rule.metric:
            holds, said = about_metric(rule, seen)
        else:
            holds, said = judge(unit) if judge else (None, "")
        level = level_of(rule, spec, Status.DEGRADED)
        metric = seen.metrics.get(rule.metric)
        value = f"{metric.value:g}" if metric else ""
        known = words.words(rule, spec, seen.status, level=level, message=said, since=now, value=value)
        return Sight(
            rule=rule,
            labels=of_check(rule, spec, level, self._labels),
            level=level,
            holds=holds,
            since=now,
            summary=words.summary(rule, known, f"{spec.name}: {said}"),
            detail=shortened(said),
            check=spec.name,
        )

    def of_truth(self, rule: AlertRule, truth: Truth, now: datetime) -> Sight | None:
        """Return what a rule says of something that is the case; None where it is about other checks.

        Nothing is said of a check that a person has set aside.
        """
        unit = self._engine.units.get(truth.check or "")
        if unit is not None and unit.paused:
            return None
        spec, status = (unit.spec, unit.state.status) if unit else (None, None)
        if not _asks_about(rule, spec):
            return None
        healed = truth.happening is Happening.RECOVERED
        about = spec if happenings.of_one_check(truth.happening) else None
        level, since = level_of(rule, spec, status), truth.since or now
        known = words.words(rule, spec, status, level=level, message=truth.message, since=since)
        own = truth.message if healed else f"{truth.happening.value.replace('_', ' ')}: {truth.message}"
        return Sight(
            rule=rule,
            labels=of_happening(rule, truth.happening, truth.subject, spec=about, level=level, common=self._labels),
            level=level,
            holds=True,
            since=since,
            summary=words.summary(rule, known, own),
            detail=shortened(truth.detail or truth.message),
            check=about.name if about else None,
            moment=healed,
        )

    def labels_now(self, rule: AlertRule, alert: Alert) -> Labels | None:
        """Return the labels that a rule gives to the trouble of an alert; None where it no longer asks for that."""
        unit = self._engine.units.get(alert.check or "")
        spec, named = unit.spec if unit else None, alert.labels.get("happening")
        if unit is not None and not (_asks_about(rule, unit.spec) if rule.on else self.watches(rule, unit)):
            return None
        if named is None:
            return of_check(rule, spec, alert.level, self._labels) if spec is not None and not rule.on else None
        happening = next((one for one in rule.on if one.value == named), None)
        if happening is None:
            return None
        subject = alert.labels.get("subject", "")
        return of_happening(rule, happening, subject, spec=spec, level=alert.level, common=self._labels)


def _asks_about(rule: AlertRule, spec: CheckSpec | None) -> bool:
    """Tell whether a rule on happenings asks about those at a check, or None: at none; without members about all."""
    return not rule.members or (spec is not None and watches(rule, spec))
