"""What holds healing beyond single rules: people, storms, circuits, rivals. One object per Salus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from salus.engine.circuits import Circuits
from salus.engine.holds import Holds, Keep, pause_in_words
from salus.engine.memos import memo, recall
from salus.engine.starts import Starts
from salus.engine.storms import Storms
from salus.engine.units import CheckUnit
from salus.model import (
    EventKind,
    Json,
    Limits,
    Mode,
    ModeOverride,
    Observation,
    Pause,
    RecoveryRule,
    RefusalReason,
    Status,
)
from salus.ports import Tell
from salus.rules import causes, rivals
from salus.rules.situation import Hold

MOST_WAIT = 60.0


class Policy:
    """Everything that may hold a rule back and is not the rule's own."""

    def __init__(self, tell: Tell, keep: Keep) -> None:
        """Say what happens through ``tell``, remember it through ``keep``."""
        self.causes = causes.Tally()
        self.limits = Limits()
        self.holds = Holds(tell, keep)
        self.check_pauses: dict[str, Pause] = {}  # also of checks that are not in the config at the moment
        self.modes: dict[str, ModeOverride] = {}  # what people have set, by rule
        self.storms = Storms(tell, keep)
        self.circuits = Circuits(tell, keep)
        self.starts = Starts(keep)
        self.refusals: dict[str, Counter[RefusalReason]] = {}
        self.tell = tell
        self.keep = keep
        self._rivals: dict[str, tuple[datetime, ...]] = {}
        self._rival_copies: dict[str, str] = {}

    @property
    def limits(self) -> Limits:
        """Return the blast radius of all recoveries together."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._limits = self.causes.limits = limits

    def resize(self, units: Mapping[str, CheckUnit]) -> None:
        """Take a new set of checks."""
        self.storms.resize(units)
        self.refusals = {name: counts for name, counts in self.refusals.items() if name in units}
        members = {
            name: causes.Member(kind=unit.spec.kind, target=unit.target, share=unit.share)
            for name, unit in units.items()
        }
        self._tell_causes(self.causes.resize(members))

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up what an earlier Salus knew.

        Raises:
            StoreUnreadableError: a row cannot be understood.
        """
        self.holds.load(memos)
        self.check_pauses = recall(memos, "check_pause", Pause)
        self.modes = recall(memos, "mode", ModeOverride)
        self.storms.load(memos)
        self.circuits.load(memos)
        self.starts.load(memos)
        self._rivals = {name: tuple(found.instants) for name, found in recall(memos, "rival", _Rival).items()}

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock, so that every wait lasts as long as it should."""
        self.holds.shift(by)
        if self.modes:
            from salus.engine import rulemodes

            rulemodes.shift(self, by)
        self.storms.shift(by)
        self.circuits.shift(by)
        self.starts.shift(by)
        self.causes.shift(by)
        self._rivals = {target: tuple(at + by for at in instants) for target, instants in self._rivals.items()}

    def tick(self, now: datetime, *, all_seen: bool) -> tuple[bool, float]:
        """Do what is due; returns whether something that held rules back is over, and seconds until the next time."""
        ended, change = self.holds.tick(now)
        released = all_seen and self.storms.ease(self.limits)
        wait = MOST_WAIT if change is None else min(MOST_WAIT, max(0.0, (change - now).total_seconds()))
        return ended or released, wait

    def mode(self, rule: RecoveryRule) -> Mode:
        """Return how far a rule may go: the most careful of its own mode, or what a person set, and of the whole's."""
        override = self.modes.get(rule.name)
        return (override.mode if override else rule.mode).most_careful(self._limits.mode)

    def check_pause_hold(self, check: str) -> Hold | None:
        """Return what the pause of a check says, if there is one."""
        pause = self.check_pauses.get(check)
        return Hold(detail=pause_in_words(pause), until=pause.until) if pause else None

    def set_aside(self, unit: CheckUnit, now: datetime) -> bool:
        """Hear that a check counts for nothing any more; true when something that held others back is over."""
        released = self.storms.well(unit.spec.name, self.limits)
        change = self.causes.well(unit.spec.name, now)
        self._tell_causes(change)
        return released or bool(change.gone)

    def refused(self, check: str, reason: RefusalReason) -> None:
        """Count that a rule of a check began to be refused for a reason."""
        self.refusals.setdefault(check, Counter())[reason] += 1

    # ── shared causes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def failed_alike(self, unit: CheckUnit, seen: Observation, now: datetime) -> bool:
        """Hear of every look; true when something that several checks were blamed for is over."""
        name = unit.spec.name
        if seen.status is Status.HEALTHY:
            change = self.causes.well(name, now)
        elif seen.status is Status.UNKNOWN:
            change = self.causes.unknown(name, now, seen.cause)
        else:
            change = self.causes.bad(name, unit.state.failing_since or now, seen.cause)
        self._tell_causes(change)
        return bool(change.gone)

    def _tell_causes(self, change: causes.Change) -> None:
        for cause in change.found:
            self.tell(EventKind.SHARED_CAUSE_FOUND, message=cause.text)
        for cause in change.gone:
            self.tell(EventKind.SHARED_CAUSE_GONE, message=cause.text)

    def shared_cause_hold(self, unit: CheckUnit, now: datetime) -> Hold | None:
        """Return what a check and others that failed with it share, or None."""
        held = self.causes.holding(unit.spec.name, now)
        return Hold(detail=held[0], until=held[1]) if held else None

    def causes_in_words(self) -> tuple[str, ...]:
        """Return a line for each cause that several checks share."""
        return tuple(cause.text for cause in self.causes.causes())

    # ── rivals ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def replaced_by_others(self, unit: CheckUnit, incarnation: str, now: datetime) -> None:
        """Hear that a target was replaced while it was bad, and not by Salus."""
        target = unit.target
        if self._rival_copies.get(target) == incarnation:  # several checks see the same copy
            return
        self._rival_copies[target] = incarnation
        before = self._rivals.get(target, ())
        instants = rivals.seen(before, now)
        self._rivals[target] = instants
        self.keep(memo(f"rival:{target}", _Rival(instants=list(instants))))
        if rivals.is_rival(instants, self.limits, now) and not rivals.is_rival(before, self.limits, now):
            self.tell(
                EventKind.RIVAL_DETECTED,
                check=unit.spec.name,
                service=unit.spec.service,
                message=f"{rivals.describe(target, instants)}: is there a second supervisor?",
            )

    def rival_hold(self, unit: CheckUnit, now: datetime) -> Hold | None:
        """Return why a target is left to somebody else, or None."""
        instants = self._rivals.get(unit.target)
        return rivals.hold(unit.target, instants, self.limits, now) if instants else None

    def rivals_in_words(self, now: datetime) -> tuple[str, ...]:
        """Return a line for each target that somebody else heals too."""
        holds = ((target, rivals.hold(target, instants, self.limits, now)) for target, instants in self._rivals.items())
        return tuple(hold.detail for _, hold in sorted(holds, key=lambda pair: pair[0]) if hold)


class _Rival(msgspec.Struct):
    """Instants at which somebody else replaced a target."""

    instants: list[datetime]
