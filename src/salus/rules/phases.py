"""The life of a rule, as people speak of it: a phase at every moment, and what leads from one to the next.

Nothing is decided here. A phase is read off what the healer keeps, and the table below is the promise of how it moves:
stories in virtual time see no change that is not in it, and the diagram in the documentation is drawn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from salus.model import CheckState, Outcome, RecoveryRecord, Refusal, RefusalReason, RuleState, Status
from salus.rules.memory import spent


class Phase(StrEnum):
    """Where a rule is in its life."""

    WELL = "well"  # nothing to heal, nothing spent
    FAILING = "failing"  # bad, but not bad enough yet, or not judged yet
    HELD = "held"  # a stage refuses
    COOLING_DOWN = "cooling_down"  # an attempt did not last; the next one has to wait
    ASKING = "asking"  # a person must allow it
    HEALING = "healing"  # an attempt is under way
    PROVING = "proving"  # well, and what was spent is not forgotten yet
    EXHAUSTED = "exhausted"  # given up
    HALF_OPEN = "half_open"  # the one try after giving up is under way


WAITING = frozenset({Phase.FAILING, Phase.HELD, Phase.COOLING_DOWN, Phase.ASKING})
"""The phases in which there is something to heal and the first stage that refuses decides how long it is left."""

_REFUSED: Mapping[RefusalReason, Phase] = {
    RefusalReason.BELOW_THRESHOLD: Phase.FAILING,
    RefusalReason.COOLING_DOWN: Phase.COOLING_DOWN,
    RefusalReason.AWAITING_APPROVAL: Phase.ASKING,
}


@dataclass(frozen=True, slots=True)
class Transition:
    """One way from phase to phase.

    Attributes:
        old: the phases it leads from.
        happens: what has happened, for people.
        new: the phases it leads to.
    """

    old: frozenset[Phase]
    happens: str
    new: frozenset[Phase]


def _one(phase: Phase) -> frozenset[Phase]:
    return frozenset({phase})


_WELL, _HEALING, _PROVING = _one(Phase.WELL), _one(Phase.HEALING), _one(Phase.PROVING)
_EXHAUSTED, _HALF_OPEN = _one(Phase.EXHAUSTED), _one(Phase.HALF_OPEN)

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_WELL, "a look is bad, or cannot tell", WAITING),
    Transition(_WELL, "its condition holds, or a person asks", _HEALING),
    Transition(WAITING, "another stage refuses first", WAITING),
    Transition(WAITING, "well by itself", _WELL),
    Transition(WAITING, "well by itself", _PROVING),
    Transition(WAITING, "no stage refuses, or a person asks", _HEALING),
    Transition(WAITING, "bad again, and every attempt is spent", _EXHAUSTED),
    Transition(_HEALING, "a fresh look passes", _PROVING),
    Transition(_HEALING, "called off: nothing to heal, nothing spent", _WELL),
    Transition(_HEALING, "it did not help, or is called off", WAITING),
    Transition(_HEALING, "the last attempt did not help", _EXHAUSTED),
    Transition(_PROVING, "well for reset_after: forgotten", _WELL),
    Transition(_PROVING, "a look is bad, or cannot tell", WAITING),
    Transition(_PROVING, "its condition holds, or a person asks", _HEALING),
    Transition(_PROVING, "bad again after giving up", _EXHAUSTED),
    Transition(_EXHAUSTED, "well by itself", _PROVING),
    Transition(_EXHAUSTED, "exhausted_retry is over", _HALF_OPEN),
    Transition(_EXHAUSTED, "a person asks", _HEALING),
    Transition(_EXHAUSTED, "a person resets it", WAITING | _WELL),
    Transition(_HALF_OPEN, "it did not help: wait twice as long", _EXHAUSTED),
    Transition(_HALF_OPEN, "a fresh look passes", _PROVING),
)


def phase(memory: RuleState, state: CheckState, refusal: Refusal | None, running: RecoveryRecord | None) -> Phase:
    """Return where a rule is in its life.

    Args:
        memory: what it has spent.
        state: the folded truth about its check.
        refusal: why it last did not act; None while there is nothing to heal, and since its last attempt.
        running: its recovery under way.
    """
    if running is not None and running.ladder >= 0:
        return Phase.HALF_OPEN if running.half_open else Phase.HEALING
    quiet = refusal is None or refusal.reason is RefusalReason.BELOW_THRESHOLD
    if quiet and running is None and (state.last is None or state.last.status is Status.HEALTHY):
        return Phase.PROVING if spent(memory) else Phase.WELL
    if memory.exhausted_since is not None:
        return Phase.EXHAUSTED
    if refusal is not None:
        return _REFUSED.get(refusal.reason, Phase.HELD)
    failed = memory.attempts and memory.last_outcome not in {None, Outcome.RECOVERED}
    return Phase.COOLING_DOWN if failed else Phase.FAILING


def transition(old: Phase, new: Phase) -> Transition | None:
    """Return the way from one phase to another; None when there is none."""
    return next((one for one in TRANSITIONS if old in one.old and new in one.new), None)
