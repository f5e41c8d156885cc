"""Any order of faults, jumps of time, people and deaths of Salus: every promise holds at every event."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from salus.engine.units import CheckUnit
from salus.errors import ConflictError, NotFoundError
from salus.model import EventKind, Limits, Mode, Outcome, RecoveryRecord, Selector, Status
from salus.rules import memory as budget
from salus.simulate.invariants import Judges, Violation
from salus.store.memory import MemoryStore
from salus.testing import RecordingAction, virtual_time
from tests.unit.engine.test_policy import control
from tests.unit.engine.world import World

CHECKS = ("db", "api", "web", "web-slow", "cache")
SERVICE = {"db": "db", "api": "api", "web": "web", "web-slow": "web", "cache": "cache"}
LIMITS = Limits(recoveries_at_once=2, recoveries_per_hour=6, storm_hold=30.0, storm_hold_max=120.0, circuit_retry=40.0)
CHECK = st.sampled_from(CHECKS)
SEEN = st.sampled_from([Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY, Status.UNKNOWN])


class Newest:
    """Lets judges look into whichever engine is alive."""

    def __init__(self) -> None:
        self.world: World | None = None

    @property
    def limits(self) -> Limits:
        return self.world.engine.limits if self.world else LIMITS

    @property
    def units(self) -> dict[str, CheckUnit]:
        return self.world.engine.units if self.world else {}

    def record(self, recovery: str) -> RecoveryRecord | None:
        found = self.world.engine.healer.running.get(recovery) if self.world else None
        return found.record if found else None


class Salus(RuleBasedStateMachine):
    """One Salus, its faults, and its deaths."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.runner, self.clock = self.stack.enter_context(virtual_time())
        self.seen: dict[str, Status] = dict.fromkeys(CHECKS, Status.HEALTHY)
        self.cures = dict.fromkeys(CHECKS, True)
        self.works = dict.fromkeys(CHECKS, True)
        self.copies = dict.fromkeys(CHECKS, 1)
        self.store = MemoryStore()
        self.newest = Newest()
        self.broken: list[Violation] = []
        self.judges = Judges(self.newest, self.broken.append)
        self.run(self._begin())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    async def _begin(self) -> None:
        await self.store.open()
        snapshot = await self.store.load(self.clock.now())
        world = World(self.clock, self.store)
        world.bus.resume_after(snapshot.last_event_id)
        for name in dict.fromkeys(SERVICE.values()):
            world.service(name)
        world.engine.service_roots = {"api": ("db",)}
        world.engine.limits = LIMITS
        for name in CHECKS:
            self._add(world, name)
        world.engine.policy.load(snapshot.memos)
        world.engine.healer.remember(snapshot.recent_starts)
        world.engine.replace_units(world.units)
        self.newest.world = self.world = world
        world.bus.subscribe(self.judges)
        for record in snapshot.unfinished:
            ended = replace(record, outcome=Outcome.INTERRUPTED, finished_at=self.clock.now())
            world.recorder.recovery(ended)
            world.bus.tell(
                EventKind.RECOVERY_FINISHED,
                check=record.check,
                rule=record.rule,
                recovery=record.id,
                reason=Outcome.INTERRUPTED.value,
            )
        for unit in world.units.values():
            for one in unit.rules:
                one.memory = snapshot.rule_states.get(one.rule.name, one.memory)
                if one.memory.last_started and one.memory.last_finished is None:
                    one.memory = budget.interrupt(one.memory, self.clock.now())
        world.engine.start()
        await self.clock.sleep(1.0)

    def _add(self, world: World, name: str) -> None:
        def cure(_: object) -> None:
            self.copies[name] += 1
            if self.cures[name]:
                self.seen[name] = Status.HEALTHY

        def look(one: Any) -> Any:
            return one.observe(self.seen[name], "seen", incarnation=f"{name}-{self.copies[name]}")

        act = RecordingAction(does=cure, takes=0.5, touches=frozenset({SERVICE[name]}))
        depends = ("api",) if name == "web" else ()
        world.check(name, look, service=SERVICE[name], interval=4.0, depends_on=depends, takes=0.01)
        world.rule(
            name,
            act,
            cooldown_period=10.0,
            cooldown_multiplier=2.0,
            max_recovery_attempts=2,
            reset_after=60.0,
            exhausted_retry=50.0,
            verify_timeout=1.0,
            recovery_timeout=10.0,
            recurrence_window=300.0,
            mode=Mode.APPROVE if name == "cache" else Mode.AUTO,
        )
        act.fails = "" if self.works[name] else "it does not work"
        self.acts = getattr(self, "acts", {})
        self.acts[name] = act

    @rule(check=CHECK, status=SEEN)
    def a_check_sees(self, check: str, status: Status) -> None:
        self.seen[check] = status

    @rule(status=SEEN)
    def every_check_sees(self, status: Status) -> None:
        self.seen = dict.fromkeys(CHECKS, status)

    @rule(check=CHECK, cures=st.booleans(), works=st.booleans())
    def an_action_changes(self, check: str, cures: bool, works: bool) -> None:
        self.cures[check], self.works[check] = cures, works
        self.acts[check].fails = "" if works else "it does not work"

    @rule(check=CHECK)
    def somebody_else_replaces_a_copy(self, check: str) -> None:
        self.copies[check] += 1

    @rule(seconds=st.sampled_from([0.3, 1.0, 5.0, 15.0, 61.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.run(self.clock.sleep(seconds))

    @rule(seconds=st.sampled_from([3600.0, -7200.0, 30.0]))
    def the_wall_clock_jumps(self, seconds: float) -> None:
        by = timedelta(seconds=seconds)
        self.clock.set_wall(by)
        self.world.engine.now()
        self.judges.shift(by)

    @rule(seconds=st.sampled_from([2.0, 20.0]))
    def a_person_pauses(self, seconds: float) -> None:
        self.run(control(self.world).pause(seconds))

    @rule(check=CHECK)
    def a_person_works_on_something(self, check: str) -> None:
        try:
            self.run(control(self.world).start_maintenance(Selector(checks=(check,)), 15.0, name=check))
        except ConflictError:
            self.run(control(self.world).end_maintenance(check))

    @rule(approve=st.booleans())
    def a_person_answers(self, approve: bool) -> None:
        try:
            self.run(control(self.world).answer("cache", approve=approve))
        except (ConflictError, NotFoundError):
            self.run(self.clock.sleep(0.1))

    @rule()
    def salus_is_killed_and_started_again(self) -> None:
        self.run(self._die())
        self.run(self._begin())

    async def _die(self) -> None:
        await self.world.recorder.commit()
        self.world.bus.tell = lambda *_, **__: None  # type: ignore[method-assign]  # the dead say nothing
        for recovery in list(self.world.engine.healer.running.values()):
            recovery._tell = lambda *_, **__: None  # type: ignore[method-assign]  # nor does what they were doing
        dead = MemoryStore()
        await dead.open()
        self.world.recorder._store = dead
        await self.world.engine.stop(0.0)

    @invariant()
    def every_promise_holds(self) -> None:
        if self.broken:
            told = "\n".join(
                f"{event.at:%H:%M:%S.%f} {event.kind} {event.check} {event.reason} {event.message}"
                for event in self.broken[0].story
            )
            raise AssertionError(f"{self.broken[0]}\n{told}")

    def teardown(self) -> None:
        self.seen = dict.fromkeys(CHECKS, Status.HEALTHY)
        self.run(self.clock.sleep(200.0))
        brakes = dict(self.world.engine.policy.storms.brakes)
        self.run(self.world.engine.stop(1.0))
        self.stack.close()
        assert not brakes, "a brake is on although everything is well"
        self.every_promise_holds()


Salus.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestSalus = Salus.TestCase
