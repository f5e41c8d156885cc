"""Stages: another alert explains it. The root is told, the leaves are not; a milder alert never hushes a graver one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
            source = _source(rule, case.alert, case.sources(rule, case.alert))
            if source is not None:
                return Word(f"{rule.name}: {source.labels.get('alertname', '')} says it ({source.summary})")
    return None


def _source(rule: InhibitRule, alert: Alert, sources: Iterable[Alert]) -> Alert | None:
    """Return the open alert that keeps another quiet.

    1. No alert keeps itself quiet, nor do two that match both sides keep each other quiet: who would be told then?
    2. What ``equal`` names is the same on both (see ``Sources``).
    """
    both = matches(rule.source, alert.labels)
    for source in sources:
        mutual = both and matches(rule.target, source.labels)
        if (source.state.open or source.dismissed) and source.fingerprint != alert.fingerprint and not mutual:
            return source
    return None


class Sources:
    """The alerts that may keep others quiet, by rule and by what ``equal`` names.

    A label that is missing on either side is not equal (Alertmanager takes two missing ones for equal).
    """

    def __init__(self, rules: Iterable[InhibitRule] = ()) -> None:
        """Begin with none."""
        self._rules = tuple(rules)
        self._found: dict[str, dict[tuple[str, ...], dict[str, None]]] = {rule.name: {} for rule in self._rules}

    def add(self, alert: Alert) -> None:
        """Take an alert, if it is a source of any rule."""
        for rule, key in self._keys(alert):
            self._found[rule.name].setdefault(key, {})[alert.fingerprint] = None

    def discard(self, alert: Alert) -> None:
        """Forget an alert."""
        for rule, key in self._keys(alert):
            self._found[rule.name].get(key, {}).pop(alert.fingerprint, None)

    def holds(self, alert: Alert) -> bool:
        """Tell whether an alert is a source of any rule."""
        return any(matches(rule.source, alert.labels) for rule in self._rules)

    def like(self, rule: InhibitRule, alert: Alert) -> Iterable[str]:
        """Return the fingerprints of a rule's sources that are equal to an alert where they must be."""
        key = _key(rule, alert)
        return self._found.get(rule.name, {}).get(key, ()) if all(key) else ()

    def _keys(self, alert: Alert) -> Iterator[tuple[InhibitRule, tuple[str, ...]]]:
        for rule in self._rules:
            if matches(rule.source, alert.labels):
                yield rule, _key(rule, alert)


def _key(rule: InhibitRule, alert: Alert) -> tuple[str, ...]:
    return tuple(alert.labels.get(label, "") for label in rule.equal)


def _speaks(root: Alert) -> bool:
    """Tell whether an alert about a root counts.

    One that waits to fire does too, or the leaves would be told first; and one that a person ended while it lasts.
    """
    return (root.state is not AlertState.RESOLVED or root.dismissed) and root.quiet_since is None
