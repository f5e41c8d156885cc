"""The core of one agent: what looks, heals and writes down, joined by one bus, with what the ledger remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from salus.app.build import Resolved
from salus.app.folder import state_id
from salus.app.ledger import Ledger
from salus.app.parts import let_go, make_services
from salus.engine.bus import Bus
from salus.engine.chronicle import Chronicle
from salus.engine.clockmark import set_since
from salus.engine.engine import Engine
from salus.engine.gauge import HostSensor
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.received import ReceivedBox
from salus.engine.recorder import Recorder
from salus.engine.tally import Tally
from salus.errors import StoreUnreadableError
from salus.home import Home
from salus.ports import Clock, Service, Site, Snapshot, Subscriber
from salus.processes import boot_id
from salus.threads import Threads

THREADS = 32


@dataclass(frozen=True, slots=True)
class Core:
    """Parts that live for as long as the agent runs.

    Attributes:
        engine: all checks and rules; it stands at the site of everything.
        recorder: writes the ledger.
        chronicle: counts and writes the days.
        services: by name; a reload changes which they are.
        heartbeats: reports of jobs.
        received: alerts of others.
    """

    engine: Engine
    recorder: Recorder
    chronicle: Chronicle
    services: dict[str, Service]
    heartbeats: HeartbeatBox
    received: ReceivedBox

    def resume(self, snapshot: Snapshot) -> None:
        """Take up what an earlier Salus spent and was told; what of it is not understood keeps healing off."""
        engine = self.engine
        clock = engine.site.clock
        engine.clock_was_set = set_since(snapshot.memos, clock, boot_id())
        try:
            engine.policy.load(snapshot.memos)
            self.received.load(snapshot.memos, clock.now())
        except StoreUnreadableError as error:  # an unreadable budget is a spent budget
            engine.healing_off = engine.healing_off or str(error)
        engine.policy.starts.remember(snapshot.recent_starts)

    def listen(self, resolved: Resolved) -> None:
        """Hear the jobs and the alerts of others that the checks of a config listen to."""
        self.heartbeats.listen(resolved.listeners())
        self.received.listen(resolved.alert_listeners())

    def nudge(self, check: str) -> None:
        """Look at a check now, if there is one of that name."""
        if unit := self.engine.units.get(check):
            self.engine.nudge(unit)

    async def close(self) -> None:
        """Let go of the checks, and write the last rows."""
        units = self.engine.units
        for name, unit in units.items():
            self.recorder.check_state(name, unit.state)
        await asyncio.gather(*(let_go(unit.check) for unit in units.values()), return_exceptions=True)
        await self.chronicle.flush()
        await self.recorder.stop()


def assemble(
    resolved: Resolved,
    ledger: Ledger,
    *,
    clock: Clock,
    home: Home,
    listeners: Iterable[Subscriber],
    healing_off: str,
) -> Core:
    """Put the parts together and give them back their past; they have no checks yet, and nothing runs.

    Args:
        resolved: the config.
        ledger: where all of them write, and what they knew.
        clock: time.
        home: where coroutine functions of the application run.
        listeners: hear every event from the first one on.
        healing_off: why nothing is healed, or an empty string.
    """
    bus = Bus(clock)
    bus.resume_after(ledger.snapshot.last_event_id)
    recorder = Recorder(ledger.store, clock, bus.tell, boot=boot_id())
    bus.subscribe(recorder.event)
    for listener in listeners:
        bus.subscribe_later(listener)
    services: dict[str, Service] = {}
    heartbeats, received = HeartbeatBox(), ReceivedBox(recorder.memo)
    loop = asyncio.get_running_loop()

    def look_now(check: str) -> None:
        """Hear that a check should be looked at, from any thread."""
        with suppress(RuntimeError):  # the loop has closed: nobody looks any more
            loop.call_soon_threadsafe(core.nudge, check)

    state_dir = resolved.settings.agent.state_dir

    def look_at(service: str) -> None:
        engine.nudge_service(service)

    site = Site(
        clock=clock,
        state_dir=state_dir,
        state_id=state_id(state_dir),
        services=services,
        heartbeats=heartbeats,
        tell=bus.tell,
        remember=recorder.service,
        nudge=look_at,
        look_now=look_now,
        received=received,
        home=home,
    )
    engine = Engine(site, bus, recorder, Threads(THREADS))
    engine.tally = tally = Tally(lambda: engine.units, engine.now)
    engine.pressure.gauge.sensor = HostSensor()
    chronicle = Chronicle(ledger.store, tally, lambda: engine.units, clock)
    core = Core(engine, recorder, chronicle, services, heartbeats, received)
    engine.healing_off = healing_off
    engine.limits = resolved.settings.limits
    engine.service_roots = resolved.service_roots()
    engine.policy.holds.windows = resolved.settings.maintenance
    engine.observe_every = resolved.settings.agent.observe_every
    core.resume(ledger.snapshot)
    services.update(make_services(resolved, site))
    core.listen(resolved)
    return core
