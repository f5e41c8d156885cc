"""Stages: another alert explains it. The root is told, the leaves are not; a milder alert never hushes a graver one."""

from __future__ import annotations

from collections.abc import Sequence

from salus.alerts.stage import Case, Word
from salus.matchers import matches
from salus.model import Alert, AlertState, InhibitRule, Level

_LEVELS = list(Level)


def at_least(one: Alert, other: Alert) -> bool:
    """Tell whether an alert matters at least as much as another."""
    return _LEVELS.index(one.level) >= _LEVELS.index(other.level)


def dependency(case: Case) -> Word | None:
    """Keep quiet while there is an alert, as grave, about something that its check depends on."""
    root = next((one for one in case.roots if _speaks(one) and at_least(one, case.alert)), None)
    return None if root is None else Word(f"it depends on {root.check}: {root.summary}")


def inhibited(case: Case) -> Word | None:
    """Keep quiet while a rule says that another alert says it all."""
    for rule in case.inhibit:
        if matches(rule.target, case.alert.labels):
            source = _source(rule, case.alert, case.sources.get(rule.name, ()))
            if source is not None:
                return Word(f"{rule.name}: {source.labels.get('alertname', '')} says it ({source.summary})")
    return None


def _source(rule: InhibitRule, alert: Alert, sources: Sequence[Alert]) -> Alert | None:
    """Return the open alert that keeps another quiet.

    1. No alert keeps itself quiet, nor do two that match both sides keep each other quiet: nobody would be left to tell.
    2. A label that is missing on either side is not equal (Alertmanager takes two missing ones for equal).
    """
    for source in sources:
        mutual = matches(rule.source, alert.labels) and matches(rule.target, source.labels)
        if source.fingerprint == alert.fingerprint or mutual:
            continue
        if source.state.open and all(_same(source, alert, label) for label in rule.equal):
            return source
    return None


def _same(one: Alert, other: Alert, label: str) -> bool:
    value = one.labels.get(label, "")
    return bool(value) and value == other.labels.get(label, "")


def _speaks(root: Alert) -> bool:
    """Tell whether an alert about a root counts: one that waits to fire does too, or the leaves would be told first."""
    return root.state is not AlertState.RESOLVED and root.quiet_since is None
