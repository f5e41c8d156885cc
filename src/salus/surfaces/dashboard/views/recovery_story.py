"""The story of a recovery, moment by moment: what was seen, what was done, what a fresh look said, how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from salus.model import (
    NOTHING,
    Event,
    EventKind,
    Json,
    Outcome,
    RecoveryPhase,
    RecoveryRecord,
    StepRecord,
    StepResult,
    UnderWay,
)
from salus.surfaces.dashboard.views.healing import PHASES, RESULTS

_OUTCOMES = {
    Outcome.RECOVERED: "Recovered",
    Outcome.NOT_RECOVERED: "Not recovered",
    Outcome.TIMED_OUT: "Timed out",
    Outcome.FAILED: "Failed",
    Outcome.CANCELLED: "Called off",
    Outcome.INTERRUPTED: "Interrupted: Salus ended in the middle of it",
}
_BEFORE_ANY = (RecoveryPhase.CONFIRMING, RecoveryPhase.CAPTURING)
_A_MOMENT = timedelta(milliseconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One entry of the story.

    Attributes:
        id: stays the same from its beginning to its end.
        title: a few words.
        text: one line for people.
        at: when; None for what has not begun.
        tone: ``good``, ``bad``, ``warn``, ``now`` or nothing.
        picture: name of its icon.
        took: seconds, where it has ended and lasted.
        now: it is done at this moment.
        evidence: what it recorded.
    """

    id: str
    title: str
    text: str = ""
    at: datetime | None = None
    tone: str = ""
    picture: str = "clock"
    took: float | None = None
    now: UnderWay | None = None
    evidence: Mapping[str, Json] = field(default_factory=lambda: NOTHING)


def story(record: RecoveryRecord, rungs: Sequence[str] = (), events: Iterable[Event] = ()) -> list[Moment]:
    """Tell a recovery.

    Args:
        record: the recovery.
        rungs: the actions of its ladder.
        events: what happened in it, in any order; more can be told with them, as long as the ledger keeps them.
    """
    known = sorted(events, key=lambda event: event.id)
    found = [_detected(record), _decided(record), _confirmed(record, known)]
    for step in record.steps:
        found += [_step(step), _verified(record, step, known)]
    if record.outcome is None:
        found += [_acting(record), _then(record, rungs)]
    else:
        found.append(_ended(record))
    return [one for one in found if one is not None]


def _detected(record: RecoveryRecord) -> Moment | None:
    if record.failing_since is None:
        return None
    return Moment(
        id="detected",
        title="First bad look",
        text=record.trigger,
        at=record.failing_since,
        tone="bad",
        picture="search",
    )


def _decided(record: RecoveryRecord) -> Moment:
    if record.manual:
        title = "A person asked for it"
    elif record.ladder < 0:
        title = "Giving up: what is left to do"
    elif record.half_open:
        title = "Decided: one more try after giving up"
    else:
        title = f"Decided: attempt {record.attempt}"
    words = [f"by the rule {record.rule}"]
    if record.ladder > 0:
        words.append(f"up its ladder {record.ladder + 1}")
    if record.approved_by:
        words.append(f"allowed by {record.approved_by}")
    return Moment(
        id="decided",
        title=title,
        text=", ".join(words),
        at=record.decided_at,
        picture="user" if record.manual else "play",
    )


def _confirmed(record: RecoveryRecord, events: Sequence[Event]) -> Moment | None:
    current = record.current
    if current and record.outcome is None and current.phase in _BEFORE_ANY:
        title = PHASES[current.phase]
        return Moment(
            id="confirmed",
            title=f"{title[:1].upper()}{title[1:]}",
            at=current.since,
            tone="now",
            picture="search",
            now=current,
        )
    event = next((one for one in events if one.kind is EventKind.RECOVERY_CONFIRMED), None)
    if event is not None:
        return Moment(
            id="confirmed", title="Confirmed by a fresh look", text=event.message, at=event.at, picture="search"
        )
    if record.steps and record.ladder >= 0:
        return Moment(id="confirmed", title="Confirmed by a fresh look", at=record.started_at, picture="search")
    return None


def _step(step: StepRecord) -> Moment:
    good, skipped = step.result is StepResult.OK, step.result is StepResult.SKIPPED
    said = RESULTS[step.result]
    return Moment(
        id=f"step-{step.position}",
        title=f"{step.position}. {step.action}" + ("" if good else f": {said}"),
        text=step.message or said,
        at=step.started_at,
        tone="" if good else "warn" if skipped else "bad",
        picture="tick" if good else "stop" if skipped else "cross",
        took=None if skipped else step.duration,
        evidence=step.evidence,
    )


def _verified(record: RecoveryRecord, step: StepRecord, events: Sequence[Event]) -> Moment | None:
    name, ended = f"verified-{step.position}", step.started_at + timedelta(seconds=step.duration)
    current = record.current
    if step.verified is None:
        doing = current and current.phase is RecoveryPhase.VERIFYING and current.position == step.position
        if not doing or current is None or record.outcome is not None:
            return None
        return Moment(
            id=name,
            title="Looking afresh whether it helped",
            at=current.since,
            tone="now",
            picture="search",
            now=current,
        )
    event = next((one for one in events if one.kind is EventKind.VERIFIED and one.at >= ended - _A_MOMENT), None)
    return Moment(
        id=name,
        title="Verified by a fresh look" if step.verified else "Still failing",
        text=_short(event.message) if event else "",
        at=event.at if event else ended,
        tone="good" if step.verified else "bad",
        picture="healthy" if step.verified else "unhealthy",
        took=max(0.0, (event.at - ended).total_seconds()) if event else None,
    )


def _short(message: str) -> str:
    """Leave out of a message what the title says already."""
    for words in ("verified by a fresh look: ", "still failing: "):
        message = message.removeprefix(words)
    return message


def _acting(record: RecoveryRecord) -> Moment | None:
    current = record.current
    if current is None or current.phase not in (RecoveryPhase.ACTING, RecoveryPhase.WAITING):
        return None
    if any(step.position == current.position for step in record.steps):
        return None  # it has ended this very moment
    return Moment(
        id=f"step-{current.position}",
        title=f"{current.position}. {current.action}",
        text=PHASES[current.phase],
        at=current.since,
        tone="now",
        picture="refresh",
        now=current,
    )


def _then(record: RecoveryRecord, rungs: Sequence[str]) -> Moment | None:
    done = max(len(record.steps), record.current.position or 0 if record.current else 0)
    left = rungs[done:]
    if not left:
        return None
    return Moment(id="then", title="Then, unless it is well before", text=", ".join(left), picture="chevron-down")


def _ended(record: RecoveryRecord) -> Moment:
    outcome = record.outcome or Outcome.INTERRUPTED
    good = outcome is Outcome.RECOVERED
    called_off = outcome is Outcome.CANCELLED
    title = "Called off: nothing had to be done" if record.needless else _OUTCOMES[outcome]
    return Moment(
        id="outcome",
        title=title,
        text=record.message,
        at=record.finished_at,
        tone="good" if good else "" if called_off else "bad",
        picture="healthy" if good else "stop" if called_off else "unhealthy",
        took=record.duration,
    )
