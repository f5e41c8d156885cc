"""Everything a decision may look at, gathered by the engine; the stages read nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from salus.model import CheckSpec, CheckState, Limits, Mode, RecoveryRule, RuleState, Status

_NOBODY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Something that keeps a rule from acting: what, in words, and until when, where that is known."""

    detail: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What became of a rule's ``when`` at the newest look.

    Attributes:
        holds: it does; None when that cannot be told.
        detail: with the numbers, for people.
        truths: the last evaluations, one bit each, the newest lowest.
    """

    holds: bool | None
    detail: str
    truths: int = 0

    def count(self, window: int) -> int:
        """Count how often it held among the last ``window`` evaluations; 0 counts the newest run."""
        if window:
            return (self.truths & ((1 << window) - 1)).bit_count()
        return (~self.truths & (self.truths + 1)).bit_length() - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupUse:
    """A group that the rule's targets belong to.

    Attributes:
        name: of the group.
        allowed: how many of its members may be out of service because of Salus.
        out: the members that are, without the rule's own.
    """

    name: str
    allowed: int
    out: tuple[str, ...] = ()


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
        mode: how far it may go: the most careful of the rule's and of the whole.
        condition: what became of ``when``; None for a rule without.
        switched_off: a person switched the rule off: their words.
        healing_off: why automatic recovery is off, or an empty string.
        pause: a person's pause of everything.
        check_pause: a person's pause of the check.
        maintenance: somebody works on this check or its service.
        dead: the service of the check is known to have ended: no look is needed to believe it.
        stopped: services among the targets that a person has stopped.
        busy: what is held at this moment, and by whom: by recoveries, by people, by services that are being started.
        rival: somebody else restarts the same target.
        failing_dependencies: the roots that this check depends on, directly or not, and that are bad.
        eased_at: when the last of them became well again, or None.
        shared_cause: what this check and others that failed with it share.
        circuit: every acting rung of the ladder to be used has an open circuit.
        brake: a storm brake is on, over all checks or a tag of this one.
        groups: of which only some may be out of service.
        running: recoveries under way.
        recent_starts: instants of the recoveries of the last hour, oldest first.
        limits: the blast radius.
    """

    now: datetime
    rule: RecoveryRule
    spec: CheckSpec
    state: CheckState
    memory: RuleState
    targets: frozenset[str]
    mode: Mode = Mode.AUTO
    condition: Condition | None = None
    switched_off: str = ""
    healing_off: str = ""
    pause: Hold | None = None
    check_pause: Hold | None = None
    maintenance: Hold | None = None
    dead: bool = False
    stopped: tuple[str, ...] = ()
    busy: Mapping[str, str] = field(default_factory=lambda: _NOBODY)
    rival: Hold | None = None
    failing_dependencies: tuple[str, ...] = ()
    eased_at: datetime | None = None
    shared_cause: Hold | None = None
    circuit: Hold | None = None
    brake: Hold | None = None
    groups: tuple[GroupUse, ...] = ()
    running: int = 0
    recent_starts: tuple[datetime, ...] = ()
    limits: Limits = field(default_factory=Limits)

    @property
    def looks(self) -> int:
        """Return how many looks were as bad as the rule asks, in a row or within its window."""
        if self.condition:
            return self.condition.count(self.rule.failure_window)
        return self.state.bad_looks(self.rule.failure_window, self.rule.trigger_on)

    @property
    def ladder(self) -> int:
        """Return which ladder the next attempt uses: one further per attempt, and per recurrence."""
        return min(self.memory.attempts + self.memory.escalations, len(self.rule.ladders) - 1)

    @property
    def triggered(self) -> bool:
        """Tell whether the newest verdict is what the rule acts on."""
        if self.condition:
            return self.condition.holds is True
        return self.state.status.at_least(self.rule.trigger_on)

    @property
    def could_tell(self) -> bool:
        """Tell whether the check, and the condition, could tell anything."""
        last = self.state.last
        if self.condition:
            return self.condition.holds is not None
        return last is not None and last.status is not Status.UNKNOWN and self.state.status is not Status.UNKNOWN
