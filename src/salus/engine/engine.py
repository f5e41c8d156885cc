"""The heart: looks are due, observations come in, verdicts change, rules act. One loop, one turn at a time.

    schedule ─due─> prober ─observation─> fold ─> bus, recorder, healer ─> schedule

Everything here is synchronous between two awaits, so a decision never sees half a change.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from salus.engine.bus import Bus
from salus.engine.dependencies import Dependencies
from salus.engine.healer import Healer
from salus.engine.judging import Judging
from salus.engine.jumps import Jumps, set_back_meanwhile
from salus.engine.kin import Kin
from salus.engine.meter import Meter
from salus.engine.policy import Policy
from salus.engine.pressure import Pressure
from salus.engine.prober import Prober
from salus.engine.recorder import Recorder
from salus.engine.storms import kind_scope
from salus.engine.tally import Tally
from salus.engine.units import CheckUnit, Judge, RuleUnit
from salus.errors import NotFoundError
from salus.model import (
    NOTHING,
    ActionSpec,
    CheckState,
    EventKind,
    Json,
    Limits,
    Observation,
    RecoveryRecord,
    RuleState,
    Status,
    StepResult,
)
from salus.ports import Site
from salus.scheduler import Schedule
from salus.state import Transition, change_share, fold, looked, renewed, undecided
from salus.threads import Threads
from salus.units import format_duration

if TYPE_CHECKING:
    from salus.conditions import Condition
    from salus.engine.asides import Asides

OBSERVE_EVERY = 60.0
TIMER_SLACK = 0.001  # uvloop counts in whole milliseconds: a timer may fire that much before its time


class Engine:
    """All checks and rules of one Salus, running on one event loop."""

    def __init__(self, site: Site, bus: Bus, recorder: Recorder, threads: Threads) -> None:
        """Stand at ``site``; nothing runs before ``start``."""
        self.site = site
        self._clock = site.clock
        self.bus = bus
        self.threads = threads
        self.policy = Policy(bus.tell, recorder.memo)
        self.graph = Dependencies({}, {})
        self.service_roots: Mapping[str, tuple[str, ...]] = {}
        self.ids: Callable[[], str] = _random_id
        self._judging = Judging(self._clock, lambda: self.units)
        self._remember: Callable[[CheckUnit, Observation], None] = _ignore
        self.clock_was_set: timedelta | None = None  # since the rows of the ledger were written; None: nothing tells
        self.looked: Callable[[CheckUnit, Observation], None] | None = None
        self.tally: Tally | None = None
        self.shifted: list[Callable[[timedelta], None]] = []
        self.healing_off = ""
        self.observe_every = OBSERVE_EVERY
        self.units: dict[str, CheckUnit] = {}
        self.version = 0
        self.lateness_max = 0.0
        self._recorder = recorder
        self._jumps = Jumps(self._clock, self._clock_jumped)
        self._schedule: Schedule[CheckUnit] = Schedule(site.home.beat)
        self._wake_at: dict[CheckUnit, float] = {}
        self._watchers: dict[str, list[CheckUnit]] = {}
        self._rules: dict[str, tuple[CheckUnit, RuleUnit]] = {}
        self._policy_timer: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed = float("inf")
        self._running = False
        self.pressure = Pressure(self._clock, bus.tell, lambda: self.limits)
        self.prober = Prober(site, self._seen, ended=self._ended, pressure=self.pressure)
        self._kin = Kin(self.prober, self._clock)
        self.healer = Healer(self)
        self.meter = Meter(lambda: self.units, self.healer.record)
        bus.subscribe(self.meter)
        self._asides: Asides | None = None

    @property
    def limits(self) -> Limits:
        """Return the blast radius of all recoveries together."""
        return self.policy.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self.policy.limits = limits

    # ── what is looked at ─────────────────────────────────────────────────────────────────────────────────────────────

    def replace_units(self, units: Mapping[str, CheckUnit]) -> list[CheckUnit]:
        """Take a new set of checks; those that are the same object keep running. Returns those that left."""
        gone = [unit for name, unit in self.units.items() if units.get(name) is not unit]
        for unit in gone:
            self._wake_at.pop(unit, None)
            if unit.entry:
                self._schedule.remove(unit.entry)
        self.units = dict(units)
        for name, unit in self.units.items():
            unit.paused = name in self.policy.check_pauses
        self.graph = Dependencies(self.units, self.service_roots)
        self.policy.resize(self.units)
        self._kin.resize(self.units, self.graph)
        self._remember = self._judging.observed if self._judging.replace(self.units) else _ignore
        self._replace_rules()
        children: dict[str, list[str]] = {}
        for unit in self.units.values():
            for root in unit.spec.depends_on:
                children.setdefault(root, []).append(unit.spec.name)
        self._watchers = {}
        for name, unit in self.units.items():
            unit.dependents = tuple(children.get(name, ()))
            for service in unit.watches:
                self._watchers.setdefault(service, []).append(unit)
        if self.tally is not None:
            self.tally.replaced(gone, self.now())
        self.meter.keep(self.units)
        if self._running:
            self._settle()
            self._enter_all()
        self.version += 1
        return gone

    @property
    def asides(self) -> Asides:
        """Return what sets checks aside; loaded when somebody does."""
        if self._asides is None:
            from salus.engine.asides import Asides

            self._asides = Asides(self)
        return self._asides

    def _settle(self) -> None:
        if any(unit.paused for unit in self.units.values()):
            self.asides.settle_all()

    def _replace_rules(self) -> None:
        """Take the rules of the new checks; a recovery under way goes on holding its rule and its check."""
        before = self._rules
        self._rules = {rule.rule.name: (unit, rule) for unit in self.units.values() for rule in unit.rules}
        for name, (unit, rule) in self._rules.items():
            old = before.get(name)
            if old and old[1] is not rule and old[1].record is not None:
                rule.record, rule.memory, unit.healing = old[1].record, old[1].memory, True

    def judge(self, condition: Condition) -> Judge:
        """Return what judges a condition at any check, now."""
        return self._judging.judge(condition)

    def judge_also(self, conditions: Iterable[tuple[str, Condition]]) -> None:
        """Remember what these conditions will ask for, each about the check beside it, besides those of rules."""
        self._judging.also(conditions)
        self._remember = self._judging.observed if self._judging.replace(self.units) else _ignore

    def start(self) -> None:
        """Begin to look."""
        by = self.clock_was_set
        if by is None and (back := set_back_meanwhile(self.units.values(), self.now())):
            by = -back
        if by:
            self._clock_jumped(by)
        self._settle()
        self._running = True
        self._enter_all()
        self._tend()

    async def stop(self, grace: float) -> list[str]:
        """Begin nothing new, let recoveries end within ``grace`` seconds, end every look."""
        self._running = False
        for timer in (self._timer, self._policy_timer):
            if timer:
                timer.cancel()
        self.pressure.stop()
        left = await self.healer.stop(grace)
        await self.prober.stop()
        return left

    def unit(self, name: str) -> CheckUnit:
        """Return a check.

        Raises:
            NotFoundError: there is none of that name.
        """
        if (unit := self.units.get(name)) is None:
            message = f"there is no check {name!r}"
            raise NotFoundError(message, remedy="`salus status` lists them")
        return unit

    def nudge_service(self, service: str) -> None:
        """Look at every check of a service; a signal's hint.

        At once where the service ended. Where it just began, only the checks of its state look at once; the others
        give it ``retry_interval`` to get ready, so that a quick look does not count against it.
        """
        found = self.site.services.get(service)
        begins = found is not None and found.status.running
        for unit in self._watchers.get(service, ()):
            if begins and not unit.direct:
                self.wake(unit, unit.spec.retry_interval)
            else:
                self.nudge(unit)

    def rest(self, service: str) -> None:
        """Do not look at the checks of a service before ``awake``: it is being started."""
        for unit in self._watchers.get(service, ()):
            unit.resting = True

    def awake(self, service: str) -> None:
        """Look at the checks of a service from now on."""
        for unit in self._watchers.get(service, ()):
            unit.resting = False
        self.nudge_service(service)

    def renew(self, service: str) -> None:
        """Count afresh for every check of a service: a person has just put a new copy of it there."""
        now = self.now()
        for unit in self._watchers.get(service, ()):
            if unit.state.started is not None:
                unit.state = renewed(unit.state, now)
                unit.forget_truths()

    def nudge(self, unit: CheckUnit) -> None:
        """Look now at one check."""
        if (
            self._running
            and unit.entry
            and not (unit.healing or unit.paused)
            and self._schedule.nudge(unit.entry, self._clock.monotonic())
        ):
            self._tick()

    def respread(self, window: float) -> None:
        """Look at everything once more within ``window`` seconds."""
        self._schedule.respread(self._clock.monotonic(), window)
        self._arm()

    def overdue(self) -> float:
        """Return for how many seconds the most urgent look has been due without beginning; 0 while all is well."""
        due = self._schedule.next_due() if self._running else None
        return max(0.0, self._clock.monotonic() - due) if due is not None else 0.0

    def now(self) -> datetime:
        """Return the wall clock, once everything that is remembered has followed a jump of it."""
        return self._jumps.now()

    def _clock_jumped(self, by: timedelta) -> None:
        self._shift_wall_clock(by)
        if self.tally is not None:  # and not where it was set while no Salus ran: the tally began after that
            self.tally.shifted(by)
        seconds = by.total_seconds()
        way = "forward" if seconds > 0 else "back"
        said = f"the wall clock went {way} by {format_duration(abs(seconds))}; waits were put right"
        self.bus.tell(EventKind.CLOCK_JUMPED, message=said)

    def _shift_wall_clock(self, by: timedelta) -> None:
        self.policy.shift(by)
        if self.policy.check_pauses:
            self.asides.shift(by)
        for follow in self.shifted:
            follow(by)
        for unit in self.units.values():
            state = unit.state
            unit.state = replace(
                state,
                since=state.since + by if state.since else None,
                started=state.started + by if state.started else None,
                failing_since=state.failing_since + by if state.failing_since else None,
                counted=state.counted + by if state.counted else None,
            )
            unit.eased_at = unit.eased_at + by if unit.eased_at else None
            for rule in unit.rules:
                rule.held_at = rule.held_at + by if rule.held_at else None
                rule.memory = rule.memory.shifted(by)
                self._recorder.rule_state(rule.memory)

    # ── what the healer needs (its Surroundings) ──────────────────────────────────────────────────────────────────────

    async def look(self, unit: CheckUnit, *, within: float | None = None) -> Observation:
        """Look at a check afresh."""
        return await self.prober.fresh(unit, within=within)

    def dependencies(self, unit: CheckUnit) -> Sequence[CheckUnit]:
        """Return the checks it depends on, directly or not, each once, without those of its own service.

        Nor those that a person has set aside: what nobody looks at holds nobody back.
        """
        return [root for root in self.graph.roots(unit) if not root.paused]

    def named(self, names: Iterable[str]) -> list[CheckUnit]:
        """Return the checks of these names, as far as they are there and looked at."""
        return [found for name in names if (found := self.units.get(name)) is not None and not found.paused]

    def current(self, rule: str) -> tuple[CheckUnit, RuleUnit] | None:
        """Return a rule as it is now, with its check."""
        return self._rules.get(rule)

    def reconsider(self) -> None:
        """Look at every check again that a rule was held back for."""
        for unit in self.units.values():
            if any(rule.refusal for rule in unit.rules):
                self.nudge(unit)

    def circuit(self, unit: CheckUnit, spec: ActionSpec) -> datetime | None:
        """Return until when an action must be skipped, or None."""
        return self.policy.circuits.blocked(unit, spec, self.now())

    def ran(self, unit: CheckUnit, spec: ActionSpec, result: StepResult) -> None:
        """Hear how an acting rung ended by itself."""
        self.policy.circuits.ran(unit, spec, result, self.limits, self.now())

    async def look_around(self, unit: CheckUnit, recovery: str, enough: asyncio.Task[list[Observation]]) -> str:
        """Look at checks of the same kind on other targets before acting; says why to leave it, or nothing."""
        storms, now = self.policy.storms, self._clock.now
        alike = await self._kin.bad_together(unit, self.limits, enough)
        if alike and kind_scope(unit) not in storms.brakes:
            storms.engage(kind_scope(unit), alike, self.limits, now())
        brake = next((held for held in storms.over(unit) if held.probing != recovery), None)
        return f"{', '.join(brake.names)} turned bad together: the storm brake is on" if brake else ""

    def keep(self, record: RecoveryRecord) -> None:
        """Take a recovery as it stands into the next batch of rows."""
        self.version += 1
        self._recorder.recovery(record)

    def moved(self) -> None:
        """Hear that a recovery is at something else now."""
        self.version += 1

    def keep_rule(self, state: RuleState) -> None:
        """Take what a rule has spent into the next batch of rows."""
        self.version += 1
        self._recorder.rule_state(state)

    async def commit(self) -> bool:
        """Make every row so far durable."""
        return await self._recorder.commit()

    async def reserve(self) -> bool:
        """Make durable what must be known of an act before it."""
        return await self._recorder.reserve()

    def wake(self, unit: CheckUnit, seconds: float) -> None:
        """Look at a check again after that long, if it is not due before."""
        at = self._clock.monotonic() + seconds
        if unit.entry is None or unit.entry.running:
            self._wake_at[unit] = min(at, self._wake_at.get(unit, at))
        elif self._schedule.nudge(unit.entry, at):
            self._arm()

    def settled(self, unit: CheckUnit, *, needless: bool = False) -> None:
        """Look again at a check whose recovery has ended, at its service's other checks, and at what hangs on it."""
        if unit.paused:
            self.asides.settle(unit)
        if not self._running:
            return
        if needless:  # else what is another copy at every look would be confirmed again and again, without a pause
            self.wake(unit, unit.spec.retry_interval)
            self._nudge_dependents(unit)
            return
        self.nudge(unit)
        if unit.spec.service:
            self.nudge_service(unit.spec.service)
        self._nudge_dependents(unit)

    # ── the loop ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _enter_all(self) -> None:
        now = self._clock.monotonic()
        for unit in self.units.values():
            if unit.entry is None:
                unit.entry = self._schedule.add(unit, unit.spec.interval, now)
        self._arm()

    def _arm(self) -> None:
        due = self._schedule.next_due()
        if due is None or not self._running or self._armed <= due:
            return
        if self._timer:
            self._timer.cancel()
        self._armed = due
        self._timer = asyncio.get_running_loop().call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._armed = float("inf")
        self._tick()

    def _tick(self) -> None:
        held, self._armed = self._armed, float("-inf")  # no timer for what is looked at in this very turn
        try:
            self._look_at_due()
        finally:
            self._armed = held
            self._arm()

    def _look_at_due(self) -> None:
        now = self._clock.monotonic()
        worst, lateness = 0.0, self.meter.lateness
        for entry in self._schedule.pop_due(now + TIMER_SLACK):
            unit = entry.key
            late = now - entry.due
            lateness.add(late)
            if late > worst:  # told before its look begins, so that it is no excuse for that
                worst = late
                self.pressure.late(late)
            if unit.probe is not None:
                continue  # a fresh look is under way; its end puts the entry back
            if unit.healing or unit.resting or unit.paused:
                self._schedule.finished(entry, now)  # the recovery looks, or there is nothing to look at
                continue
            self.prober.start(unit)
        self.lateness_max = max(self.lateness_max, worst)

    def _seen(self, unit: CheckUnit, seen: Observation) -> None:
        aside = unit.paused and not unit.healing  # a person's look, or the last of before: it moves no verdict
        if aside or self.units.get(unit.spec.name) is not unit:
            return
        now = self.now()
        before = unit.state
        unit.state, transition = fold(before, seen, unit.spec, now)
        unit.ring = looked(unit.ring, seen.status)
        unit.looks += 1
        self.meter.looked(unit.spec.name, seen)
        self.version += 1
        self._remember(unit, seen)
        if seen.incarnation and seen.incarnation != unit.incarnation:
            self._replaced(unit, seen.incarnation, now)
        # A good look that names no copy does not say that the one which was bad is well.
        unit.ailing = seen.status.bad or (unit.ailing and not seen.incarnation)
        if before.failing_since is not unit.state.failing_since or unit.waits:
            self._turned(unit, before, now)
        if self.policy.failed_alike(unit, seen, now):
            self.reconsider()
        if before.flapping != unit.state.flapping:
            self._flaps(unit)
        if transition or before.started is None:
            self._judged(unit, before, transition, now)
        unit.returning = unit.returning and unit.state.status is Status.UNKNOWN and seen.status is not Status.UNKNOWN
        # What says something else than the look before is kept too: a bad look that moves no verdict is history.
        turned = before.last is None or before.last.status is not seen.status
        self._record(unit, seen, changed=turned or transition is not None)
        if unit.alert_rules and self.looked is not None:
            self.looked(unit, seen)
        if unit.rules and self._running:
            self.healer.consider(unit, now)

    def _turned(self, unit: CheckUnit, before: CheckState, now: datetime) -> None:
        """Count a turn to bad or to well towards the storm brakes, unless something explains it."""
        name, storms, since = unit.spec.name, self.policy.storms, unit.state.failing_since
        waited, unit.waits = unit.waits, False
        if since is None:
            if storms.well(name, self.limits):
                self.reconsider()
            return
        if (before.failing_since is not None and not waited) or unit.dead:
            return
        if self.graph.failing(unit, self.site.services):
            return
        roots = self.dependencies(unit)
        stale = [root for root in roots if root.state.last is None or root.state.last.at < since]
        if stale:  # perhaps one of them explains it: look, and count this one at its next bad look
            unit.waits = True
            for root in stale:
                self.nudge(root)
            return
        storms.turned_bad(name, self.limits, now, newly=waited or before.status is Status.HEALTHY)
        for leaf in self.graph.leaves(unit):  # what hangs on it is explained by it
            storms.well(leaf.spec.name, self.limits)

    def _replaced(self, unit: CheckUnit, incarnation: str, now: datetime) -> None:
        """Notice a new copy of the target that Salus did not make, put there while it was bad."""
        starts = unit.service.status.starts if unit.service else 0
        by_salus = starts != unit.starts or unit.healing or _acted_lately(unit, now)
        known, unit.incarnation, unit.starts = unit.incarnation, incarnation, starts
        if known is not None and unit.ailing and (not by_salus or (unit.healing and starts == 0 and not _acting(unit))):
            self.policy.replaced_by_others(unit, incarnation, now)

    def _flaps(self, unit: CheckUnit) -> None:
        kind = EventKind.FLAPPING_STARTED if unit.state.flapping else EventKind.FLAPPING_ENDED
        share = f"{change_share(unit.state.recent):.0%} of the last looks were changes"
        self.bus.tell(kind, check=unit.spec.name, service=unit.spec.service, message=share)

    def _tend(self) -> None:
        """Let pauses and windows begin and end, and brakes release; again when the next of them is due."""
        looked_at = (unit.state.started or unit.paused for unit in self.units.values())
        all_seen = all(looked_at) if self.policy.storms.brakes else True
        over, wait = self.policy.tick(self.now(), all_seen=all_seen)
        if self.policy.check_pauses and (end := self.asides.tick(self.now())) is not None:
            wait = min(wait, end)
        if over:
            self.reconsider()
        if self._policy_timer:
            self._policy_timer.cancel()
        self._policy_timer = asyncio.get_running_loop().call_later(max(wait, TIMER_SLACK), self._tend)

    def tend(self) -> None:
        """Do now what a person changed: a pause, a window, a switch."""
        self.version += 1
        if self._running:
            self._tend()

    def _ended(self, unit: CheckUnit) -> None:
        entry = unit.entry
        if entry is None or not entry.running or not self._running:
            return
        now = self._clock.monotonic()
        again_at = self._wake_at.pop(unit, None)
        if undecided(unit.state, unit.spec, self.now(), unit.looks_to_act):
            started = now - (unit.state.last.duration if unit.state.last else 0.0)
            retry_at = started + unit.spec.retry_interval
            again_at = retry_at if again_at is None else min(again_at, retry_at)
        if again_at is not None:
            again_at = min(again_at, now + unit.spec.interval)
        self._schedule.finished(entry, now, again_at=again_at)
        self._arm()

    def _judged(self, unit: CheckUnit, before: CheckState, transition: Transition | None, now: datetime) -> None:
        """Take a first verdict of this Salus, or a new one."""
        if self.tally is not None:
            self.tally.judged(unit, before, now)
        if transition:
            self._changed(unit, transition.old, transition.new)

    def _changed(self, unit: CheckUnit, old: Status, new: Status) -> None:
        spec, seen = unit.spec, unit.state.last
        self._recorder.check_state(spec.name, unit.state)
        self.bus.tell(
            EventKind.STATUS_CHANGED,
            check=spec.name,
            service=spec.service,
            old=old.value,
            new=new.value,
            message=seen.message if seen else "",
            data=self._took(unit) if new.bad and not old.bad else NOTHING,
        )
        if new is Status.HEALTHY:
            if old is not Status.UNKNOWN:
                for leaf in self.graph.leaves(unit):
                    leaf.eased_at = self.now()
            self._nudge_dependents(unit)

    def put_aside(self, unit: CheckUnit, seen: Observation, before: CheckState) -> None:
        """Hear that a check has no verdict any more, since a person has set it aside."""
        self.version += 1
        if self.tally is not None:
            self.tally.judged(unit, before, self.now())
        self._remember(unit, seen)
        self._record(unit, seen, changed=True)
        if before.status is not unit.state.status:
            self._changed(unit, before.status, unit.state.status)
        else:
            self._recorder.check_state(unit.spec.name, unit.state)
        if before.flapping:
            self._flaps(unit)
        if self.policy.set_aside(unit, self.now()):
            self.reconsider()
        self._nudge_dependents(unit)

    def _took(self, unit: CheckUnit) -> Mapping[str, Json]:
        """Say how long it took from the first bad look to the verdict."""
        since = unit.state.failing_since
        return {"detected": round(max(0.0, (self.now() - since).total_seconds()), 3)} if since else NOTHING

    def _record(self, unit: CheckUnit, seen: Observation, *, changed: bool) -> None:
        now = self._clock.monotonic()
        if changed or now - unit.recorded_at >= self.observe_every:
            unit.recorded_at = now
            self._recorder.observation(unit.spec.name, seen)

    def _nudge_dependents(self, unit: CheckUnit) -> None:
        for leaf in self.graph.leaves(unit):
            if leaf.state.last and leaf.state.last.status.bad:
                self.nudge(leaf)


def _random_id() -> str:
    return secrets.token_hex(8)


def _ignore(*_: object) -> None:
    pass


def _acting(unit: CheckUnit) -> bool:
    """Tell whether a recovery of this check has done something already."""
    return any(rule.record is not None and rule.record.initiation is not None for rule in unit.rules)


def _acted_lately(unit: CheckUnit, now: datetime) -> bool:
    """Tell whether a recovery may have replaced a target that has no service to count its starts."""
    if unit.service is not None:
        return False
    ends = [rule.memory.last_finished or rule.memory.last_started for rule in unit.rules]
    grace = timedelta(seconds=2 * unit.spec.interval + unit.spec.timeout)
    return any(ended is not None and now - ended < grace for ended in ends)


def fresh_states(names: Iterable[str], remembered: Mapping[str, CheckState]) -> dict[str, CheckState]:
    """Return the state each check begins with: its remembered verdict, and counters at zero."""
    states: dict[str, CheckState] = {}
    for name in names:
        old = remembered.get(name)
        states[name] = CheckState(status=old.status, since=old.since, last=old.last) if old else CheckState()
    return states
