"""What a recovery did and when, as a tree of spans. Pure: made from its record and from the events that told of it.

    recovery web                    from the look that decided to the outcome
    ├── confirm                     a fresh look: is the trouble still there?
    ├── evidence                    what was about to be destroyed was recorded
    ├── action restart_service      one per step of the ladder
    └── verify web                  fresh looks after it: did it help?

Where an event is missing (the ledger was pruned, or Salus was killed before it was written) the record says what it
knows. What was under way when Salus was killed ends with the recovery, when the next Salus booked it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from salus.model import Event, EventKind, Outcome, RecoveryRecord, StepRecord, StepResult

Value: TypeAlias = "str | bool | int | float | Sequence[str]"
Attributes: TypeAlias = "Mapping[str, Value]"

LONGEST = 1000
"""Characters of a message."""

_NEUTRAL = frozenset({Outcome.CANCELLED})
_CHILDREN = frozenset(
    {
        EventKind.RECOVERY_STARTED,
        EventKind.RECOVERY_CONFIRMED,
        EventKind.RECOVERY_FINISHED,
        EventKind.ACTION_STARTED,
        EventKind.ACTION_FINISHED,
        EventKind.VERIFIED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened within a span."""

    name: str
    at: datetime
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span.

    Attributes:
        name: what was done.
        start, end: when.
        ok: whether it went well; None where that cannot be said.
        message: one line for people, where it did not go well.
        attributes: what it is about.
        moments: what happened within it.
        children: its parts, in their order.
    """

    name: str
    start: datetime
    end: datetime
    ok: bool | None = None
    message: str = ""
    attributes: Attributes = field(default_factory=dict)
    moments: Sequence[Moment] = ()
    children: Sequence[Span] = ()


def tell(record: RecoveryRecord, events: Iterable[Event]) -> Span:
    """Make the tree of a recovery that has ended.

    Args:
        record: how it ended.
        events: what was told of it, oldest first; as much as there is.
    """
    heard = list(events)
    end = max(record.finished_at or record.started_at, record.decided_at)
    outcome = record.outcome or Outcome.FAILED
    ok = True if outcome is Outcome.RECOVERED else None if outcome in _NEUTRAL else False
    others = [one for one in heard if one.kind not in _CHILDREN]
    moments = [Moment(name=one.kind.value, at=one.at, attributes=_said(one.message)) for one in others]
    return Span(
        name=f"recovery {record.check}",
        start=record.decided_at,
        end=end,
        ok=ok,
        message="" if ok else record.message[:LONGEST],
        attributes=_about(record, outcome, heard),
        moments=[
            Moment(name="decided", at=record.decided_at, attributes=_said(record.trigger)),
            *moments,
            Moment(name=outcome.value, at=end, attributes=_said(record.message)),
        ],
        children=list(_children(record, heard, end)),
    )


def _about(record: RecoveryRecord, outcome: Outcome, heard: Sequence[Event]) -> Attributes:
    about: dict[str, Value] = {
        "salus.check": record.check,
        "salus.rule": record.rule,
        "salus.recovery": record.id,
        "salus.attempt": record.attempt,
        "salus.outcome": outcome.value,
        "salus.targets": list(record.targets),
        "salus.ladder": record.ladder,
        "salus.half_open": record.half_open,
        "salus.manual": record.manual,
        "salus.needless": record.needless,
    }
    if service := next((one.service for one in heard if one.service), None):
        about["salus.service"] = service
    if record.approved_by:
        about["salus.approved_by"] = record.approved_by
    if record.failing_since is not None:
        about["salus.failing_since"] = record.failing_since.isoformat()
    if record.initiation is not None:
        about["salus.initiation_seconds"] = record.initiation
    if outcome is Outcome.INTERRUPTED and heard:
        about["salus.last_heard"] = heard[-1].at.isoformat()
    if outcome not in (Outcome.RECOVERED, Outcome.CANCELLED):
        about["error.type"] = outcome.value
    return about


# ── The parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Marks:
    """When one step did what, as far as events tell."""

    action: str
    started: datetime | None = None
    finished: datetime | None = None
    verified: datetime | None = None
    passed: bool | None = None
    evidence: float | None = None
    said: str = ""


def _children(record: RecoveryRecord, heard: Sequence[Event], end: datetime) -> Iterable[Span]:
    marks = _marks(heard)
    steps = list(record.steps)
    first = next((mark.started or mark.finished for mark in marks), steps[0].started_at if steps else None)
    yield from _confirming(record, heard, first, end)
    last = max(len(steps), len(marks))
    for place in range(last):
        mark = marks[place] if place < len(marks) else None
        step = steps[place] if place < len(steps) else None
        following = steps[place + 1].started_at if place + 1 < len(steps) else None
        yield from _step(record, place + 1, step=step, mark=mark, following=following, end=end)


def _marks(heard: Sequence[Event]) -> list[_Marks]:
    marks: list[_Marks] = []
    for one in heard:
        if one.kind is EventKind.ACTION_STARTED:
            seconds = one.data.get("evidence_seconds")
            evidence = float(seconds) if isinstance(seconds, int | float) else None
            marks.append(_Marks(action=one.action or "", started=one.at, evidence=evidence))
        elif one.kind is EventKind.ACTION_FINISHED:
            if one.reason == StepResult.SKIPPED.value or not marks:  # it never began
                marks.append(_Marks(action=one.action or ""))
            marks[-1].finished = one.at
        elif one.kind is EventKind.VERIFIED and marks:
            marks[-1].verified, marks[-1].passed, marks[-1].said = one.at, one.reason == "passed", one.message
    return marks


def _confirming(
    record: RecoveryRecord, heard: Sequence[Event], first: datetime | None, end: datetime
) -> Iterable[Span]:
    """Yield the fresh look before anything was done; the last words of a rule need none."""
    if record.ladder < 0:
        return
    begun = next((one.at for one in heard if one.kind is EventKind.RECOVERY_STARTED), record.started_at)
    confirmed = next((one for one in heard if one.kind is EventKind.RECOVERY_CONFIRMED), None)
    until = confirmed.at if confirmed else first or end
    attributes: dict[str, Value] = {
        "salus.check": record.check,
        "salus.confirmed": first is not None or bool(confirmed),
    }
    attributes |= _said(confirmed.message if confirmed else record.message if first is None else "")
    yield Span(name="confirm", start=begun, end=max(begun, until), attributes=attributes)


def _step(
    record: RecoveryRecord,
    position: int,
    *,
    step: StepRecord | None,
    mark: _Marks | None,
    following: datetime | None,
    end: datetime,
) -> Iterable[Span]:
    start = (mark and (mark.started or mark.finished)) or (step.started_at if step else end)
    if mark and mark.evidence is not None:
        before = start - timedelta(seconds=mark.evidence)
        yield Span(name="evidence", start=before, end=start, attributes={"salus.check": record.check})
    action = step.action if step else mark.action if mark else ""
    # The duration was measured on a clock that nobody sets; without it, what events say, and else the end of all.
    done = start + timedelta(seconds=step.duration) if step else (mark.finished if mark else None) or end
    attributes: dict[str, Value] = {
        "salus.check": record.check,
        "salus.action": action,
        "salus.step.position": position,
        "salus.step.result": step.result.value if step else "interrupted",
    }
    ok = None if step and step.result is StepResult.SKIPPED else bool(step and step.result is StepResult.OK)
    message = step.message if step else record.message
    yield Span(
        name=f"action {action}",
        start=start,
        end=max(start, done),
        ok=ok,
        message="" if ok else message[:LONGEST],
        attributes={**attributes, **_said(message), **({} if ok is not False else _error(step))},
    )
    passed = step.verified if step and step.verified is not None else mark.passed if mark else None
    if passed is None:
        return
    looked = (mark.verified if mark else None) or following or end
    said = mark.said if mark else ""
    yield Span(
        name=f"verify {record.check}",
        start=max(start, done),
        end=max(start, done, looked),
        ok=passed,
        message="" if passed else said[:LONGEST],
        attributes={
            "salus.check": record.check,
            "salus.action": action,
            "salus.step.position": position,
            "salus.verified": passed,
            **_said(said),
        },
    )


def _error(step: StepRecord | None) -> Attributes:
    return {"error.type": step.result.value if step else "interrupted"}


def _said(message: str) -> dict[str, Value]:
    return {"salus.message": message[:LONGEST]} if message else {}
