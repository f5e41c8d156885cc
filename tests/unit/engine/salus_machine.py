"""One Salus that hypothesis plays with: its faults, its people, its deaths, and what must hold whatever they do."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from salus.engine.engine import Engine
from salus.engine.units import CheckUnit
from salus.errors import ConflictError, NotFoundError, StoreUnwritableError
from salus.model import (
    Event,
    EventKind,
    GroupSpec,
    Limits,
    Mode,
    Outcome,
    RecoveryRecord,
    Selector,
    Status,
)
from salus.ports import Batch
from salus.rules import memory as budget
from salus.simulate.invariants import Judges, Violation
from salus.store.memory import MemoryStore
from salus.tasks import begin
from salus.testing import RecordingAction, VirtualClock, virtual_time
from tests.unit.engine.test_policy import control
from tests.unit.engine.world import World

CHECKS = ("db", "api", "web", "web-slow", "cache")
SERVICE = {"db": "db", "api": "api", "web": "web", "web-slow": "web", "cache": "cache"}
FRONT = GroupSpec(name="front", members=Selector(services=("api", "web", "cache")), max_unavailable=1)
LIMITS = Limits(storm_hold=30.0, storm_hold_max=120.0, circuit_retry=40.0)
CHECK = st.sampled_from(CHECKS)
STATUS = st.sampled_from([Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY, Status.UNKNOWN])
BAD = st.sampled_from([Status.DEGRADED, Status.UNHEALTHY])


class Ledger(MemoryStore):
    """Writing takes a moment, and what had not been written when Salus died never is."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock
        self.deaths = 0

    async def write(self, batch: Batch) -> None:
        deaths = self.deaths
        await self._clock.sleep(0.03)
        if deaths != self.deaths:
            raise StoreUnwritableError("Salus died before this was written", remedy="none")
        await super().write(batch)


class Newest:
    """Lets judges look into whichever engine is alive."""

    def __init__(self) -> None:
        self.world: World | None = None

    @property
    def engine(self) -> Engine:
        assert self.world is not None
        return self.world.engine

    @property
    def limits(self) -> Limits:
        return self.world.engine.limits if self.world else LIMITS

    @property
    def units(self) -> dict[str, CheckUnit]:
        return self.world.engine.units if self.world else {}

    def record(self, recovery: str) -> RecoveryRecord | None:
        found = self.world.engine.healer.running.get(recovery) if self.world else None
        return found.record if found else None


class Begun:
    """Remembers which recoveries and brakes have begun and not ended, and which recoveries did something."""

    def __init__(self) -> None:
        self.open: dict[str, Event] = {}
        self.acted: set[str] = set()
        self.brakes: set[str] = set()

    def __call__(self, event: Event) -> None:
        recovery = event.recovery or ""
        if event.kind is EventKind.RECOVERY_STARTED:
            self.open[recovery] = event
        elif event.kind is EventKind.ACTION_STARTED:
            self.acted.add(recovery)
        elif event.kind is EventKind.RECOVERY_FINISHED:
            self.open.pop(recovery, None)
        elif event.kind is EventKind.STORM_STARTED:
            self.brakes.add(event.reason or "")
        elif event.kind is EventKind.STORM_ENDED:
            self.brakes.discard(event.reason or "")


class People:
    """Nothing is begun by itself that a person has forbidden, and nothing is done while a root is bad."""

    def __init__(self, newest: Newest) -> None:
        self._newest = newest
        self._acting: set[str] = set()
        self.disobeyed: list[str] = []

    def __call__(self, event: Event) -> None:
        recovery = event.recovery or ""
        record = self._newest.record(recovery)
        if record is None or record.manual or record.ladder < 0:
            return
        if event.kind is EventKind.RECOVERY_STARTED:
            self.disobeyed += [f"{record.check} is healed, and {why}" for why in self._forbidden(record, event.at)]
        if event.kind is EventKind.ACTION_STARTED and recovery not in self._acting:
            self._acting.add(recovery)
            self.disobeyed += [f"{record.check} is healed before {root}" for root in self._bad_roots(record)]

    def _forbidden(self, record: RecoveryRecord, now: datetime) -> list[str]:
        engine = self._newest.engine
        holds = engine.policy.holds
        reasons = {
            "it is paused": holds.pause_hold(now),
            "it is set aside": engine.units[record.check].paused,
            "it is worked on": holds.maintenance_hold(engine.units[record.check], now),
            "its rule is switched off": holds.switched_off(record.rule),
            "nobody allowed it": record.check == "cache" and not record.approved_by,
        }
        return [why for why, holds_it in reasons.items() if holds_it]

    def _bad_roots(self, record: RecoveryRecord) -> list[str]:
        roots = self._newest.engine.dependencies(self._newest.units[record.check])
        return [root.spec.name for root in roots if root.state.last and root.state.last.status.bad]


class Salus(RuleBasedStateMachine):
    """One Salus, its faults, and its deaths."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.runner, self.clock = self.stack.enter_context(virtual_time())
        self.seen: dict[str, Status] = dict.fromkeys(CHECKS, Status.HEALTHY)
        self.script: dict[str, list[Status]] = {name: [] for name in CHECKS}
        self.leaves: dict[str, Status | None] = dict.fromkeys(CHECKS, Status.HEALTHY)
        self.works = dict.fromkeys(CHECKS, True)
        self.copies = dict.fromkeys(CHECKS, 1)
        self.store = Ledger(self.clock)
        self.newest = Newest()
        self.broken: list[Violation] = []
        self.judges = Judges(self.newest, self.broken.append)
        self.begun = Begun()
        self.people = People(self.newest)
        self.limits = LIMITS
        self.world: World
        self.tasks: list[Any] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    # ── its lives ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @initialize(hourly=st.sampled_from([3, 200]), at_once=st.sampled_from([1, 2, 5]), storms=st.booleans())
    def salus_starts(self, hourly: int, at_once: int, storms: bool) -> None:
        self.limits = replace(
            LIMITS,
            recoveries_per_hour=hourly,
            recoveries_at_once=at_once,
            storm_min_checks=3 if storms else 100,
            groups=() if storms else (FRONT,),
        )
        self.run(self._begin())

    async def _begin(self) -> None:
        await self.store.open()
        snapshot = await self.store.load(self.clock.now())
        self._forget_what_never_acted({record.id for record in snapshot.unfinished})
        world = World(self.clock, self.store)
        world.bus.resume_after(snapshot.last_event_id)
        for name in dict.fromkeys(SERVICE.values()):
            world.service(name)
        world.engine.service_roots = {"api": ("db",)}
        world.engine.limits = self.limits
        for name in CHECKS:
            self._add(world, name)
        world.engine.policy.load(snapshot.memos)
        world.engine.policy.starts.remember(snapshot.recent_starts)
        world.engine.replace_units(world.units)
        self.newest.world = self.world = world
        for judge in (self.judges, self.begun, self.people):
            world.bus.subscribe(judge)
        self._forget_brakes_that_died(set(world.engine.policy.storms.brakes))
        self._book_the_interrupted(world, snapshot.unfinished, snapshot.rule_states)
        self.tasks = [begin(world.recorder.run())]
        world.engine.start()
        await self.clock.sleep(1.0)

    def _forget_what_never_acted(self, known: set[str]) -> None:
        """What the ledger does not know cannot have done anything; then it never was an attempt."""
        for recovery, event in list(self.begun.open.items()):
            if recovery not in known:
                assert recovery not in self.begun.acted, f"{event.rule} acted before its row was durable"
                over = replace(event, kind=EventKind.RECOVERY_FINISHED, reason=Outcome.CANCELLED.value)
                self.begun(over)
                self.judges(over)

    def _forget_brakes_that_died(self, known: set[str]) -> None:
        for scope in self.begun.brakes - known:
            over = Event(id=0, at=self.clock.now(), kind=EventKind.STORM_ENDED, reason=scope)
            self.begun(over)
            self.judges(over)

    def _book_the_interrupted(self, world: World, unfinished: Any, states: Any) -> None:
        for record in unfinished:
            world.recorder.recovery(replace(record, outcome=Outcome.INTERRUPTED, finished_at=self.clock.now()))
            world.bus.tell(
                EventKind.RECOVERY_FINISHED,
                check=record.check,
                rule=record.rule,
                recovery=record.id,
                reason=Outcome.INTERRUPTED.value,
            )
        for unit in world.units.values():
            for one in unit.rules:
                one.memory = states.get(one.rule.name, one.memory)
                if one.memory.last_started and one.memory.last_finished is None:
                    one.memory = budget.interrupt(one.memory, self.clock.now())
                    world.recorder.rule_state(one.memory)

    def _add(self, world: World, name: str) -> None:
        def cure(_: object) -> None:
            self.copies[name] += 1
            self.seen[name] = self.leaves[name] or self.seen[name]

        def look(one: Any) -> Any:
            status = self.script[name].pop(0) if self.script[name] else self.seen[name]
            return one.observe(status, "seen", incarnation=f"{name}-{self.copies[name]}")

        act = RecordingAction(does=cure, takes=0.5, touches=frozenset({SERVICE[name]}))
        act.fails = "" if self.works[name] else "it does not work"
        world.check(
            name,
            look,
            service=SERVICE[name],
            interval=4.0,
            retry_interval=1.0,
            failure_threshold=3 if name in {"db", "cache"} else 1,
            depends_on=("api",) if name == "web" else (),
            takes=0.01,
        )
        world.rule(
            name,
            act,
            cooldown_period=10.0,
            cooldown_multiplier=2.0,
            max_recovery_attempts=3,
            reset_after=60.0,
            exhausted_retry=50.0,
            verify_timeout=1.0,
            recovery_timeout=10.0,
            recurrence_window=300.0,
            mode=Mode.APPROVE if name == "cache" else Mode.AUTO,
        )
        self.acts = getattr(self, "acts", {})
        self.acts[name] = act

    @rule()
    def salus_is_killed_and_started_again(self) -> None:
        self.run(self._die())
        self.run(self._begin())

    @rule(more=st.sampled_from([0.0, 0.005, 0.015, 0.05, 0.3, 0.55]))
    def salus_is_killed_while_it_heals(self, more: float) -> None:
        self.time_passes_until_a_recovery_runs(more)
        self.salus_is_killed_and_started_again()

    async def _die(self) -> None:
        self.store.deaths += 1
        for task in self.tasks:
            task.cancel()
        self.world.bus.tell = lambda *_, **__: None  # type: ignore[method-assign]  # the dead say nothing
        for recovery in list(self.world.engine.healer.running.values()):
            recovery._tell = lambda *_, **__: None  # type: ignore[method-assign]  # nor does what they were doing
        nowhere = MemoryStore()
        await nowhere.open()
        self.world.recorder._store = nowhere
        await self.world.engine.stop(0.0)

    # ── the world ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(check=CHECK, status=STATUS)
    def a_check_sees(self, check: str, status: Status) -> None:
        self.seen[check] = status

    @rule(check=CHECK, looks=st.lists(STATUS, min_size=1, max_size=4))
    def the_next_looks_see(self, check: str, looks: list[Status]) -> None:
        self.script[check] = list(looks)

    @rule(status=BAD | st.just(Status.HEALTHY))
    def every_check_sees(self, status: Status) -> None:
        self.seen = dict.fromkeys(CHECKS, status)

    @rule(check=CHECK, bad=BAD, leaves=st.none() | STATUS, works=st.booleans())
    def a_service_fails_and_a_restart_leaves_it(
        self, check: str, bad: Status, leaves: Status | None, works: bool
    ) -> None:
        self.seen[check] = bad
        self.leaves[check], self.works[check] = leaves, works
        self.acts[check].fails = "" if works else "it does not work"

    @rule(check=CHECK)
    def somebody_else_replaces_a_copy(self, check: str) -> None:
        self.copies[check] += 1

    @rule(seconds=st.sampled_from([0.3, 1.0, 5.0, 15.0]))
    def a_moment_passes(self, seconds: float) -> None:
        self.time_passes(seconds)

    @rule(seconds=st.sampled_from([25.0, 61.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.run(self.clock.sleep(seconds))

    @rule(more=st.sampled_from([0.0, 0.1, 0.4, 0.55, 1.0]))
    def time_passes_until_a_recovery_runs(self, more: float) -> None:
        async def wait() -> None:
            for _ in range(4000):
                if self.world.engine.healer.running:
                    break
                await self.clock.sleep(0.005)
            await self.clock.sleep(more)

        self.run(wait())

    @rule(seconds=st.sampled_from([3600.0, -7200.0, 30.0]))
    def the_wall_clock_jumps(self, seconds: float) -> None:
        by = timedelta(seconds=seconds)
        self.clock.set_wall(by)
        self.judges.shift(by)
        self.world.engine.now()
        self.run(self.world.recorder.commit())  # a death in the same instant forgets that the clock was set

    # ── people ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(how=st.sampled_from(["pauses", "sets aside", "works on", "switches off", "switches on"]), name=CHECK)
    def a_person_holds(self, how: str, name: str) -> None:
        match how:
            case "pauses":
                self.run(control(self.world).pause(20.0))
            case "sets aside":
                self._sets_aside(name)
            case "works on":
                self._works_on(name)
            case _:
                self.run(control(self.world).enable_rule(name, enabled=how == "switches on"))

    def _sets_aside(self, check: str) -> None:
        try:
            self.run(control(self.world).resume_check(check))
        except ConflictError:
            self.run(control(self.world).pause_check(check, 20.0))

    def _works_on(self, check: str) -> None:
        try:
            self.run(control(self.world).start_maintenance(Selector(checks=(check,)), 15.0, name=check))
        except ConflictError:
            self.run(control(self.world).end_maintenance(check))

    @rule(name=CHECK)
    def a_person_heals_something(self, name: str) -> None:
        with suppress(ConflictError):
            self.run(control(self.world).heal(name))

    @rule(name=CHECK)
    def a_person_calls_a_recovery_off(self, name: str) -> None:
        with suppress(NotFoundError):
            self.run(control(self.world).cancel(name))

    @rule(how=st.sampled_from(["says yes", "says no", "resets"]), name=CHECK)
    def a_person_decides(self, how: str, name: str) -> None:
        if how == "resets":
            self.a_person_resets_a_rule(name)
        else:
            self.a_person_answers(approve=how == "says yes")

    def a_person_resets_a_rule(self, name: str) -> None:
        with suppress(ConflictError):
            self.run(control(self.world).reset(name))

    def a_person_answers(self, *, approve: bool) -> None:
        try:
            self.run(control(self.world).answer("cache", approve=approve))
        except (ConflictError, NotFoundError):
            self.run(self.clock.sleep(0.1))

    # ── what must hold ────────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def every_promise_holds(self) -> None:
        if self.broken:
            told = "\n".join(
                f"{event.at:%H:%M:%S.%f} {event.kind} {event.check} {event.reason} {event.message}"
                for event in self.broken[0].story
            )
            raise AssertionError(f"{self.broken[0]}\n{told}")
        assert not self.people.disobeyed, self.people.disobeyed[0]
        if self.newest.world is None:
            return
        engine = self.newest.world.engine
        for unit in engine.units.values():
            rests = unit.healing or not unit.paused or unit.state.status is Status.UNKNOWN
            assert rests, f"{unit.spec.name} is set aside, and {unit.state.status}"
        for scope, brake in engine.policy.storms.brakes.items():
            waits = brake.probing is None or brake.probing in engine.healer.running
            assert waits, f"the brake on {scope} waits for recovery {brake.probing}, which does not run"

    def teardown(self) -> None:
        if self.newest.world is None:
            self.stack.close()
            return
        self.seen = dict.fromkeys(CHECKS, Status.HEALTHY)
        self.script = {name: [] for name in CHECKS}
        self.run(self.clock.sleep(200.0))
        brakes = dict(self.world.engine.policy.storms.brakes)
        for task in self.tasks:
            task.cancel()
        self.run(self.world.engine.stop(1.0))
        self.stack.close()
        assert not brakes, "a brake is on although everything is well"
        self.every_promise_holds()
