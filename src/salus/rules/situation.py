"""Everything a decision may look at, gathered by the engine; the stages read nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from salus.model import CheckSpec, CheckState, Limits, RecoveryRule, RuleState


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One rule at one moment.

    Attributes:
        now: wall clock.
        rule: the rule.
        spec: its check.
        state: the folded truth about that check.
        memory: what the rule has spent.
        targets: what a recovery would hold exclusively.
        busy: what is held at this moment, by recoveries and by services that are being started.
        healing_off: why automatic recovery is off, or an empty string.
        stopped: services among the targets that a person has stopped.
        incarnation: of the check's service now.
        failing_dependencies: checks that this one depends on, directly or not, and that look bad.
        running: recoveries under way.
        recent_starts: instants of the recoveries of the last hour, oldest first.
        newly_bad: checks that turned bad within the storm window.
        oldest_newly_bad: when the first of them did.
        checks: all checks that have been looked at.
        limits: the blast radius.
    """

    now: datetime
    rule: RecoveryRule
    spec: CheckSpec
    state: CheckState
    memory: RuleState
    targets: frozenset[str]
    busy: frozenset[str] = frozenset()
    healing_off: str = ""
    stopped: tuple[str, ...] = ()
    incarnation: str | None = None
    failing_dependencies: tuple[str, ...] = ()
    running: int = 0
    recent_starts: tuple[datetime, ...] = ()
    newly_bad: int = 0
    oldest_newly_bad: datetime | None = None
    checks: int = 0
    limits: Limits = field(default_factory=Limits)

    @property
    def looks(self) -> int:
        """Return how many looks in a row were at least as bad as the rule's ``trigger_on``."""
        unhealthy_only = self.rule.trigger_on == "unhealthy"
        return self.state.consecutive_unhealthy if unhealthy_only else self.state.consecutive_failures
