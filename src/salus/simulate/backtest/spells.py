"""The bad spells of the past, and what Salus did in them. Pure; times are seconds since the beginning of the replay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from salus.model import Observation, Outcome, RecoveryRecord, Status


class End(StrEnum):
    """How a spell ended in truth."""

    HEALED = "healed"  # by a recovery of Salus
    FOLLOWED = "followed"  # what it depends on was healed
    PASSED = "passed"  # by itself, or by other hands
    UNWATCHED = "unwatched"  # nobody looked any more
    OPEN = "open"  # the history ends before it


class Step(NamedTuple):
    """What a check said from a moment on; None where nobody looked."""

    at: float
    look: Observation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One action that Salus ran on the target of a spell.

    Attributes:
        kind: of the action.
        began: when.
        took: seconds, without the verification.
        over: when it was known whether it had helped.
        healed: it ended the spell.
        message: what it said.
        failed: it failed by itself.
    """

    kind: str
    began: float
    took: float
    over: float
    healed: bool
    message: str = ""
    failed: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class Spell:
    """A run of bad looks at one check, from the first to the next good one.

    Attributes:
        check: its name.
        began: the first bad look.
        ended: the first good look, or the moment from which on nobody looked; the end of the history while it is open.
        end: how.
        worst: the worst that a look said.
        message: what the first bad look said.
        turned: the verdict turned bad, not only a look.
        on_condition: no look was bad: a rule acted on its ``when``. It begins where the one before ended.
        after: the first good look.
        root: the spell of what it depends on, whose healing ended it.
        runs: what Salus ran on its target, oldest first.
        recoveries: what those belonged to, and what was called off.
        refusals: reasons that the rules of the check gave then, and how often.
        gave_up: a rule of the check spent its last attempt in it.
    """

    check: str
    began: float
    ended: float
    end: End
    worst: Status
    message: str = ""
    turned: bool = False
    on_condition: bool = False
    after: Observation | None = None
    root: Spell | None = None
    runs: list[Run] = field(default_factory=list)
    recoveries: list[RecoveryRecord] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    gave_up: bool = False

    @property
    def lasted(self) -> float:
        """Return its seconds."""
        return self.ended - self.began

    @property
    def needed_nothing(self) -> bool:
        """Tell whether it ended although nothing was done about it, or with what was done about its root."""
        return self.end is End.FOLLOWED or (self.end is End.PASSED and not self.runs)

    @property
    def cured(self) -> bool:
        """Tell whether an action ended it, whoever asked for that."""
        return any(run.healed for run in self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One check.

    Attributes:
        check: its name.
        target: ``service:<name>``, or ``check:<name>``.
        steps: what it said, oldest first.
        spells: oldest first; none begins before the one before has ended.
        unwatched: seconds in which nobody looked.
    """

    check: str
    target: str
    steps: Sequence[Step]
    spells: list[Spell]
    unwatched: float


def find_spells(check: str, steps: Sequence[Step], end: float) -> list[Spell]:
    """Find the runs of bad looks. A look that could not tell neither begins nor ends one."""
    found: list[Spell] = []
    spell: Spell | None = None
    for at, look in steps:
        if look is not None and look.status.bad:
            if spell is None:
                spell = Spell(check=check, began=at, ended=end, end=End.OPEN, worst=look.status, message=look.message)
                found.append(spell)
            elif look.status is Status.UNHEALTHY:
                spell.worst = look.status
        elif spell is not None and (look is None or look.status is Status.HEALTHY):
            spell.ended, spell.after = at, look
            spell.end = End.UNWATCHED if look is None else End.PASSED
            spell = None
    return found


def seconds_unwatched(steps: Sequence[Step], end: float) -> float:
    """Return the seconds in which nobody looked."""
    if not steps:
        return end
    ends = [*(step.at for step in steps[1:]), end]
    return steps[0].at + sum(until - step.at for step, until in zip(steps, ends, strict=True) if step.look is None)


def acted(record: RecoveryRecord) -> bool:
    """Tell whether a recovery did anything that can change the world: then its check was looked at afterwards.

    One that was cut off in its first action has no step to show for it.
    """
    return any(step.verified is not None for step in record.steps) or record.outcome in (
        Outcome.RECOVERED,
        Outcome.TIMED_OUT,
        Outcome.INTERRUPTED,
    )
