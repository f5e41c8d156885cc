"""The agent: build, start, reload, stop, run. Two of them can live in one process.

Start, in this order, so that nothing acts before it knows its past:
    lock the state folder -> ledger -> end what a dead Salus left -> doors open -> adopt services -> looks begin
Stop is bounded: doors close, no new looks, recoveries get a grace period, services stop, the last rows are written.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import salus
from salus.app.alerting import Alerting
from salus.app.announcing import announcing
from salus.app.core import assemble
from salus.app.doors import Doors
from salus.app.endings import Endings
from salus.app.folder import make_folder
from salus.app.ledger import Ledger, open_ledger
from salus.app.leftovers import close_interrupted, end_leftovers
from salus.app.notify import Notifier
from salus.app.outside import Outside
from salus.app.parts import make_units
from salus.app.process import until_signalled
from salus.app.reloading import Reloading, quietly
from salus.app.services import Services
from salus.app.source import Source
from salus.app.troubles import Troubles
from salus.app.vitals import Vitals, feed_watchdog
from salus.app.watch import prune, watch_clocks, watch_files
from salus.clock import SystemClock
from salus.config import Settings
from salus.engine.access import TokenBook
from salus.engine.control import EngineControl
from salus.engine.engine import Engine
from salus.engine.past import EnginePast
from salus.engine.view import EngineView
from salus.errors import ConflictError, StoreUnreadableError
from salus.home import Home
from salus.model import EventKind
from salus.ports import Clock, Snapshot, Subscriber
from salus.store.lock import Lock
from salus.surfaces.server import Server
from salus.tasks import Nursery

if TYPE_CHECKING:
    from salus.app.own import Program
    from salus.engine.announcements import AnnouncementBook
    from salus.surfaces.telemetry.providers import Providers

_log = logging.getLogger("salus.agent")

WORKERS = "workers.sock"
GRACE = 10.0
_FOR_GOOD = frozenset({"recorder", "chronicle", "clocks", "prune", "files", "watchdog"})


class Agent:
    """Everything of one Salus. ``start`` and ``stop``, or ``run`` until a signal."""

    engine: Engine
    view: EngineView
    control: EngineControl
    access: TokenBook
    alerting: Alerting
    doors: Doors
    outside: Outside

    def __init__(
        self,
        settings: Settings,
        *,
        config_path: Path | None = None,
        clock: Clock | None = None,
        heal: bool = True,
        listeners: Sequence[Subscriber] = (),
        program: Program | None = None,
        providers: Providers | None = None,
    ) -> None:
        """Resolve every name; nothing runs yet.

        Args:
            settings: the config.
            config_path: where it came from, for reloads.
            clock: time; the system's unless told otherwise.
            heal: false watches and never acts.
            listeners: hear every event from the first one on, such as the log.
            program: what it lives in, where it is no process of its own: the program then speaks to the service
                manager itself, and its other processes reach this one through a socket in the state folder.
            providers: an application's own providers of OpenTelemetry; they win over the section ``telemetry``.

        Raises:
            ConfigError: a name or an option in the config is wrong.
        """
        self._source = Source(settings, config_path, program)
        self._program = program
        self._clock: Clock = clock or SystemClock()
        self._heal = heal
        self._listeners = tuple(listeners)
        self._providers = providers
        self._notifier = Notifier()
        self._tasks = Nursery(self._crashed)
        self._endings = Endings()
        self._lock: Lock | None = None
        self._reloading: Reloading | None = None
        self._flush: Callable[[], None] = lambda: None
        self._workers: Server | None = None
        self.server = Server()

    @property
    def settings(self) -> Settings:
        """Return the config in force."""
        return self._source.resolved.settings

    @property
    def announcements(self) -> AnnouncementBook:
        """Return what the public was told; loaded when somebody first asks for it."""
        return self._announcements()

    # ── start ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Start everything; on failure everything that was started is stopped again.

        Raises:
            SalusError: another Salus uses this state folder, or the address is taken.
        """
        try:
            await self._start()
        except BaseException:  # also when cancelled: nothing may be left running half-way; always raised again
            await self.stop()
            raise

    async def _start(self) -> None:
        ledger = await self._open_ledger()
        snapshot = ledger.snapshot
        self._build(ledger)
        await end_leftovers(self.engine.site.state_id)
        self.engine.bus.tell(
            EventKind.AGENT_STARTED, message=f"Salus {salus.__version__} watches {self._source.resolved.extent()}"
        )
        await self._open_doors()
        services = Services(self.engine, self._core.services, self._tasks)
        self._endings.add("services", lambda: self._stop_services(services))
        await self._start_alerts(snapshot)
        await self._start_outside(snapshot)
        self._reloading = Reloading(
            self._source,
            self._core,
            view=self.view,
            alerting=self.alerting,
            outside=self.outside,
            troubles=self._troubles,
        )
        services.adopt(snapshot.services)
        self._endings.add("engine", self._stop_engine)
        self.engine.start()
        self._start_loops(snapshot)
        self.outside.ready()

    async def _open_ledger(self) -> Ledger:
        agent = self.settings.agent
        make_folder(agent.state_dir)
        lock = Lock(agent.state_dir / "salus.lock")
        lock.acquire()
        self._lock = lock
        self._endings.add("lock", self._unlock)
        ledger = await open_ledger(agent, self._clock.now())
        self._store = ledger.store
        self._endings.add("ledger", ledger.store.close)
        return ledger

    def _build(self, ledger: Ledger) -> None:
        """Build all parts, and give them back what the ledger remembers; nothing runs yet."""
        resolved, snapshot, clock = self._source.resolved, ledger.snapshot, self._clock
        self._core = core = assemble(
            resolved,
            ledger,
            clock=clock,
            home=self._program.home if self._program else Home(),
            listeners=self._listeners,
            healing_off=ledger.healing_off or ("" if self._heal else "Salus was started with --no-heal"),
        )
        self._recorder = recorder = core.recorder
        self.engine = engine = core.engine
        self._flush = engine.bus.flush
        agent = resolved.settings.agent
        self.view = EngineView(engine, environment=agent.environment, show_details=agent.show_details, name=agent.name)
        self.control = EngineControl(engine, core.heartbeats, self.reload, core.received)
        self.alerting = Alerting(engine, recorder, ledger.store)
        self._vitals = Vitals(engine, recorder, clock)
        self._troubles = Troubles(engine, recorder, self.view, self._vitals, self.alerting, ledger=ledger.trouble)
        units = make_units(resolved, engine.site, snapshot)
        engine.replace_units({**units, **self._troubles.self_check(units)})
        self._announcements = announcing(engine, recorder, snapshot.memos, lambda: self.settings)
        self.access = TokenBook(clock, engine.bus.tell, recorder.memo, recorder.commit)
        try:
            self.access.load(snapshot.memos)
        except StoreUnreadableError as error:
            _log.error("%s; nobody gets in by a token", error)
        self.doors = Doors(self, engine, EnginePast(recorder, ledger.store), core.chronicle, clock)

    async def _open_doors(self) -> None:
        agent = self.settings.agent
        network = self.doors.network if agent.host else None
        await self.server.start(network, agent.host, agent.port, self.doors.local, agent.state_dir / "salus.sock")
        self._endings.add("doors", lambda: self.server.stop(1.0))
        if self._program is not None:
            self._workers = workers = Server()
            await workers.start(None, "", 0, self._program.door(self.doors.network), agent.state_dir / WORKERS)
            self._endings.add("workers' door", lambda: workers.stop(1.0))

    def descriptors(self) -> list[int]:
        """Return what a child made by a bare fork must close, or it would hold the lock and the addresses too."""
        servers = [server for server in (self.server, self._workers) if server is not None]
        own = [] if self._lock is None or self._lock.descriptor is None else [self._lock.descriptor]
        return [*own, *(number for server in servers for number in server.descriptors())]

    def let_go(self) -> None:
        """Let go of the lock, where ``stop`` was not given the time to come to that, and nothing runs any more."""
        if self._lock is not None:
            self._lock.release()

    async def _start_alerts(self, snapshot: Snapshot) -> None:
        """Take up what an earlier Salus told, and tell from now on."""
        await self.alerting.configure(self._source.resolved)
        self.alerting.load(snapshot)
        self._endings.add("alerts", self.alerting.stop)
        await self.alerting.start()

    async def _start_outside(self, snapshot: Snapshot) -> None:
        """Tell those outside from now on, also of the recoveries in which the last Salus died."""
        self.outside = Outside(
            engine=self.engine,
            view=self.view,
            alerting=self.alerting,
            store=self._store,
            vitals=self._vitals,
            notifier=self._notifier,
            providers=self._providers,
        )
        self._endings.add("telemetry", self.outside.stop)
        await self.outside.configure(self.settings)
        await self.outside.interrupted(close_interrupted(self.engine, self._recorder, snapshot.unfinished))

    def _start_loops(self, snapshot: Snapshot) -> None:
        self._tasks.start("recorder", self._recorder.run())
        self._tasks.start("chronicle", self._core.chronicle.run(snapshot.check_states, snapshot.memos))
        self._tasks.start("clocks", watch_clocks(self.engine))
        self._tasks.start("prune", prune(self._clock, self._store, self.settings.agent))
        self._tasks.start("watchdog", feed_watchdog(self._clock, self._notifier, self._vitals))
        if self._source.path is not None:
            self._tasks.start("files", watch_files(self._clock, self.settings.files, lambda: quietly(self.reload)))

    # ── reload ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def reload(self) -> str:
        """Read the config again and apply it; unchanged checks keep their state.

        Raises:
            ConfigError: the new config is wrong; the last good one stays in force.
            SalusError: there is no file to read, or this Salus is still starting.
        """
        if self._reloading is None:
            message = "this Salus is still starting"
            raise ConflictError(message, remedy="ask again in a moment")
        return await self._reloading.run()

    # ── stop ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def stop(self, grace: float = GRACE) -> None:
        """Stop everything in the reverse order of its start, each step bounded."""
        try:
            self._notifier.stopping()
            await self._endings.run(2 * grace)
        finally:
            self._flush()

    async def _stop_engine(self) -> None:
        left = await self.engine.stop(GRACE / 2)
        for name in left:
            _log.error("%s would not end", name)
        self.engine.bus.tell(EventKind.AGENT_STOPPED, message="Salus stops")

    async def _stop_services(self, services: Services) -> None:
        await services.stop()
        await self._core.close()
        await self._tasks.stop(0.0)

    async def _unlock(self) -> None:
        self.let_go()

    def _crashed(self, name: str, error: BaseException) -> None:
        _log.error("the task %r failed in Salus itself", name, exc_info=error)
        if name in _FOR_GOOD:
            self._vitals.crashed(name)

    # ── run ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP reloads. For a process that is Salus' own."""
        self._notifier = Notifier(os.environ)
        await until_signalled(self.start, self.stop, lambda: self._tasks.start("reload", quietly(self.reload)))
