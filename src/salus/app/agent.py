"""The agent: build, start, reload, stop, run. Two of them can live in one process.

Start, in this order, so that nothing acts before it knows its past:
    lock the state folder -> ledger -> end what a dead Salus left -> doors open -> adopt services -> looks begin
Stop is bounded: doors close, no new looks, recoveries get a grace period, services stop, the last rows are written.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import salus
from salus.app.alerting import Alerting
from salus.app.build import Resolved, resolve
from salus.app.doors import Doors
from salus.app.ledger import Ledger, open_ledger
from salus.app.notify import Notifier
from salus.app.parts import let_go, make_services, make_units
from salus.app.reload import Reload
from salus.app.watch import feed_watchdog, prune, watch_clocks, watch_files
from salus.clock import SystemClock
from salus.config import AgentSettings, Settings, load
from salus.engine.access import TokenBook
from salus.engine.bus import Bus
from salus.engine.chronicle import Chronicle
from salus.engine.clockmark import set_since
from salus.engine.control import EngineControl
from salus.engine.engine import Engine
from salus.engine.gauge import HostSensor
from salus.engine.heartbeats import HeartbeatBox
from salus.engine.past import EnginePast
from salus.engine.received import ReceivedBox
from salus.engine.recorder import Recorder
from salus.engine.selfcheck import NAME, SelfCheck, self_check_spec
from salus.engine.tally import Tally
from salus.engine.units import CheckUnit
from salus.engine.view import EngineView
from salus.errors import ConfigError, ConflictError, SalusError, ServiceError, StoreUnreadableError
from salus.home import Home
from salus.model import NOTHING, CheckState, EventKind, Json, Memo, Outcome, RecoveryRecord, ServiceRecord
from salus.ports import Clock, Service, Site, Snapshot, Subscriber
from salus.processes import Family, OrphanReaper, become_subreaper, boot_id, kill_family, look_for
from salus.rules import memory as budget
from salus.store.lock import Lock
from salus.surfaces.door import once
from salus.surfaces.server import Server
from salus.tasks import Nursery
from salus.threads import Threads

if TYPE_CHECKING:
    from salus.app.own import Program
    from salus.engine.announcements import AnnouncementBook

_log = logging.getLogger("salus.agent")

WORKERS = "workers.sock"
GRACE = 10.0
THREADS = 32
_MOST_GONE = 1000  # checks that an event names as gone


class Agent:
    """Everything of one Salus. ``start`` and ``stop``, or ``run`` until a signal."""

    def __init__(
        self,
        settings: Settings,
        *,
        config_path: Path | None = None,
        clock: Clock | None = None,
        heal: bool = True,
        listeners: Sequence[Subscriber] = (),
        program: Program | None = None,
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

        Raises:
            ConfigError: a name or an option in the config is wrong.
        """
        self._program = program
        self._resolved: Resolved = self._resolve(settings)
        self._config_path = config_path
        self._clock: Clock = clock or SystemClock()
        self._heal = heal
        self._listeners = tuple(listeners)
        self._services: dict[str, Service] = {}
        self._heartbeats = HeartbeatBox()
        self._received = ReceivedBox(self._keep)
        self._tasks = Nursery(self._crashed)
        self._adopted: dict[str, asyncio.Event] = {}
        self._notifier = Notifier() if program is None else Notifier({})
        self._reloading = asyncio.Lock()
        self._undo: list[tuple[str, Callable[[], Coroutine[object, object, None]]]] = []
        self._ledger_trouble = ""
        self._announced: dict[str, Mapping[str, Json]] = {}
        self._announcements = once(self._load_announcements)
        self._reload_trouble = ""
        self._flush: Callable[[], None] = lambda: None
        self.engine: Engine
        self.view: EngineView
        self.control: EngineControl
        self.access: TokenBook
        self.alerting: Alerting
        self.doors: Doors
        self._lock: Lock | None = None
        self._workers: Server | None = None
        self.server = Server()

    @property
    def settings(self) -> Settings:
        """Return the config in force."""
        return self._resolved.settings

    @property
    def announcements(self) -> AnnouncementBook:
        """Return what the public was told; loaded when somebody first asks for it."""
        return self._announcements()

    def _load_announcements(self) -> AnnouncementBook:
        from salus.engine.announcements import AnnouncementBook

        def labels() -> Sequence[str] | None:
            page = self.settings.status_page
            return None if page is None else [one.label for one in page.components]

        book = AnnouncementBook(self._clock, self.engine.bus.tell, self._recorder.memo, self._recorder.commit, labels)
        try:
            book.load(self._announced)
        except StoreUnreadableError as error:
            _log.error("%s; the status page does not show it", error)
        return book

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
        self._loop = asyncio.get_running_loop()
        agent = self.settings.agent
        try:
            agent.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            remedy = "give it to the user that runs this, or name another folder as salus.state_dir"
            raise SalusError(
                f"{agent.state_dir} cannot be the state folder: {error.strerror}", remedy=remedy
            ) from error
        lock = Lock(agent.state_dir / "salus.lock")
        lock.acquire()
        self._lock = lock
        self._on_stop("lock", _later(lock.release))
        ledger = await open_ledger(agent, self._clock.now())
        self._on_stop("ledger", ledger.store.close)
        self._ledger_trouble = ledger.trouble
        self._build_engine(ledger)
        memos = ledger.snapshot.memos
        self._announced = {key: memos[key] for key in memos if key.startswith("announcement:")}
        await self._end_leftovers()
        self.engine.bus.tell(EventKind.AGENT_STARTED, message=f"Salus {salus.__version__} watches {self._extent()}")
        past = EnginePast(self._recorder, ledger.store)
        self.doors = Doors(self, self.engine, past, self._chronicle, self._clock)
        await self._open_doors(agent)
        self._on_stop("services", self._stop_services)
        await self._start_alerts(ledger.snapshot)
        self._close_interrupted(ledger.snapshot)
        self._adopt_services(ledger.snapshot)
        self._on_stop("engine", self._stop_engine)
        self.engine.start()
        self._start_loops(ledger)
        self._notifier.say("READY=1")

    async def _open_doors(self, agent: AgentSettings) -> None:
        network = self.doors.network if agent.host else None
        await self.server.start(network, agent.host, agent.port, self.doors.local, agent.state_dir / "salus.sock")
        self._on_stop("doors", lambda: self.server.stop(1.0))
        if self._program is not None:
            self._workers = workers = Server()
            await workers.start(None, "", 0, self._program.door(self.doors.network), agent.state_dir / WORKERS)
            self._on_stop("workers' door", lambda: workers.stop(1.0))

    def descriptors(self) -> list[int]:
        """Return what a child made by a bare fork must close, or it would hold the lock and the addresses too."""
        servers = [server for server in (self.server, self._workers) if server is not None]
        own = [] if self._lock is None or self._lock.descriptor is None else [self._lock.descriptor]
        return [*own, *(number for server in servers for number in server.descriptors())]

    def let_go(self) -> None:
        """Let go of the lock, where ``stop`` was not given the time to come to that, and nothing runs any more."""
        if self._lock is not None:
            self._lock.release()

    def _build_engine(self, ledger: Ledger) -> None:
        agent = self.settings.agent
        bus = Bus(self._clock)
        self._flush = bus.flush
        bus.resume_after(ledger.snapshot.last_event_id)
        boot = boot_id()
        recorder = Recorder(ledger.store, self._clock, bus.tell, boot=boot)
        bus.subscribe(recorder.event)
        for listener in self._listeners:
            bus.subscribe_later(listener)
        site = Site(
            clock=self._clock,
            state_dir=agent.state_dir,
            state_id=_state_id(agent.state_dir),
            services=self._services,
            heartbeats=self._heartbeats,
            tell=bus.tell,
            remember=recorder.service,
            nudge=self._nudge_service,
            look_now=self._look_now,
            received=self._received,
            home=self._program.home if self._program else Home(),
        )
        self._recorder = recorder
        self._store = ledger.store
        self.engine = engine = Engine(site, bus, recorder, Threads(THREADS))
        engine.tally = tally = Tally(lambda: engine.units, engine.now)
        self._chronicle = Chronicle(ledger.store, tally, lambda: engine.units, self._clock)
        self.engine.clock_was_set = set_since(ledger.snapshot.memos, self._clock, boot)
        self.engine.limits = self.settings.limits
        self.engine.pressure.gauge.sensor = HostSensor()
        self.engine.service_roots = self._resolved.service_roots()
        self.engine.policy.holds.windows = self.settings.maintenance
        self.engine.observe_every = agent.observe_every
        self.engine.healing_off = ledger.healing_off or ("" if self._heal else "Salus was started with --no-heal")
        try:
            self.engine.policy.load(ledger.snapshot.memos)
            self._received.load(ledger.snapshot.memos, self._clock.now())
        except StoreUnreadableError as error:  # an unreadable budget is a spent budget
            self.engine.healing_off = self.engine.healing_off or str(error)
        self.engine.policy.starts.remember(ledger.snapshot.recent_starts)
        self._services.update(make_services(self._resolved, site))
        self._heartbeats.listen(self._resolved.listeners())
        self._received.listen(self._resolved.alert_listeners())
        units = make_units(self._resolved, site, ledger.snapshot)
        self.engine.replace_units({**units, **self._self_check(units)})
        self.view = EngineView(self.engine, environment=agent.environment, show_details=agent.show_details)
        self.control = EngineControl(self.engine, self._heartbeats, self.reload, self._received)
        self.alerting = Alerting(self.engine, recorder, ledger.store)
        self.access = TokenBook(self._clock, bus.tell, recorder.memo, recorder.commit)
        try:
            self.access.load(ledger.snapshot.memos)
        except StoreUnreadableError as error:
            _log.error("%s; nobody gets in by a token", error)

    async def _start_alerts(self, snapshot: Snapshot) -> None:
        """Take up what an earlier Salus told, and tell from now on; what is not understood keeps nobody quiet."""
        await self.alerting.configure(self._resolved)
        try:
            self.alerting.load(snapshot)
        except StoreUnreadableError as error:
            _log.error("%s; it keeps nobody quiet", error)
        self._on_stop("alerts", self.alerting.stop)
        await self.alerting.start()

    def _self_check(self, units: dict[str, CheckUnit]) -> dict[str, CheckUnit]:
        if NAME in units:
            return {}
        check = SelfCheck(self._troubles, self._lateness)
        return {NAME: CheckUnit(spec=self_check_spec(), check=check, state=CheckState())}

    def _troubles(self) -> list[str]:
        lines = [
            self.engine.healing_off and f"automatic recovery is off: {self.engine.healing_off}",
            self._ledger_trouble if not self.engine.healing_off else "",
            self._recorder.failure and f"the ledger cannot be written: {self._recorder.failure}",
            self._reload_trouble,
            *self.alerting.troubles(self._clock.now()),
        ]
        self.view.problems = [line for line in lines if line]
        return self.view.problems

    def _lateness(self) -> float:
        worst, self.engine.lateness_max = self.engine.lateness_max, 0.0
        return worst

    async def _end_leftovers(self) -> None:
        """End the checks and actions that a Salus killed in the middle of them left behind."""
        state_id = self.engine.site.state_id
        try:
            left = await look_for(state_id)
        except TimeoutError:  # a process that blocks whoever reads about it must not keep Salus down
            _log.warning("cannot tell what an earlier Salus left behind: the processes of this machine cannot be read")
            return
        marks = sorted({f"{state_id}:{each.kind}:{each.name}" for each in left if each.kind in ("check", "action")})
        for mark in marks:
            _log.warning("ending what an earlier Salus left behind: %s", mark.partition(":")[2])
            await kill_family(Family(mark))

    def _close_interrupted(self, snapshot: Snapshot) -> None:
        """Book the recoveries in which the last Salus died: counted as attempts, cooling down from now."""
        now = self._clock.now()
        for record in snapshot.unfinished:
            closed = replace(
                record,
                outcome=Outcome.INTERRUPTED,
                finished_at=now,
                message="Salus itself was ended in the middle of it",
            )
            self._recorder.recovery(closed)
            self._tell_interrupted(closed)
        for unit in self.engine.units.values():
            for rule in unit.rules:
                if rule.memory.last_started and rule.memory.last_finished is None:
                    rule.memory = budget.interrupt(rule.memory, now)
                    self._recorder.rule_state(rule.memory)

    def _tell_interrupted(self, record: RecoveryRecord) -> None:
        self.engine.bus.tell(
            EventKind.RECOVERY_FINISHED,
            check=record.check,
            rule=record.rule,
            recovery=record.id,
            reason=Outcome.INTERRUPTED.value,
            message=record.message,
        )

    def _adopt_services(self, snapshot: Snapshot) -> None:
        """Take over what runs and start what should; until then no recovery touches it."""
        self._adopted = {name: asyncio.Event() for name in self._services}
        for name, service in self._services.items():
            self.engine.rest(name)
            self._tasks.start(f"start {name}", self._adopt(name, service, snapshot.services.get(name)))

    async def _adopt(self, name: str, service: Service, record: ServiceRecord | None) -> None:
        """Adopt or start one service, after those that it depends on (which may have failed to start)."""
        try:
            before = [self._adopted[root] for root in self.engine.service_roots.get(name, ()) if root in self._adopted]
            await asyncio.gather(*(event.wait() for event in before))
            with self.engine.healer.holding(f"service:{name}", "the start of Salus"):
                await service.adopt(record, start=True)
        except ServiceError as error:
            _log.error("%s did not start: %s", name, error)
        finally:
            self._adopted[name].set()
            self.engine.awake(name)

    def _start_loops(self, ledger: Ledger) -> None:
        self._tasks.start("recorder", self._recorder.run())
        remembered = ledger.snapshot
        self._tasks.start("chronicle", self._chronicle.run(remembered.check_states, remembered.memos))
        self._tasks.start("clocks", watch_clocks(self.engine))
        self._tasks.start("prune", prune(self._clock, ledger.store, self.settings.agent))
        self._tasks.start("watchdog", feed_watchdog(self._clock, self._notifier))
        if self._config_path is not None:
            self._tasks.start("files", watch_files(self._clock, self.settings.files, self._reload_quietly))

    def _extent(self) -> str:
        resolved = self._resolved
        counts = {"check": len(resolved.checks), "service": len(resolved.services), "rule": len(resolved.rules)}
        return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())

    # ── reload ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def reload(self) -> str:
        """Read the config again and apply it; unchanged checks keep their state.

        Raises:
            ConfigError: the new config is wrong; the last good one stays in force.
            SalusError: there is no file to read.
        """
        async with self._reloading:
            try:
                new = self._resolve(self._read())
            except ConfigError as error:
                first = error.problems[0] if error.problems else error
                self._reload_trouble = f"the changed config is wrong, the last good one stays in force: {first}"
                self.engine.bus.tell(EventKind.CONFIG_REJECTED, message=str(error)[:2000])
                self._nudge_self()
                raise
            self._keep_fixed(new.settings)
            said, forget = await Reload(self.engine, self._services, self._resolved, new).run()
            self._resolved = new
            self.view.environment, self.view.show_details = (
                new.settings.agent.environment,
                new.settings.agent.show_details,
            )
            await self.alerting.configure(new)
            self._reload_trouble = ""
            self._heartbeats.listen(new.listeners())
            self._received.listen(new.alert_listeners())
            gone: Json = [*forget.forget_checks[:_MOST_GONE]]
            self.engine.bus.tell(EventKind.CONFIG_RELOADED, message=said, data={"removed": gone} if gone else NOTHING)
            await self._recorder.commit()
            await self._recorder.forget(forget)
            self._nudge_self()
            return said

    def _resolve(self, settings: Settings) -> Resolved:
        return resolve(settings, self._program.own() if self._program else None)

    def _read(self) -> Settings:
        if self._program is not None:
            return self._program.read()
        if self._config_path is None:
            message = "this Salus was not started from a file"
            raise ConflictError(message, remedy="change it in the program that built it")
        return load(self._config_path)

    def _keep_fixed(self, new: Settings) -> None:
        old = self.settings.agent
        if (new.agent.host, new.agent.port, new.agent.state_dir) != (old.host, old.port, old.state_dir):
            _log.warning("listen and state_dir take effect when Salus is started again")

    async def _reload_quietly(self) -> None:
        try:
            await self.reload()
        except ConfigError:
            pass  # told as an event, like what has changed: the log says either once
        except SalusError as error:
            _log.error("not reloaded: %s", error)

    def _keep(self, memo: Memo) -> None:
        self._recorder.memo(memo)

    def _nudge_service(self, name: str) -> None:
        self.engine.nudge_service(name)

    def _look_now(self, check: str) -> None:
        """Hear that a check should be looked at, from any thread."""
        with suppress(RuntimeError):  # the loop has closed: nobody looks any more
            self._loop.call_soon_threadsafe(self._nudge_check, check)

    def _nudge_check(self, name: str) -> None:
        if unit := self.engine.units.get(name):
            self.engine.nudge(unit)

    def _nudge_self(self) -> None:
        self._nudge_check(NAME)

    # ── stop ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def stop(self, grace: float = GRACE) -> None:
        """Stop everything in the reverse order of its start, each step bounded."""
        try:
            await self._stop(grace)
        finally:
            self._flush()

    async def _stop(self, grace: float) -> None:
        self._notifier.say("STOPPING=1")
        while self._undo:
            name, undo = self._undo.pop()
            try:
                async with asyncio.timeout(2 * grace):
                    await undo()
            except TimeoutError:
                _log.error("stopping the %s took too long and was left", name)
            except Exception:  # noqa: BLE001 - one part that will not stop must not keep the others up
                _log.exception("stopping the %s failed", name)

    async def _stop_engine(self) -> None:
        left = await self.engine.stop(GRACE / 2)
        for name in left:
            _log.error("%s would not end", name)
        self.engine.bus.tell(EventKind.AGENT_STOPPED, message="Salus stops")

    async def _stop_services(self) -> None:
        results = await asyncio.gather(
            *(self._stop_service(service) for service in self._services.values()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, Exception):
                _log.error("%s", result)
        for name, unit in self.engine.units.items():
            self._recorder.check_state(name, unit.state)
        await asyncio.gather(*(let_go(unit.check) for unit in self.engine.units.values()), return_exceptions=True)
        await self._chronicle.flush()
        await self._recorder.stop()
        await self._tasks.stop(0.0)

    async def _stop_service(self, service: Service) -> None:
        try:
            await service.stop()
        finally:
            await service.aclose()

    def _on_stop(self, name: str, undo: Callable[[], Coroutine[object, object, None]]) -> None:
        self._undo.append((name, undo))

    def _crashed(self, name: str, error: BaseException) -> None:
        _log.error("the task %r failed in Salus itself", name, exc_info=error)

    # ── run ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP reloads. For a process that is Salus' own."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        become_subreaper()
        reaper = OrphanReaper()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, done.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._tasks.start("reload", self._reload_quietly()))
        await self.start()
        reaper.start()
        try:
            await done.wait()
        finally:
            await self.stop()
            reaper.stop()


def _later(work: Callable[[], None]) -> Callable[[], Coroutine[object, object, None]]:
    async def run() -> None:
        work()

    return run


def _state_id(state_dir: Path) -> str:
    """Return the id of this state folder, made once."""
    file = state_dir / "id"
    try:
        known = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        known = ""
    if len(known) == 32 and known.isalnum():
        return known
    made = uuid.uuid4().hex
    try:
        file.write_text(made + "\n", encoding="ascii")
    except OSError as error:  # what is left of checks and actions will not be known again after a crash
        _log.error("cannot keep the id of this Salus in %s: %s", file, error.strerror)
    return made
