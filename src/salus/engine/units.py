"""What the engine keeps in memory for each check and each rule. Small: there may be a hundred thousand checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from salus.model import (
    ActionSpec,
    AlertRule,
    CheckSpec,
    CheckState,
    RecoveryRecord,
    RecoveryRule,
    Refusal,
    RefusalReason,
    RuleState,
    ServiceState,
)
from salus.ports import Action, Check, Service
from salus.scheduler import Entry
from salus.state import ring_of

if TYPE_CHECKING:
    from salus.conditions import Condition
    from salus.engine.prober import Probe

Ladder: TypeAlias = Sequence[tuple[ActionSpec, Action]]

Judge: TypeAlias = "Callable[[CheckUnit], tuple[bool | None, str]]"

NO_RULES: tuple[RuleUnit, ...] = ()


@dataclass(slots=True, eq=False)
class CheckUnit:
    """One check at run time.

    Attributes:
        spec: what and how often.
        check: the part that looks.
        state: the folded truth.
        service: the check's own service, or None.
        rules: what may act on it.
        entry: its place in the schedule; None before the engine runs.
        probe: the look under way, or None.
        dependents: checks that depend on this one, directly.
        watches: services whose changes call for a look.
        direct: it looks at the state of a service itself, so it can look the moment that changes.
        resting: its service is being started for the first time; nothing is looked at before that is done.
        healing: a recovery drives the looks.
        paused: a person has set it aside: nobody looks, and it counts for nothing.
        returning: it was resumed, and has no verdict yet.
        share: what a failure of it would share with others of its kind, such as a program or a port.
        waits: it turned bad, and whether that counts towards a storm shows when its roots have been looked at.
        eased_at: when something it depends on became well again, or None.
        incarnation: the last one that was seen.
        ailing: that copy was seen bad, and no other one well since.
        starts: how often Salus had started its service when that was seen.
        recorded_at: monotonic time of the last look that went into the history.
        looks: looks since they were last counted for the day.
        counted: up to when, in microseconds since 1970, it was counted how long it was how; 0 where nobody counts.
        alert_rules: alert rules that judge every look at it, by its numbers or by a condition.
        ring: the last looks for people to see, also at copies that were replaced (see ``salus.state.looked``).
    """

    spec: CheckSpec
    check: Check
    state: CheckState
    service: Service | None = None
    rules: tuple[RuleUnit, ...] = NO_RULES
    entry: Entry[CheckUnit] | None = None
    probe: Probe | None = None
    dependents: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()
    direct: bool = False
    resting: bool = False
    healing: bool = False
    paused: bool = False
    returning: bool = False
    share: str = ""
    waits: bool = False
    eased_at: datetime | None = None
    incarnation: str | None = None
    ailing: bool = False
    starts: int = 0
    recorded_at: float = float("-inf")
    looks: int = 0
    counted: int = 0
    alert_rules: tuple[AlertRule, ...] = ()
    ring: int = 0

    def __post_init__(self) -> None:
        """Begin with the looks that the state remembers."""
        self.ring = self.ring or ring_of(self.state)

    @property
    def counts(self) -> bool:
        """Tell whether it is a part of the whole."""
        return not (self.paused or self.returning)

    @property
    def check_is_instant(self) -> bool:
        """Tell whether the check says that it never waits, so that it needs neither a task nor a deadline."""
        return getattr(self.check, "instant", False)

    @property
    def dead(self) -> bool:
        """Tell whether its service is known to have ended, so that no look is needed to believe it."""
        if self.service is None:
            return False
        status = self.service.status
        return status.wanted and status.state is ServiceState.EXITED

    @property
    def target(self) -> str:
        """Return what a trouble of this check is a trouble of: its service, or itself."""
        return self.spec.service or self.spec.name

    def forget_truths(self) -> None:
        """Have the conditions of its rules hold often enough anew: counting begins again."""
        for unit in self.rules:
            unit.truths = 0

    @property
    def looks_to_act(self) -> int:
        """Return the largest number of bad looks that a rule of this check waits for."""
        return max((unit.rule.min_failure_count for unit in self.rules if unit.rule.enabled), default=1)


@dataclass(slots=True, eq=False)
class RuleUnit:
    """One rule at run time.

    Attributes:
        rule: when and how to act.
        ladders: its actions, built: one ladder per attempt.
        last_words: its actions for the moment of giving up.
        targets: what a recovery holds exclusively (``service:web`` or ``check:disk``).
        memory: what it has spent.
        condition: its ``when``, compiled; None for a rule without.
        judge: says whether its ``when`` holds (None: cannot tell) and why; None for a rule without.
        reads: other checks that ``when`` reads.
        truths: the last evaluations of it, one bit each, the newest lowest.
        held_at: when it held last, as far as that counted; None when it did not hold.
        refusal: why it last did not act, while the check is bad.
        record: the recovery under way, or None.
    """

    rule: RecoveryRule
    ladders: Sequence[Ladder]
    last_words: Ladder
    targets: frozenset[str]
    memory: RuleState
    condition: Condition | None = None
    judge: Judge | None = None
    reads: tuple[str, ...] = ()
    truths: int = 0
    held_at: datetime | None = None
    refusal: Refusal | None = None
    record: RecoveryRecord | None = None

    def ladder(self, place: int) -> Ladder:
        """Return a ladder by its place: 0 is the first, -1 the last words."""
        return self.last_words if place < 0 else self.ladders[place]

    def refused_with(self) -> RefusalReason | None:
        """Return the reason of the last refusal."""
        return self.refusal.reason if self.refusal else None
