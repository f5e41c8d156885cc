"""Replay a history: the real engine, on a clock that jumps, whose hands show the recorded time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from salus.app.build import Resolved
from salus.app.parts import make_services, make_units
from salus.engine.bus import Bus
from salus.engine.engine import Engine, fresh_states
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.recorder import Recorder
from salus.model import Event, RecoveryRecord
from salus.ports import Batch, Site, Snapshot
from salus.simulate.backtest.course import Fate
from salus.simulate.backtest.parts import ReplayCheck
from salus.simulate.backtest.people import People
from salus.simulate.backtest.play import Play
from salus.simulate.backtest.stage import replayed
from salus.simulate.backtest.tracks import History
from salus.simulate.run import GRACE, Progress
from salus.store.memory import MemoryStore
from salus.tasks import begin
from salus.threads import Threads
from salus.virtual import VirtualClock, virtual_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a config did with a history.

    Attributes:
        history: the history.
        fates: what became of every spell, by check.
        recoveries: what was begun, by id.
        beside: ids of those that belong to no spell.
        events: refusals, and what calls a person.
        looks: how many there were.
        ruled: checks that a rule watches.
    """

    history: History
    fates: Mapping[str, Sequence[Fate]]
    recoveries: Mapping[str, RecoveryRecord]
    beside: Sequence[str]
    events: Sequence[Event]
    looks: int
    ruled: frozenset[str]


def replay(history: History, resolved: Resolved, progress: Progress | None = None) -> Replayed:
    """Play a history to the rules of a config."""
    with virtual_time(history.past.since) as (runner, clock):
        return runner.run(_Replay(history, resolved, clock, progress).run())


class _Kept(MemoryStore):
    """Keeps every recovery."""

    def __init__(self) -> None:
        super().__init__(events=1, observations=1, recoveries=1)
        self.kept: dict[str, RecoveryRecord] = {}

    async def write(self, batch: Batch) -> None:
        self.kept.update({record.id: record for record in batch.recoveries})


class _Replay:
    """One engine and the past around it; made for one use."""

    def __init__(self, history: History, resolved: Resolved, clock: VirtualClock, progress: Progress | None) -> None:
        self._history = history
        self._clock = clock
        self._progress = progress
        self._play = Play(history, clock)
        self._resolved = replayed(resolved, self._play.courses, self._play)
        self._over: asyncio.Future[None]
        self.engine: Engine

    async def run(self) -> Replayed:
        """Play it to its end."""
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        loop.set_exception_handler(self._failed)
        store = _Kept()
        bus = Bus(self._clock)
        recorder = Recorder(store, self._clock, bus.tell)
        bus.subscribe(self._play.hear)
        self.engine = self._engine(bus, recorder)
        writing = begin(recorder.run())
        self._plan()
        self.engine.start()
        await self._over
        await self.engine.stop(GRACE)
        await recorder.stop()
        await writing
        self._play.finish()
        return Replayed(
            history=self._history,
            fates={name: course.fates for name, course in self._play.courses.items()},
            recoveries=store.kept,
            beside=self._play.beside,
            events=self._play.events,
            looks=sum(check.looks for check in self._checks()),
            ruled=frozenset(name for name, unit in self.engine.units.items() if unit.rules),
        )

    def _engine(self, bus: Bus, recorder: Recorder) -> Engine:
        site = Site(
            clock=self._clock,
            state_dir=Path("replayed"),
            state_id="0" * 32,
            services=self._play.services.by_name,
            heartbeats=HeartbeatBox(),
            tell=bus.tell,
            remember=recorder.service,
            nudge=self._nudge,
        )
        engine = Engine(site, bus, recorder, Threads(1))
        engine.limits = self._resolved.settings.limits
        engine.policy.holds.windows = self._resolved.settings.maintenance
        engine.service_roots = self._resolved.service_roots()
        engine.observe_every = float("inf")
        ids = count(1)
        engine.ids = lambda: f"{next(ids):016x}"
        self._play.services.by_name.update(make_services(self._resolved, site))
        units = make_units(self._resolved, site, Snapshot())
        for unit in units.values():
            assert isinstance(unit.check, ReplayCheck)  # noqa: S101 - all of them are
            unit.check.unit = unit
        engine.replace_units(units)
        return engine

    def _nudge(self, service: str) -> None:
        self.engine.nudge_service(service)

    def _checks(self) -> list[ReplayCheck]:
        return [unit.check for unit in self.engine.units.values() if isinstance(unit.check, ReplayCheck)]

    # ── what comes when ───────────────────────────────────────────────────────────────────────────────────────────────

    def _plan(self) -> None:
        loop, seconds = asyncio.get_running_loop(), self._history.seconds
        self._play.plan(self.engine)
        for birth in self._history.births:
            loop.call_at(birth, self._reborn)
        People(self.engine, self._history).plan()
        for percent in range(1, 100) if self._progress else ():
            loop.call_at(seconds * percent / 100, self._tell_progress, percent / 100)
        loop.call_at(seconds, self._finish)

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _failed(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
        """End with an error: half a replay must not pass for a whole one."""
        error = context.get("exception")
        if not self._over.done():
            self._over.set_exception(
                error if isinstance(error, Exception) else RuntimeError(str(context.get("message")))
            )

    def _tell_progress(self, share: float) -> None:
        if self._progress is not None:
            self._progress(share)

    def _reborn(self) -> None:
        """Begin as a Salus does that was started: verdicts are remembered, and counters are at zero."""
        units = self.engine.units
        states = fresh_states(units, {name: unit.state for name, unit in units.items()})
        for name, unit in units.items():
            unit.state, unit.ailing, unit.incarnation = states[name], False, None
