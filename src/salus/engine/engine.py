"""The heart: looks are due, observations come in, verdicts change, rules act. One loop, one turn at a time.

    schedule ─due─> prober ─observation─> fold ─> bus, recorder, healer ─> schedule

Everything here is synchronous between two awaits, so a decision never sees half a change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from salus.engine.bus import Bus
from salus.engine.healer import Healer
from salus.engine.prober import Prober
from salus.engine.recorder import Recorder
from salus.engine.units import CheckUnit
from salus.errors import NotFoundError
from salus.model import CheckState, EventKind, Limits, Observation, RecoveryRecord, RuleState, Status
from salus.ports import Site
from salus.scheduler import Schedule
from salus.state import fold, undecided
from salus.threads import Threads

OBSERVE_EVERY = 60.0
TIMER_SLACK = 0.001  # uvloop counts in whole milliseconds: a timer may fire that much before its time


class Engine:
    """All checks and rules of one Salus, running on one event loop."""

    def __init__(self, site: Site, bus: Bus, recorder: Recorder, threads: Threads) -> None:
        """Stand at ``site``; nothing runs before ``start``."""
        self.site = site
        self.bus = bus
        self.threads = threads
        self.limits = Limits()
        self.healing_off = ""
        self.observe_every = OBSERVE_EVERY
        self.units: dict[str, CheckUnit] = {}
        self.version = 0
        self.lateness_max = 0.0
        self._recorder = recorder
        self._clock = site.clock
        self._schedule: Schedule[CheckUnit] = Schedule()
        self._wake_at: dict[CheckUnit, float] = {}
        self._watchers: dict[str, list[CheckUnit]] = {}
        self._bad_since: dict[str, datetime] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._armed = float("inf")
        self._running = False
        self.prober = Prober(site, self._seen, ended=self._ended)
        self.healer = Healer(self)

    # ── what is looked at ─────────────────────────────────────────────────────────────────────────────────────────────

    def replace_units(self, units: Mapping[str, CheckUnit]) -> list[CheckUnit]:
        """Take a new set of checks; those that are the same object keep running. Returns those that left."""
        gone = [unit for name, unit in self.units.items() if units.get(name) is not unit]
        for unit in gone:
            self._bad_since.pop(unit.spec.name, None)
            self._wake_at.pop(unit, None)
            if unit.entry:
                self._schedule.remove(unit.entry)
        self.units = dict(units)
        children: dict[str, list[str]] = {}
        for unit in self.units.values():
            for root in unit.spec.depends_on:
                children.setdefault(root, []).append(unit.spec.name)
        self._watchers = {}
        for name, unit in self.units.items():
            unit.dependents = tuple(children.get(name, ()))
            for service in unit.watches:
                self._watchers.setdefault(service, []).append(unit)
        if self._running:
            self._enter_all()
        self.version += 1
        return gone

    def start(self) -> None:
        """Begin to look."""
        self._running = True
        self._enter_all()

    async def stop(self, grace: float) -> list[str]:
        """Begin nothing new, let recoveries end within ``grace`` seconds, end every look."""
        self._running = False
        if self._timer:
            self._timer.cancel()
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

    def nudge(self, unit: CheckUnit) -> None:
        """Look now at one check."""
        if (
            self._running
            and unit.entry
            and not unit.healing
            and self._schedule.nudge(unit.entry, self._clock.monotonic())
        ):
            self._tick()

    def respread(self, window: float) -> None:
        """Look at everything once more within ``window`` seconds."""
        self._schedule.respread(self._clock.monotonic(), window)
        self._arm()

    def shift_wall_clock(self, by: timedelta) -> None:
        """Follow a jump of the wall clock, so that every wait lasts as long as it should."""
        self.healer.shift(by)
        self._bad_since = {name: since + by for name, since in self._bad_since.items()}
        for unit in self.units.values():
            state = unit.state
            unit.state = replace(
                state,
                since=state.since + by if state.since else None,
                started=state.started + by if state.started else None,
                failing_since=state.failing_since + by if state.failing_since else None,
            )
            for rule in unit.rules:
                rule.memory = rule.memory.shifted(by)
                self._recorder.rule_state(rule.memory)

    # ── what the healer needs (its Surroundings) ──────────────────────────────────────────────────────────────────────

    async def look(self, unit: CheckUnit, *, within: float | None = None) -> Observation:
        """Look at a check afresh."""
        return await self.prober.fresh(unit, within=within)

    def dependencies(self, unit: CheckUnit) -> Sequence[CheckUnit]:
        """Return the checks it depends on, directly or not, each once.

        Those of its own service are left out: healing it is healing them, and single flight guards the rest.
        """
        if not unit.spec.depends_on:
            return ()
        own = unit.spec.service
        return [root for root in self._ancestors(unit, set()) if own is None or root.spec.service != own]

    def storm(self, window: float) -> tuple[int, int, datetime | None]:
        """Return how many checks are newly bad, how many have been looked at, and when the first turned bad."""
        since = self._clock.now() - timedelta(seconds=window)
        recent = [at for at in self._bad_since.values() if at > since]
        return len(recent), len(self.units), min(recent, default=None)

    def keep(self, record: RecoveryRecord) -> None:
        """Take a recovery as it stands into the next batch of rows."""
        self.version += 1
        self._recorder.recovery(record)

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

    def settled(self, unit: CheckUnit) -> None:
        """Look again at a check whose recovery has ended, at its service's other checks, and at what hangs on it."""
        if not self._running:
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
        if due is None or not self._running or (self._timer and self._armed <= due):
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
        now = self._clock.monotonic()
        for entry in self._schedule.pop_due(now + TIMER_SLACK):
            unit = entry.key
            self.lateness_max = max(self.lateness_max, now - entry.due)
            if unit.probe is not None:
                continue  # a fresh look is under way; its end puts the entry back
            if unit.healing or unit.resting:
                self._schedule.finished(entry, now)  # the recovery looks, or there is nothing to look at yet
                continue
            self.prober.start(unit)
        self._arm()

    def _seen(self, unit: CheckUnit, seen: Observation) -> None:
        if self.units.get(unit.spec.name) is not unit:
            return
        now = self._clock.now()
        was_well = unit.state.status is Status.HEALTHY and unit.state.failing_since is None
        unit.state, transition = fold(unit.state, seen, unit.spec, now)
        self.version += 1
        if unit.state.failing_since is None:
            self._bad_since.pop(unit.spec.name, None)
        elif was_well:  # what has been bad all along did not turn bad together with anything
            self._bad_since[unit.spec.name] = now
        if transition:
            self._changed(unit, transition.old, transition.new)
        self._record(unit, seen, changed=transition is not None)
        if unit.rules and self._running:
            self.healer.consider(unit, now)

    def _ended(self, unit: CheckUnit) -> None:
        entry = unit.entry
        if entry is None or not entry.running or not self._running:
            return
        now = self._clock.monotonic()
        again_at = self._wake_at.pop(unit, None)
        if undecided(unit.state, unit.spec, self._clock.now(), unit.looks_to_act):
            started = now - (unit.state.last.duration if unit.state.last else 0.0)
            retry_at = started + unit.spec.retry_interval
            again_at = retry_at if again_at is None else min(again_at, retry_at)
        if again_at is not None:
            again_at = min(again_at, now + unit.spec.interval)
        self._schedule.finished(entry, now, again_at=again_at)
        self._arm()

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
        )
        if new is Status.HEALTHY:
            self._nudge_dependents(unit)

    def _record(self, unit: CheckUnit, seen: Observation, *, changed: bool) -> None:
        now = self._clock.monotonic()
        if changed or now - unit.recorded_at >= self.observe_every:
            unit.recorded_at = now
            self._recorder.observation(unit.spec.name, seen)

    def _nudge_dependents(self, unit: CheckUnit) -> None:
        for name in unit.dependents:
            child = self.units.get(name)
            if child and child.state.last and child.state.last.status.bad:
                self.nudge(child)

    def _ancestors(self, unit: CheckUnit, visited: set[str]) -> Iterator[CheckUnit]:
        for name in unit.spec.depends_on:
            root = self.units.get(name)
            if root is not None and name not in visited:
                visited.add(name)
                yield root
                yield from self._ancestors(root, visited)


def fresh_states(names: Iterable[str], remembered: Mapping[str, CheckState]) -> dict[str, CheckState]:
    """Return the state each check begins with: its remembered verdict, and counters at zero."""
    states: dict[str, CheckState] = {}
    for name in names:
        old = remembered.get(name)
        states[name] = CheckState(status=old.status, since=old.since, last=old.last) if old else CheckState()
    return states
