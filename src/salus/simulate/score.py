"""What came of a simulated time, in figures: how much was healed, how fast, how much was done for nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from salus.model import Event, EventKind, Outcome
from salus.simulate.truth import End, Incident, Step
from salus.simulate.world import World

CALLS = {
    EventKind.RULE_EXHAUSTED: "exhausted",
    EventKind.RULE_RECURRING: "recurring",
    EventKind.STORM_STARTED: "storm",
    EventKind.APPROVAL_WANTED: "approval_wanted",
    EventKind.CIRCUIT_OPENED: "circuit_opened",
    EventKind.RIVAL_DETECTED: "rival_detected",
    EventKind.SHARED_CAUSE_FOUND: "shared_cause",
}
_BAD = ("degraded", "unhealthy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds: the middle one and the 95th of a hundred; None where there were none."""

    median: float | None = None
    p95: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """Sum up."""
        if not seconds:
            return cls()
        ordered = sorted(seconds)
        return cls(median=median(ordered), p95=ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))])


@dataclass(frozen=True, slots=True, kw_only=True)
class KindScore:
    """One kind of fault.

    Attributes:
        incidents: how often it struck.
        healed: ended by an action (or prevented, before it was felt).
        passed: ended by itself.
        repaired: ended by the person who was called.
        open: not ended.
        detect: from the moment it was felt to a bad verdict.
        recover: from the moment it was felt to its end, however it ended.
    """

    incidents: int
    healed: int
    passed: int
    repaired: int
    open: int
    detect: Times
    recover: Times


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures of one simulated time.

    Attributes:
        days, seed, looks: what was simulated.
        incidents: how often anything went wrong.
        healable: those for which there is an action that heals them.
        healed: healable ones that an action healed.
        recall: ``healed / healable``; None where nothing was healable.
        acting_steps: steps of recoveries that change the world.
        needless: those that were not called for.
        precision: share of acting steps that were called for; None without any.
        needless_by_cause: how often each cause led to one.
        needless_steps: each of them, the first hundred.
        detect, recover: over all healable incidents that were felt.
        availability: share of time that all services together did their work.
        availability_by_service: each.
        recoveries: how they ended, by outcome.
        called_off: recoveries that a fresh look called off before anything was done.
        refusals: by reason.
        calls: moments at which a person would be called, by kind.
        alerts: how often each alert rule fired.
        notifications: how many each channel would have been sent.
        by_kind: one row for each kind of fault.
        violation: the promise that was broken, or an empty string.
    """

    days: float
    seed: int
    looks: int
    incidents: int
    healable: int
    healed: int
    recall: float | None
    acting_steps: int
    needless: int
    precision: float | None
    needless_by_cause: Mapping[str, int]
    needless_steps: Sequence[Step]
    detect: Times
    recover: Times
    availability: float
    availability_by_service: Mapping[str, float]
    recoveries: Mapping[str, int]
    called_off: int
    refusals: Mapping[str, int]
    calls: Mapping[str, int]
    alerts: Mapping[str, int]
    notifications: Mapping[str, int]
    by_kind: Mapping[str, KindScore]
    violation: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return asdict(self)


@dataclass(slots=True)
class Tally:
    """Counts events as they come; give it to ``Bus.subscribe``."""

    world: World
    recoveries: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    notifications: Counter[str] = field(default_factory=Counter)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        kind, now = event.kind, self.world.clock.monotonic()
        if kind is EventKind.STATUS_CHANGED:
            if event.new in _BAD or event.new == "unknown":
                self.world.detected(event.check or "", now)
        elif kind is EventKind.RECOVERY_STARTED:
            self.world.detected(event.check or "", now)
        elif kind is EventKind.RECOVERY_FINISHED:
            self.recoveries[event.reason or ""] += 1
        elif event.held_back:
            self.refusals[event.reason or ""] += 1
        elif kind is EventKind.ALERT_FIRING:
            self.alerts[event.reason or ""] += 1
        elif kind in CALLS:
            self.calls[CALLS[kind]] += 1


def score(tally: Tally, *, days: float, seed: int, looks: int, violation: str) -> Result:
    """Sum up."""
    world = tally.world
    now = world.clock.monotonic()
    healable = [one for one in world.incidents if one.healable and not _only_grew(one)]
    healed = [one for one in healable if one.end in (End.HEALED, End.PREVENTED)]
    needless = [step for step in world.steps if step.needless]
    availability = world.availability(now)
    felt = [one for one in healable if one.hurts_at is not None]
    return Result(
        days=days,
        seed=seed,
        looks=looks,
        incidents=len(world.incidents),
        healable=len(healable),
        healed=len(healed),
        recall=len(healed) / len(healable) if healable else None,
        acting_steps=len(world.steps),
        needless=len(needless),
        precision=1 - len(needless) / len(world.steps) if world.steps else None,
        needless_by_cause=_sorted(Counter(step.needless for step in needless)),
        needless_steps=needless[:100],
        detect=_detect(felt),
        recover=_recover(felt),
        availability=sum(availability.values()) / len(availability) if availability else 1.0,
        availability_by_service=dict(sorted(availability.items())),
        recoveries=_sorted(tally.recoveries),
        called_off=tally.recoveries[Outcome.CANCELLED.value],
        refusals=_sorted(tally.refusals),
        calls=_sorted(tally.calls),
        alerts=_sorted(tally.alerts),
        notifications=_sorted(tally.notifications),
        by_kind=_by_kind(world.incidents),
        violation=violation,
    )


def _only_grew(incident: Incident) -> bool:
    """Tell whether this is a leak that had not been felt when the time was over: nobody has failed to heal it."""
    return incident.hurts_at is None and incident.ended_at is None


def _by_kind(incidents: Sequence[Incident]) -> dict[str, KindScore]:
    kinds: dict[str, list[Incident]] = {}
    for incident in incidents:
        kinds.setdefault(incident.kind, []).append(incident)
    return {kind: _kind_score(found) for kind, found in sorted(kinds.items())}


def _kind_score(found: Sequence[Incident]) -> KindScore:
    ends = Counter(one.end for one in found)
    return KindScore(
        incidents=len(found),
        healed=ends[End.HEALED] + ends[End.PREVENTED],
        passed=ends[End.PASSED],
        repaired=ends[End.REPAIRED],
        open=ends[None],
        detect=_detect(found),
        recover=_recover(found),
    )


def _detect(found: Sequence[Incident]) -> Times:
    pairs = ((one.hurts_at, one.detected_at) for one in found)
    return Times.of([seen - felt for felt, seen in pairs if felt is not None and seen is not None])


def _recover(found: Sequence[Incident]) -> Times:
    pairs = ((one.hurts_at, one.ended_at) for one in found)
    return Times.of([ended - felt for felt, ended in pairs if felt is not None and ended is not None])


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
