"""What is the case with Salus and its healing at this moment: what the events of an earlier time may have told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from salus.engine.engine import Engine
from salus.engine.holds import pause_in_words
from salus.engine.units import CheckUnit, RuleUnit
from salus.model import Answer, Happening, Outcome
from salus.rules.memory import back_each_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One thing that is the case.

    Attributes:
        happening: what.
        subject: what it is about, as its events name it.
        message: one line for people.
        detail: what failed, where that is another thing than the message.
        check: the check it is about, or None.
        since: since when, where that is known.
    """

    happening: Happening
    subject: str = ""
    message: str = ""
    detail: str = ""
    check: str | None = None
    since: datetime | None = None


def truths_of(unit: CheckUnit) -> Iterator[Truth]:
    """Yield what is the case with the recovery rules of a check."""
    for rule in unit.rules:
        yield from _of_rule(unit, rule)


def truths_around(engine: Engine, ledger_failure: str, failing_channels: Mapping[str, str]) -> Iterator[Truth]:
    """Yield what is the case with Salus as a whole."""
    policy = engine.policy
    for scope, brake in policy.storms.brakes.items():
        names = ", ".join(brake.names)
        yield Truth(happening=Happening.STORM_BRAKE, subject=scope, message=f"{scope}: {names}", since=brake.since)
    for circuit in policy.circuits.open:
        said = f"{circuit.action} kept failing"
        yield Truth(happening=Happening.CIRCUIT_OPEN, subject=circuit.action, message=said, since=circuit.opened_at)
    if policy.holds.pause is not None:
        pause = policy.holds.pause
        yield Truth(happening=Happening.PAUSED, message=pause_in_words(pause), since=pause.since)
    for text in policy.causes_in_words():
        yield Truth(happening=Happening.SHARED_CAUSE, subject=text, message=text)
    for happening, text in (
        (Happening.OVERLOADED, engine.pressure.now()),
        (Happening.HEALING_OFF, engine.healing_off),
        (Happening.LEDGER_FAILED, ledger_failure),
    ):
        if text:
            yield Truth(happening=happening, message=text)
    for channel, why in failing_channels.items():
        yield Truth(happening=Happening.CHANNEL_FAILED, subject=channel, message=why)


def _of_rule(unit: CheckUnit, rule: RuleUnit) -> Iterator[Truth]:
    memory, name, check = rule.memory, rule.rule.name, unit.spec.name
    if memory.exhausted_since is not None:
        said = f"gave up after {memory.attempts} attempt{'' if memory.attempts == 1 else 's'}"
        yield Truth(
            happening=Happening.EXHAUSTED, subject=name, message=said, check=check, since=memory.exhausted_since
        )
    if memory.recurring_since is not None:
        said = back_each_time(memory)
        yield Truth(
            happening=Happening.RECURRING, subject=name, message=said, check=check, since=memory.recurring_since
        )
    asked = memory.approval
    if asked is not None and asked.answer is Answer.WAITING:
        said = f"salus approve {asked.id}, or salus reject {asked.id}"
        yield Truth(happening=Happening.APPROVAL_WANTED, subject=name, message=said, check=check, since=asked.asked_at)
    failed = memory.attempts and memory.last_outcome not in (None, Outcome.RECOVERED, Outcome.CANCELLED)
    if failed and unit.state.last is not None and unit.state.last.status.bad:
        said = f"the last attempt ended: {memory.last_outcome}"
        yield Truth(
            happening=Happening.NOT_RECOVERED, subject=name, message=said, check=check, since=memory.last_finished
        )
