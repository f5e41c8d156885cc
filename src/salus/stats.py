"""How healing went, in numbers: pure sums over the rows of a ledger, with every definition in one place.

Rows are taken one at a time, oldest first, and nothing is kept of one but its seconds (8 bytes for each span), so a
year of rows needs no more memory than a day of them. Each figure says its formula; a figure over nothing is None.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from statistics import fmean, median

from salus.model import Event, Outcome, RecoveryRecord, RefusalReason, StepRecord, StepResult

RECURRENCE_WINDOW = timedelta(hours=1)
LAST_RESORT = -1  # the ladder of ``on_exhausted``


# ── What comes out ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds that something took, over ``count`` times.

    Attributes:
        count: how many there are.
        mean: their sum over their number: of a time to detect the MTTD, of a time to recover the MTTR.
        median: the middle one; of an even number the mean of the two in the middle.
        p95: nearest rank: the smallest one that at least 95% do not exceed, ``sorted[ceil(0.95 * count) - 1]``.
    """

    count: int
    mean: float
    median: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """Attempts of a special sort, and how many of them recovered."""

    count: int = 0
    recovered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStatistics:
    """What one rule did, or all rules together.

    Attributes:
        rule: its name; empty for all together.
        check: its check; empty for all together.
        attempts: recoveries that ended, without those called off and without last resorts.
        outcomes: how these attempts ended; the numbers add up to ``attempts``.
        success_rate: ``outcomes[recovered] / attempts``.
        time_to_detect: ``decided_at - failing_since`` of the first attempt in each run of bad looks that a person did
            not ask for. Later attempts of the same run would only measure the earlier ones.
        time_to_recover: ``finished_at - failing_since`` of everything that recovered, last resorts too.
        recurrences: attempts that recovered and whose rule decided to act again (called-off ones and a person's wish
            aside) at most an hour after ``finished_at``.
        recurrence_rate: ``recurrences / outcomes[recovered]``.
        interrupted: attempts in which Salus itself ended: ``outcomes[interrupted]``.
        called_off: recoveries that ended before anything was done, for the fresh look spoke against it.
        needless: those of them whose trouble was already gone.
        running: recoveries that have not ended.
        manual: attempts that a person asked for.
        approved: attempts that a person allowed.
        half_open: attempts after giving up.
        last_resorts: runs of ``on_exhausted``; not among the attempts.
        refusals: how often the rule began to be refused, by reason, the most frequent first. A reason that goes on
            from look to look is one refusal.
        would_have_acted: how often it would have acted, had its mode not been ``observe``; not among the refusals.
    """

    rule: str
    check: str
    attempts: int
    outcomes: Mapping[Outcome, int]
    success_rate: float | None
    time_to_detect: Spread | None
    time_to_recover: Spread | None
    recurrences: int
    recurrence_rate: float | None
    interrupted: int
    called_off: int
    needless: int
    running: int
    manual: int
    approved: int
    half_open: Tries
    last_resorts: Tries
    refusals: Mapping[str, int]
    would_have_acted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStatistics:
    """What one kind of action did, on whatever ladder it stood.

    Attributes:
        action: its kind.
        runs: how often it ran; the steps that were skipped are not runs.
        results: how these runs ended by themselves; the numbers add up to ``runs``.
        verified: runs after which the check was looked at afresh.
        healed: those of them after which it passed.
        success_rate: ``healed / verified``; None for an action that only records.
        skipped: steps that were left out because the action's circuit was open.
        duration: seconds of the runs, without the verification.
    """

    action: str
    runs: int
    results: Mapping[StepResult, int]
    verified: int
    healed: int
    success_rate: float | None
    skipped: int
    duration: Spread | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Everything, over one span of time.

    Attributes:
        since: from when on rows were counted.
        until: when they were counted.
        total: all rules together; its spans are those of all rows, not means of the rules'.
        rules: by name.
        actions: by kind.
    """

    since: datetime
    until: datetime
    total: RuleStatistics
    rules: Sequence[RuleStatistics]
    actions: Sequence[ActionStatistics]

    def __bool__(self) -> bool:
        """Tell whether there was anything to count."""
        return bool(self.rules)


# ── How it is summed up ───────────────────────────────────────────────────────────────────────────────────────────────


def statistics(
    recoveries: Iterable[RecoveryRecord], events: Iterable[Event], *, since: datetime, until: datetime
) -> Statistics:
    """Sum up what rules and actions did.

    Args:
        recoveries: rows, oldest first; their evidence is not looked at.
        events: rows in any order; only refusals count.
        since: what the rows were selected by.
        until: now.
    """
    rules, actions = _Rules(), _Actions()
    total = _Rule("")
    for record in recoveries:
        rule = rules[record.rule]
        rule.check = record.check
        facts = rule.course.follow(record)
        rule.add(record, facts)
        total.add(record, facts)
        for step in record.steps:
            actions[step.action].add(step)
    for event in events:
        if event.held_back and event.rule:
            rule = rules[event.rule]
            rule.check = rule.check or event.check or ""
            rule.refusals[event.reason or ""] += 1
            total.refusals[event.reason or ""] += 1
    return Statistics(
        since=since,
        until=until,
        total=total.sum(),
        rules=[rules[name].sum() for name in sorted(rules)],
        actions=[actions[name].sum() for name in sorted(actions)],
    )


def spread(seconds: Iterable[float]) -> Spread | None:
    """Return the middle and the slow end of some spans; None when there are none."""
    found = sorted(seconds)
    if not found:
        return None
    return Spread(count=len(found), mean=fmean(found), median=median(found), p95=found[ceil(0.95 * len(found)) - 1])


def called_off(record: RecoveryRecord) -> bool:
    """Tell whether it ended before anything was done, so that it counts neither for nor against its rule."""
    acted = any(step.result is StepResult.CANCELLED or step.verified is not None for step in record.steps)
    return record.needless or (record.outcome is Outcome.CANCELLED and not acted)


def counts(record: RecoveryRecord) -> bool:
    """Tell whether it is an attempt that speaks for or against its rule.

    It is not while it runs, nor when it was called off, nor as a last resort, which follows the giving up.
    """
    return record.outcome is not None and not called_off(record) and record.ladder != LAST_RESORT


@dataclass(frozen=True, slots=True)
class _Facts:
    """What only the rows before a row can tell about it: is it the first of its run, did the last one not hold?"""

    detected: bool = False
    recurred: bool = False


@dataclass(slots=True)
class _Course:
    """Where one rule stands, from row to row."""

    failing_since: datetime | None = None
    recovered_at: datetime | None = None

    def follow(self, record: RecoveryRecord) -> _Facts:
        """Take the next row and say what it is, given those before."""
        if called_off(record):
            return _Facts()
        wanted = not record.manual and record.ladder != LAST_RESORT
        detected = wanted and record.failing_since not in (None, self.failing_since)
        recurred = (
            wanted
            and self.recovered_at is not None
            and timedelta() <= record.decided_at - self.recovered_at <= RECURRENCE_WINDOW
        )
        self.failing_since = record.failing_since or self.failing_since
        if wanted:
            self.recovered_at = None
        if record.outcome is Outcome.RECOVERED and record.ladder != LAST_RESORT:
            self.recovered_at = record.finished_at
        return _Facts(detected, recurred)


@dataclass(slots=True)
class _Rule:
    """The sums of one rule, while rows come in."""

    rule: str
    check: str = ""
    course: _Course = field(default_factory=_Course)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    detected: array[float] = field(default_factory=lambda: array("d"))
    recovered: array[float] = field(default_factory=lambda: array("d"))

    def add(self, record: RecoveryRecord, facts: _Facts) -> None:
        counts, good = self.counts, record.outcome is Outcome.RECOVERED and not record.needless
        counts["recurrences"] += facts.recurred
        if facts.detected and record.failing_since:
            self.detected.append(_seconds(record.failing_since, record.decided_at))
        if good and record.failing_since and record.finished_at:
            self.recovered.append(_seconds(record.failing_since, record.finished_at))
        if record.outcome is None:
            counts["running"] += 1
        elif called_off(record):
            counts["called_off"] += 1
            counts["needless"] += record.needless
        elif record.ladder == LAST_RESORT:
            counts["last"] += 1
            counts["last_recovered"] += good
        else:
            self.outcomes[record.outcome] += 1
            counts["manual"] += record.manual
            counts["approved"] += bool(record.approved_by)
            if record.half_open:
                counts["half_open"] += 1
                counts["half_open_recovered"] += good

    def sum(self) -> RuleStatistics:
        counts, attempts, good = self.counts, self.outcomes.total(), self.outcomes[Outcome.RECOVERED]
        refusals = Counter(self.refusals)
        would_have_acted = refusals.pop(RefusalReason.OBSERVE_ONLY.value, 0)
        return RuleStatistics(
            rule=self.rule,
            check=self.check,
            attempts=attempts,
            outcomes={outcome: count for outcome in Outcome if (count := self.outcomes[outcome])},
            success_rate=_rate(good, attempts),
            time_to_detect=spread(self.detected),
            time_to_recover=spread(self.recovered),
            recurrences=counts["recurrences"],
            recurrence_rate=_rate(counts["recurrences"], good),
            interrupted=self.outcomes[Outcome.INTERRUPTED],
            called_off=counts["called_off"],
            needless=counts["needless"],
            running=counts["running"],
            manual=counts["manual"],
            approved=counts["approved"],
            half_open=Tries(count=counts["half_open"], recovered=counts["half_open_recovered"]),
            last_resorts=Tries(count=counts["last"], recovered=counts["last_recovered"]),
            refusals=dict(sorted(refusals.items(), key=lambda found: (-found[1], found[0]))),
            would_have_acted=would_have_acted,
        )


@dataclass(slots=True)
class _Action:
    """The sums of one kind of action, while rows come in."""

    action: str
    results: Counter[StepResult] = field(default_factory=Counter)
    verified: int = 0
    healed: int = 0
    took: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: StepRecord) -> None:
        self.results[step.result] += 1
        if step.result is StepResult.SKIPPED:
            return
        if step.duration == step.duration:  # an old row may say that it is not known
            self.took.append(step.duration)
        self.verified += step.verified is not None
        self.healed += step.verified is True

    def sum(self) -> ActionStatistics:
        results = {result: count for result in StepResult if (count := self.results[result])}
        skipped = results.pop(StepResult.SKIPPED, 0)
        return ActionStatistics(
            action=self.action,
            runs=sum(results.values()),
            results=results,
            verified=self.verified,
            healed=self.healed,
            success_rate=_rate(self.healed, self.verified),
            skipped=skipped,
            duration=spread(self.took),
        )


class _Rules(dict[str, _Rule]):
    def __missing__(self, name: str) -> _Rule:
        return self.setdefault(name, _Rule(name))


class _Actions(dict[str, _Action]):
    def __missing__(self, kind: str) -> _Action:
        return self.setdefault(kind, _Action(kind))


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _seconds(start: datetime, end: datetime) -> float:
    """Return the seconds between; never less than none, when the wall clock went back in between."""
    return max(0.0, (end - start).total_seconds())
