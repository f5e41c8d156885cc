"""The life of an alert, as people speak of it: a phase at every moment, and what leads from one to the next.

Nothing is decided here. A phase is read off the alert, and the table below is the promise of how it moves: stories and
random troubles see no change that is not in it, and the diagram in the documentation is drawn from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from salus.model import Alert, AlertState


class Phase(StrEnum):
    """Where an alert is in its life."""

    NOTHING = "nothing"  # there is none, or nobody need hear of it any more
    PENDING = "pending"  # there is trouble, and it has not lasted long enough
    FIRING = "firing"  # people's business, and nobody has it
    ACKNOWLEDGED = "acknowledged"  # people's business, and somebody has it
    QUIET = "quiet"  # it flaps, and its trouble is gone for now
    DISMISSED = "dismissed"  # a person ended it, and its trouble lasts
    RESOLVED = "resolved"  # it has ended, and somebody has still to hear of that


OPEN = frozenset({Phase.FIRING, Phase.ACKNOWLEDGED})
"""The phases in which its trouble is there and people's business."""

_PHASES: Mapping[AlertState, Phase] = {
    AlertState.PENDING: Phase.PENDING,
    AlertState.FIRING: Phase.FIRING,
    AlertState.ACKNOWLEDGED: Phase.ACKNOWLEDGED,
    AlertState.RESOLVED: Phase.RESOLVED,
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


_NOTHING, _PENDING, _FIRING = _one(Phase.NOTHING), _one(Phase.PENDING), _one(Phase.FIRING)
_QUIET, _DISMISSED, _RESOLVED = _one(Phase.QUIET), _one(Phase.DISMISSED), _one(Phase.RESOLVED)

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_NOTHING, "a rule sees trouble", _PENDING),
    Transition(_NOTHING, "a rule sees trouble that has lasted long enough", _FIRING),
    Transition(_NOTHING, "something without duration happens: a recovery succeeded", _RESOLVED),
    Transition(_PENDING, "gone before it lasted long enough", _NOTHING),
    Transition(_PENDING, "it has lasted long enough", _FIRING),
    Transition(_FIRING, "a person takes it", _one(Phase.ACKNOWLEDGED)),
    Transition(OPEN, "gone, and it flaps", _QUIET),
    Transition(_QUIET, "it is back", OPEN),
    Transition(_QUIET, "quiet for long enough, or a person ends it", _RESOLVED),
    Transition(OPEN, "the trouble is gone", _RESOLVED),
    Transition(_RESOLVED, "back before its end was told: it goes on", OPEN),
    Transition(OPEN, "a person ends it while it lasts", _DISMISSED),
    Transition(_DISMISSED, "the trouble is gone", _RESOLVED),
    Transition(_RESOLVED, "all who knew of it have heard of its end; trouble that is back is a new alert", _NOTHING),
)


def phase(alert: Alert | None) -> Phase:
    """Return where an alert is in its life; None where there is none."""
    if alert is None:
        return Phase.NOTHING
    if alert.dismissed:
        return Phase.DISMISSED
    return Phase.QUIET if alert.quiet_since is not None else _PHASES[alert.state]


def transition(old: Phase, new: Phase) -> Transition | None:
    """Return the way from one phase to another; None when there is none."""
    return next((one for one in TRANSITIONS if old in one.old and new in one.new), None)
