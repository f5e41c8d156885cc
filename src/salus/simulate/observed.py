"""What a judge of promises may look up, and what every judge is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from salus.engine.units import CheckUnit, RuleUnit
from salus.model import CheckState, Event, Limits, RecoveryRecord, RecoveryRule


class Observed(Protocol):
    """What a judge may look up."""

    @property
    def limits(self) -> Limits:
        """Return the blast radius in force."""
        ...

    @property
    def units(self) -> Mapping[str, CheckUnit]:
        """Return the checks by name."""
        ...

    def record(self, recovery: str) -> RecoveryRecord | None:
        """Return a recovery under way."""
        ...


class Judge(Protocol):
    """One promise."""

    def judge(self, event: Event, seen: Observed) -> str:
        """Take an event; say how the promise was broken, or nothing."""
        ...


def rule_unit(event: Event, seen: Observed) -> RuleUnit | None:
    """Return the rule that an event is about, as the engine keeps it."""
    unit = seen.units.get(event.check or "")
    return next((one for one in unit.rules if one.rule.name == event.rule), None) if unit else None


def rule_of(event: Event, seen: Observed) -> RecoveryRule | None:
    """Return the rule that an event is about."""
    found = rule_unit(event, seen)
    return found.rule if found else None


def state_of(event: Event, seen: Observed) -> CheckState | None:
    """Return the state of the check that an event is about."""
    unit = seen.units.get(event.check or "")
    return unit.state if unit else None
