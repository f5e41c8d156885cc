"""What must hold at every event of every engine, under any fault: small judges over the stream of events.

``Judges(engine)`` is a subscriber of the bus. Each judge looks at one promise and says in words how it was broken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias, runtime_checkable

from salus.engine.assess import belongs, key
from salus.engine.units import CheckUnit
from salus.model import Effect, Event, EventKind, Limits, Outcome, RecoveryRecord, RefusalReason, Status
from salus.simulate.attempts import AttemptsBounded, CooldownKept, GivingUpKept, HealthProven
from salus.simulate.observed import Judge, Observed, rule_of, rule_unit, state_of

_ACTING = (Effect.CHANGES, Effect.REPLACES)
_HOUR = timedelta(hours=1)


class SingleFlight:
    """Never two recoveries on one target."""

    def __init__(self) -> None:
        """Begin with no recovery under way."""
        self._held: dict[str, tuple[str, ...]] = {}

    def judge(self, event: Event, seen: Observed) -> str:
        """Follow who holds what."""
        recovery = event.recovery or ""
        if event.kind is EventKind.RECOVERY_FINISHED:
            self._held.pop(recovery, None)
        elif event.kind is EventKind.RECOVERY_STARTED and (record := seen.record(recovery)):
            taken = {target: held for held, targets in self._held.items() for target in targets}
            self._held[recovery] = record.targets
            if both := sorted(set(record.targets) & set(taken)):
                return f"{', '.join(both)} is being healed by {taken[both[0]]} already"
        return ""


class BudgetsKept:
    """Never more recoveries at once, nor in any hour, than the limits allow."""

    def __init__(self) -> None:
        """Begin with nothing spent."""
        self._running: dict[str, datetime] = {}
        self._starts: deque[datetime] = deque()

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._running = {name: at + by for name, at in self._running.items()}
        self._starts = deque(at + by for at in self._starts)

    def judge(self, event: Event, seen: Observed) -> str:
        """Count; what was called off before it acted was not spent."""
        recovery = event.recovery or ""
        if event.kind is EventKind.RECOVERY_FINISHED:
            started = self._running.pop(recovery, None)
            if started is not None and event.reason == Outcome.CANCELLED and started in self._starts:
                self._starts.remove(started)
        elif event.kind is EventKind.RECOVERY_STARTED and (record := seen.record(recovery)):
            if record.ladder < 0:
                return ""
            return self._started(record, event.at, seen.limits)
        return ""

    def _started(self, record: RecoveryRecord, now: datetime, limits: Limits) -> str:
        self._running[record.id] = now
        self._starts.append(now)
        while self._starts and self._starts[0] <= now - _HOUR:
            self._starts.popleft()
        if record.manual:
            return ""
        if len(self._running) > limits.recoveries_at_once:
            return f"{len(self._running)} recoveries run, allowed are {limits.recoveries_at_once}"
        if len(self._starts) > limits.recoveries_per_hour:
            return f"{len(self._starts)} recoveries within an hour, allowed are {limits.recoveries_per_hour}"
        return ""


class GroupsKept:
    """Never more members of a group in recovery than may be out of service."""

    def __init__(self) -> None:
        """Begin with nothing under way."""
        self._held: dict[str, frozenset[str]] = {}

    def judge(self, event: Event, seen: Observed) -> str:
        """Follow who holds what, and count members."""
        recovery = event.recovery or ""
        if event.kind is EventKind.RECOVERY_FINISHED:
            self._held.pop(recovery, None)
        elif event.kind is EventKind.RECOVERY_STARTED and (record := seen.record(recovery)):
            self._held[recovery] = frozenset(record.targets)
            if not record.manual:
                return self._count(frozenset(record.targets), seen)
        return ""

    def _count(self, targets: frozenset[str], seen: Observed) -> str:
        held = frozenset().union(*self._held.values())
        for group in seen.limits.groups:
            members = {key(unit) for unit in seen.units.values() if belongs(unit, group)}
            out, allowed = len(members & held), group.allowed(len(members))
            if members & targets and out > allowed:
                return f"{out} members of {group.name} are being healed, allowed are {allowed}"
        return ""


class UnknownNeverHeals:
    """Never a recovery of a check that could not tell."""

    def judge(self, event: Event, seen: Observed) -> str:
        """Look at the verdict and the newest look when a recovery begins."""
        if event.kind is not EventKind.RECOVERY_STARTED or (state := state_of(event, seen)) is None:
            return ""
        record = seen.record(event.recovery or "")
        if record is None or record.manual:
            return ""
        if state.last is None or state.last.status is Status.UNKNOWN:
            return "the newest look could not tell"
        return ""


class NothingHealthyActedOn:
    """Never a first step that changes anything while the newest look passes or cannot tell."""

    def __init__(self) -> None:
        """Begin with no step taken."""
        self._acted: set[str] = set()

    def judge(self, event: Event, seen: Observed) -> str:
        """Look at the newest look when the first step begins that changes something."""
        recovery = event.recovery or ""
        if event.kind is EventKind.RECOVERY_FINISHED:
            self._acted.discard(recovery)
        if event.kind is not EventKind.ACTION_STARTED or recovery in self._acted:
            return ""
        record, rule, state = seen.record(recovery), rule_of(event, seen), state_of(event, seen)
        if record is None or rule is None or state is None or not _acting(event, record, seen):
            return ""
        self._acted.add(recovery)
        if record.manual or rule.when or record.ladder < 0:
            return ""
        if state.last is None or not state.last.status.at_least(rule.trigger_on):
            said = state.last.status.value if state.last else "nothing"
            return f"{event.action} acts, and the newest look says {said}"
        return ""


def _acting(event: Event, record: RecoveryRecord, seen: Observed) -> bool:
    """Tell whether the step that begins changes anything: by its place in the ladder of its rule."""
    unit = seen.units[event.check or ""]
    ladder = next(one.ladder(record.ladder) for one in unit.rules if one.rule.name == event.rule)
    place = len(record.steps)
    return place < len(ladder) and ladder[place][1].effect in _ACTING


class RecoveredIsProven:
    """Never ``recovered`` without a passing look that began after the last action had ended."""

    def __init__(self) -> None:
        """Begin with no action ended."""
        self._ended: dict[str, datetime] = {}

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        # A look that was under way at a jump forward has the old time.
        self._ended = {name: min(at, at + by) for name, at in self._ended.items()}

    def judge(self, event: Event, seen: Observed) -> str:
        """Compare the newest look with the end of the last action."""
        recovery = event.recovery or ""
        if event.kind is EventKind.ACTION_FINISHED:
            self._ended[recovery] = event.at
        if event.kind is not EventKind.RECOVERY_FINISHED:
            return ""
        ended = self._ended.pop(recovery, None)
        rule, state = rule_of(event, seen), state_of(event, seen)
        if event.reason != Outcome.RECOVERED or rule is None or state is None:
            return ""
        last = state.last
        if ended is None or last is None or last.at < ended:
            return "recovered, and no look has begun since the last action"
        if not rule.when and (last.status is Status.UNKNOWN or last.status.at_least(rule.trigger_on)):
            return f"recovered, and the newest look says {last.status.value}"
        return ""


class BrakeReleases:
    """Never a storm brake that stays on while everything it stopped is well again."""

    def __init__(self) -> None:
        """Begin with no brake on."""
        self._on: dict[str, datetime] = {}

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._on = {name: at + by for name, at in self._on.items()}

    def judge(self, event: Event, seen: Observed) -> str:
        """At every event, look how long a brake is on with nothing bad."""
        if event.kind is EventKind.STORM_STARTED:
            self._on[event.reason or ""] = event.at
        elif event.kind is EventKind.STORM_ENDED:
            self._on.pop(event.reason or "", None)
        if not self._on:
            return ""
        if any(unit.state.status.bad for unit in seen.units.values()):
            self._on = dict.fromkeys(self._on, event.at)
            return ""
        most = timedelta(seconds=2 * seen.limits.storm_hold_max + seen.limits.storm_window)
        stuck = [scope for scope, since in self._on.items() if event.at - since > most]
        return f"the brake on {stuck[0]} is on, and nothing has been bad for {most}" if stuck else ""


class OneReason:
    """Never a decision without exactly one answer: a recovery, or a refusal with one reason out of the enum."""

    def judge(self, event: Event, seen: Observed) -> str:
        """Look at the reason of a refusal, and that nothing is refused and done at once."""
        one = rule_unit(event, seen)
        if event.kind is EventKind.RECOVERY_STARTED:
            held = one.refused_with() if one else None
            return f"it acts, and is refused for {held.value!r}" if held else ""
        if event.kind is not EventKind.RECOVERY_REFUSED:
            return ""
        if event.reason not in {reason.value for reason in RefusalReason}:
            return f"refused for {event.reason!r}, which is no reason"
        return f"refused for {event.reason!r}, and it acts" if one and one.record else ""


INVARIANTS: tuple[Callable[[], Judge], ...] = (
    AttemptsBounded,
    GivingUpKept,
    HealthProven,
    CooldownKept,
    SingleFlight,
    BudgetsKept,
    GroupsKept,
    UnknownNeverHeals,
    NothingHealthyActedOn,
    RecoveredIsProven,
    BrakeReleases,
    OneReason,
)


@runtime_checkable
class Dated(Protocol):
    """A judge that remembers instants."""

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        ...


Story: TypeAlias = tuple[Event, ...]


class Violation:
    """A promise that was broken: which, how, at which event, and what led there."""

    def __init__(self, invariant: str, how: str, event: Event, story: Story) -> None:
        """Keep it."""
        self.invariant = invariant
        self.how = how
        self.event = event
        self.story = story

    def __str__(self) -> str:
        """Tell it in one line."""
        about = self.event.rule or self.event.check or "-"
        return f"{self.invariant}: {about} at {self.event.at:%Y-%m-%d %H:%M:%S.%f}: {self.how}"


class Judges:
    """Hands every event to every judge, and keeps the first violation; give it to ``Bus.subscribe``."""

    STORY = 40

    def __init__(
        self,
        seen: Observed,
        broken: Callable[[Violation], None],
        invariants: Iterable[Callable[[], Judge]] = INVARIANTS,
    ) -> None:
        """Call ``broken`` once, with the first violation."""
        self._seen = seen
        self._broken = broken
        self._judges = [make() for make in invariants]
        self._recent: deque[Event] = deque(maxlen=self.STORY)
        self.violation: Violation | None = None

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock, as the engine does."""
        for judge in self._judges:
            if isinstance(judge, Dated):
                judge.shift(by)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if self.violation is not None:
            return
        self._recent.append(event)
        for judge in self._judges:
            if how := judge.judge(event, self._seen):
                self.violation = Violation(type(judge).__name__, how, event, tuple(self._recent))
                self._broken(self.violation)
                return


class EngineSeen:
    """Lets judges look into an engine."""

    def __init__(self, units: Mapping[str, CheckUnit], running: Mapping[str, RunningRecovery], limits: Limits) -> None:
        """Look at these; they are read anew at every event."""
        self.units = dict(units)
        self.limits = limits
        self._running = running

    def record(self, recovery: str) -> RecoveryRecord | None:
        """Return a recovery under way."""
        found = self._running.get(recovery)
        return found.record if found else None


class RunningRecovery(Protocol):
    """A recovery under way, as the healer keeps it."""

    record: RecoveryRecord
