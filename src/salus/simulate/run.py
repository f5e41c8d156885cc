"""Run a config through a simulated time: the real engine, on a clock that jumps, over a world that is on paper."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from salus.app.build import Resolved, resolve
from salus.app.parts import make_services, make_units
from salus.config import Settings
from salus.engine.bus import Bus
from salus.engine.engine import Engine
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.recorder import Recorder
from salus.model import Event, EventKind
from salus.ports import Service, Site, Snapshot, Store
from salus.simulate.chance import stream
from salus.simulate.invariants import INVARIANTS, EngineSeen, Judges, Violation
from salus.simulate.ledger import SimulatedLedger
from salus.simulate.observed import Judge
from salus.simulate.scenario import Source, fit
from salus.simulate.score import Result, Tally, score
from salus.simulate.stage import simulated
from salus.simulate.telling import Postbox, telling
from salus.simulate.world import World
from salus.store.memory import MemoryStore
from salus.tasks import begin
from salus.threads import Threads
from salus.virtual import VirtualClock, virtual_time

DAY = 86400.0
LAST_QUIET = 3600.0  # no fault strikes in the last hour (or the last twentieth), so that what is open at the end is old
GRACE = 7200.0
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to simulate.

    Attributes:
        settings: the config.
        source: the scenario.
        days: how long.
        seed: the same one gives the same again.
        ledger: write a ledger there; None keeps nothing.
        progress: hear the share that is done, a hundred times.
        invariants: the promises that are judged at every event.
        observe_every: seconds between two looks that are kept while nothing changes; there are millions of them.
    """

    settings: Settings
    source: Source
    days: float
    seed: int = 0
    ledger: Path | None = None
    progress: Progress | None = None
    invariants: tuple[Callable[[], Judge], ...] = INVARIANTS
    observe_every: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A simulated time that is over: its figures, and the promise that was broken, if one was."""

    result: Result
    violation: Violation | None = None


def simulate(order: Order) -> Finished:
    """Run it.

    Raises:
        ConfigError: the config or the scenario is wrong, or they do not fit each other.
        StoreError: the ledger cannot be made.
    """
    resolved = resolve(order.settings)
    fit(order.source, resolved)
    with virtual_time() as (runner, clock):
        return runner.run(Simulation(order, resolved, clock).run())


class Simulation:
    """One engine and the world around it; made for one use."""

    def __init__(self, order: Order, resolved: Resolved, clock: VirtualClock) -> None:
        """Put the parts together; ``run`` on the loop of ``clock``."""
        self._order = order
        self._clock = clock
        self._seconds = order.days * DAY
        self.world = World(order.source.scenario, clock, order.seed)
        self.world.strikes_until = self._seconds - min(LAST_QUIET, self._seconds / 20)
        self._resolved = simulated(resolved, self.world)
        self._over: asyncio.Future[None]
        self.engine: Engine

    async def run(self) -> Finished:
        """Run it to its end, or to the first broken promise."""
        self._over = asyncio.get_running_loop().create_future()
        store: Store = SimulatedLedger(self._order.ledger) if self._order.ledger else MemoryStore(events=100)
        await store.open()
        bus = Bus(self._clock)
        recorder = Recorder(store, self._clock, bus.tell)
        bus.subscribe(recorder.event)
        self.engine = self._engine(bus, recorder)
        tally = Tally(self.world)
        bus.subscribe(tally)
        if self._order.source.scenario.person is not None:
            bus.subscribe(self._call_person)
        seen = EngineSeen(self.engine.units, self.engine.healer.running, self.engine.limits)
        judges = Judges(seen, self._broken, self._order.invariants)
        bus.subscribe(judges)
        postbox = Postbox()
        alerter = telling(self.engine, recorder, self._resolved, postbox)
        bus.subscribe(alerter)
        writing = begin(recorder.run())
        self.world.begin()
        alerter.start()
        self.engine.start()
        self._plan_the_end()
        await self._over
        await self.engine.stop(GRACE if judges.violation is None else 0.0)
        alerter.stop()
        await recorder.stop()
        await writing
        await store.close()
        violation = judges.violation
        looks = sum(check.looks for check in self.world.checks.values())
        told = str(violation) if violation else ""
        tally.notifications = postbox.sent
        result = score(tally, days=self._order.days, seed=self._order.seed, looks=looks, violation=told)
        return Finished(result=result, violation=violation)

    def _engine(self, bus: Bus, recorder: Recorder) -> Engine:
        services: dict[str, Service] = {}
        site = Site(
            clock=self._clock,
            state_dir=Path("simulated"),
            state_id="0" * 32,
            services=services,
            heartbeats=HeartbeatBox(),
            tell=bus.tell,
            remember=recorder.service,
            nudge=self._nudge,
        )
        engine = Engine(site, bus, recorder, Threads(1))
        engine.limits = self._order.settings.limits
        engine.service_roots = self._resolved.service_roots()
        engine.observe_every = self._order.observe_every
        chance = stream(self._order.seed, "ids")
        engine.ids = lambda: f"{chance.getrandbits(64):016x}"
        services.update(make_services(self._resolved, site))
        engine.replace_units(make_units(self._resolved, site, Snapshot()))
        return engine

    def _nudge(self, service: str) -> None:
        self.engine.nudge_service(service)

    def _call_person(self, event: Event) -> None:
        person = self._order.source.scenario.person
        check = self.world.checks.get(event.check or "")
        if person is not None and check is not None and event.kind in _CALLING:
            asyncio.get_running_loop().call_later(float(person.repairs_after), self.world.repair, check)

    def _plan_the_end(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_at(self._seconds, self._end)
        if self._order.progress is not None:
            for percent in range(1, 100):
                loop.call_at(self._seconds * percent / 100, self._order.progress, percent / 100)

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _broken(self, violation: Violation) -> None:
        self._end()


_CALLING = (EventKind.RULE_EXHAUSTED, EventKind.APPROVAL_WANTED)
