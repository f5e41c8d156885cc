"""A recovery in one line of steps, as pages show it while it runs and afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from salus.model import RecoveryPhase, RecoveryRecord, RecoveryRule, RuleReport, StepRecord, StepResult
from salus.surfaces.dashboard.page import Region

PHASES = {
    RecoveryPhase.CONFIRMING: "looking afresh whether it is still so",
    RecoveryPhase.CAPTURING: "recording what is about to be lost",
    RecoveryPhase.ACTING: "acting",
    RecoveryPhase.WAITING: "giving it time",
    RecoveryPhase.VERIFYING: "looking afresh whether it helped",
}
RESULTS = {
    StepResult.OK: "done",
    StepResult.FAILED: "failed",
    StepResult.TIMED_OUT: "timed out",
    StepResult.CANCELLED: "called off",
    StepResult.SKIPPED: "skipped",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One step of a recovery.

    Attributes:
        name: what is done.
        state: ``done``, ``failed``, ``vain`` (it was done and did not help), ``skipped``, ``now`` or ``next``.
        took: seconds; None where it has not ended.
    """

    name: str
    state: str
    took: float | None = None


def rungs_of(rules: Iterable[RuleReport], record: RecoveryRecord) -> Sequence[str]:
    """Return the actions of the ladder that a recovery goes up, as its rule has them now."""
    found = next((one.rule for one in rules if one.rule.name == record.rule), None)
    return ladder_of(found, record) if found else ()


def ladder_of(rule: RecoveryRule, record: RecoveryRecord) -> Sequence[str]:
    """Return the actions of a rule's ladder that a recovery goes up."""
    if record.ladder < 0:
        return [action.kind for action in rule.on_exhausted]
    return [action.kind for action in rule.ladders[min(record.ladder, len(rule.ladders) - 1)]]


def chips(record: RecoveryRecord, rungs: Sequence[str] = ()) -> list[Chip]:
    """Return the steps of a recovery: what was done, what is done now, and what may follow."""
    current, done = record.current, len(record.steps)
    running = record.outcome is None
    phase = current.phase if current and running else None
    found = [_confirmed(record, phase)]
    if phase is RecoveryPhase.CAPTURING:
        found.append(Chip("recording", "now"))
    for step in record.steps:
        verified_now = phase is RecoveryPhase.VERIFYING and current is not None and current.position == step.position
        found.append(Chip(step.action, "now" if verified_now else state_of(step), step.duration))
    if running:
        acting = phase in (RecoveryPhase.ACTING, RecoveryPhase.WAITING)
        found += [Chip(name, "now" if acting and not place else "next") for place, name in enumerate(rungs[done:])]
    return found


def _confirmed(record: RecoveryRecord, phase: RecoveryPhase | None) -> Chip:
    if phase is RecoveryPhase.CONFIRMING:
        return Chip("confirming", "now")
    return Chip("not needed", "skipped") if record.needless else Chip("confirmed", "done")


def state_of(step: StepRecord) -> str:
    """Say how a step went, in one word of ``Chip.state``."""
    if step.result is StepResult.SKIPPED:
        return "skipped"
    if step.result is not StepResult.OK:
        return "failed"
    return "vain" if step.verified is False else "done"


def card(record: RecoveryRecord, rules: Iterable[RuleReport]) -> Region:
    """Show a recovery that runs."""
    rungs = rungs_of(rules, record)
    facts = {"recovery": record, "chips": chips(record, rungs), "phases": PHASES}
    return Region(
        id=f"healing-{record.id}",
        template="recovery_card.html",
        facts=facts,
        key=(record, tuple(rungs)),
        tag="article",
        classes="card healing",
    )
