"""One attempt to heal, and what is written about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from salus.model.checks import NOTHING, Json, Observation
from salus.model.rules import Outcome, RecoveryRule


class Effect(StrEnum):
    """What an action can do to the world. Decides whether the check is run afresh after it."""

    RECORDS = "records"  # log, evidence: can never count as success
    WAITS = "waits"  # lets time pass: worth a fresh look if something acted before it
    CHANGES = "changes"  # changes the world: always verified
    REPLACES = "replaces"  # gives the target a new incarnation: evidence first, then always verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One recovery attempt to carry out.

    Attributes:
        id: unique.
        rule: the rule as it is now; a later edit has no effect on this attempt.
        check: the check to heal.
        targets: what this attempt holds exclusively (``service:web`` or ``check:disk``).
        attempt: 1 for the first of an incident.
        decided_at: when the deciding observation was in.
        trigger: the deciding observation.
        ladder: which of the rule's ladders, 0 for the first; -1 for ``on_exhausted``.
        half_open: the one try after giving up.
        manual: a person asked for it.
        dead: the target's service is known to have ended, so no look is needed to believe it.
        approved_by: the person who allowed it, or an empty string.
    """

    id: str
    rule: RecoveryRule
    check: str
    targets: frozenset[str]
    attempt: int
    decided_at: datetime
    trigger: Observation | None = None
    ladder: int = 0
    half_open: bool = False
    manual: bool = False
    dead: bool = False
    approved_by: str = ""


class StepResult(StrEnum):
    """How one action ended."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # its circuit is open


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One rung that was tried.

    Attributes:
        position: 1 for the first action of the ladder.
        action: its kind.
        result: how the action itself ended.
        message: one line for people.
        started_at: when it began.
        duration: seconds it took, without the verification.
        verified: the check passed afterwards; None where there was nothing to verify.
        evidence: what it recorded (bounded).
    """

    position: int
    action: str
    result: StepResult
    message: str = ""
    started_at: datetime
    duration: float = 0.0
    verified: bool | None = None
    evidence: Mapping[str, Json] = field(default_factory=lambda: NOTHING)


class RecoveryPhase(StrEnum):
    """What a recovery is at, while it runs."""

    CONFIRMING = "confirming"  # looks afresh whether the trouble is still there
    CAPTURING = "capturing"  # records what is about to be destroyed
    ACTING = "acting"  # an action runs
    WAITING = "waiting"  # an action runs that only lets time pass
    VERIFYING = "verifying"  # looks afresh whether the action helped


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """What a recovery does at this moment.

    Attributes:
        phase: what it is at.
        action: the kind of the action that runs, or is verified; None before the first.
        position: its place in the ladder, 1 for the first; None before the first.
        since: when that began.
        until: when it ends at the latest.
    """

    phase: RecoveryPhase
    action: str | None = None
    position: int | None = None
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRecord:
    """One recovery as the ledger keeps it: the row exists before the first action.

    Attributes:
        id: unique.
        rule: name of the rule.
        check: name of the check.
        targets: what it holds exclusively.
        attempt: 1 for the first of an incident.
        trigger: message of the deciding observation.
        failing_since: when the run of bad looks began.
        decided_at: when the deciding observation was in.
        started_at: when the row was written.
        finished_at: None while it runs.
        outcome: None while it runs.
        message: one line for people on how it ended.
        initiation: seconds from the deciding observation to the first action; None if no action ran.
        duration: seconds from the deciding observation to the outcome.
        ladder: which of the rule's ladders, 0 for the first; -1 for ``on_exhausted``.
        half_open: the one try after giving up.
        manual: a person asked for it.
        approved_by: the person who allowed it, or an empty string.
        needless: it was called off, for the trouble was gone before anything was done.
        steps: what was tried, in order.
        evidence: what was captured before anything was destroyed (bounded).
        current: what it does at this moment, while it runs; no ledger keeps that.
    """

    id: str
    rule: str
    check: str
    targets: tuple[str, ...] = ()
    attempt: int = 1
    trigger: str = ""
    failing_since: datetime | None = None
    decided_at: datetime
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    message: str = ""
    initiation: float | None = None
    duration: float | None = None
    ladder: int = 0
    half_open: bool = False
    manual: bool = False
    approved_by: str = ""
    needless: bool = False
    steps: tuple[StepRecord, ...] = ()
    evidence: Mapping[str, Json] = field(default_factory=lambda: NOTHING)
    current: UnderWay | None = None
