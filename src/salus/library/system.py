"""``HealthSystem``: everything of Salus in one object, for the application that it lives in."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from salus.errors import ConflictError, SalusError
from salus.home import Home
from salus.library import forks
from salus.library.declaring import Declaring
from salus.library.given import config_files, name_of_application, sections
from salus.library.telling import Telling
from salus.model import Status
from salus.tasks import begin

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from salus.app.agent import Agent
    from salus.app.own import Own
    from salus.config import Settings
    from salus.library.asgi import AsgiApp
    from salus.library.declarations import Declarations
    from salus.library.hearing import Hearing
    from salus.library.host import Host
    from salus.library.life import Life
    from salus.library.wsgi import WsgiApp
    from salus.model import Overall
    from salus.surfaces.http import App
    from salus.surfaces.telemetry.providers import Providers

_log = logging.getLogger("salus.library")

_STARTING = 60.0
_STOPPING = 30.0
_BEAT = 1.0


class HealthSystem(Declaring, Telling):
    """Checks, healing, alerts, dashboard and metrics of one application.

    Declare first, then start: as a context manager, through ``lifespan``, or by ``start`` and ``stop``. What is
    declared while it runs takes effect at once, from any thread. Salus lives on a thread of its own; coroutine
    functions are awaited on the application's event loop, plain functions run in threads.

    Where several processes serve one application, one of them leads: it checks and heals. The others answer with what
    it knows, and one of them takes over when it dies.
    """

    def __init__(
        self,
        name: str,
        *,
        config: str | Path | Sequence[str | Path] | None = None,
        settings: Mapping[str, object] | None = None,
        state_dir: str | Path | None = None,
        listen: str | None = None,
        heal: bool = True,
    ) -> None:
        """Declare an application; nothing runs yet.

        Args:
            name: of the application; names its state folder, so it is made of letters, digits, ``-``, ``_``, ``.``.
            config: a config file, a folder of them, or several: what they say is joined with what the code declares,
                and counts where both say something.
            settings: further sections as a config spells them, such as ``{"limits": {"mode": "observe"}}``.
            state_dir: folder of the ledger; chosen by ``salus.library.folder`` unless given here or in the config.
            listen: an address and port of Salus' own, such as ``127.0.0.1:8787``; none unless given.
            heal: false watches and never acts by itself.

        Raises:
            ConfigError: that cannot be a name.
        """
        self.name = name_of_application(name)
        self._paths = config_files(config)
        self._where = (f"HealthSystem({name!r})", 0)
        self._state_dir = Path(state_dir).absolute() if state_dir is not None else None
        self._listen = listen
        self._heal = heal
        self._home = Home(beat=_BEAT)
        self._declaring = threading.RLock()  # held for moments only: the application's loop may ask for it
        self._living = threading.RLock()  # held for as long as it starts or stops
        self._host: Host | None = None
        self._life: Life | None = None
        self._runs = False
        self._pid = os.getpid()
        self._forked = self._stopped = False
        self._declared = self._made_of = 0  # how often something was, and what an agent was made of
        self._declarations: Declarations | None = None
        self._hearing: Hearing | None = None
        self._asgi: AsgiApp | None = None
        self._providers: Providers | None = None
        forks.tell(self)
        if more := sections(settings):
            self._said().settings(more)

    def __repr__(self) -> str:
        """Tell which application this is."""
        return f"HealthSystem({self.name!r})"

    # ── its life ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start it, and return when it runs; at once where it runs already.

        Where it is called on an event loop, that loop waits meanwhile; it is the application's from now on.

        Raises:
            ConfigError: what was declared is wrong; every problem with its place.
            SalusError: it cannot be started; nothing of it is left behind.
        """
        with self._living:
            if self._running() is not None:
                return
            with suppress(ConflictError):  # called where no loop runs
                self._at_home()
            from salus.library.host import Host
            from salus.library.life import Life

            self._host, self._life, self._pid = Host(f"salus-{self.name}"), Life(self._make), os.getpid()
            try:
                self._host.start()
                self._host.call(self._life.begin(), _STARTING)
            except BaseException as error:
                self._gone(self._host)
                if isinstance(error, TimeoutError):
                    raise SalusError(f"{self!r} did not start within {_STARTING:g} s") from error
                raise
            self._runs, self._forked, self._stopped = True, False, False
            atexit.register(self.stop)  # a script that just ends must not leave half-done work behind
            if self._declared != self._made_of:  # by other threads, meanwhile
                asyncio.run_coroutine_threadsafe(self._life.changed(), self._host.loop).add_done_callback(_applied)

    def stop(self) -> None:
        """Stop it, bounded; at once where it does not run. A request that comes later does not start it again.

        Raises:
            ConflictError: it was called on the very thread that would have to end.
        """
        with self._living:
            host, life = self._host, self._running()
            if host is None or life is None:
                return
            host.refuse_itself()
            try:
                host.call(self._end(life), _STOPPING)
            except TimeoutError:
                _log.error("%r did not stop within %g s; what still ran was left", self, _STOPPING)
            finally:
                self._gone(host)
                if not host.alive:
                    life.let_go()
                self._home.loop = self._home.thread = None
                self._stopped = True
                atexit.unregister(self.stop)

    def _gone(self, host: Host) -> None:
        host.stop()
        self._host = self._life = None
        self._runs = False

    async def _end(self, life: Life) -> None:
        await life.end()
        if self._hearing is not None:
            await self._hearing.stop()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start it; coroutine functions of the application are awaited on this loop from now on."""
        self._at_home()
        starting = begin(asyncio.to_thread(self.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:  # nobody would stop it: its thread goes on starting it
            await asyncio.wait({starting})
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        await asyncio.to_thread(self.stop)

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Run it for as long as an ASGI application lives: ``FastAPI(lifespan=health.lifespan)``."""
        async with self:
            yield

    # ── its doors ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def runs(self) -> bool:
        """Tell whether it runs in this process, leading or following."""
        return self._running() is not None

    @property
    def ended(self) -> bool:
        """Tell whether it was stopped: then no request starts it again, only ``start`` does."""
        return self._stopped

    @property
    def adrift(self) -> bool:
        """Tell whether the application's event loop that it knew has ended."""
        return self._home.loop is not None and self._home.loop.is_closed()

    def asgi(self) -> AsgiApp:
        """Return the ASGI app with everything in it; mount it, or serve it by itself."""
        if self._asgi is None:
            from salus.library.asgi import AsgiApp

            self._asgi = AsgiApp(self, self._at_home)
        return self._asgi

    def wsgi(self) -> WsgiApp:
        """Return the WSGI app with everything in it."""
        from salus.library.wsgi import WsgiApp

        return WsgiApp(self.doors)

    def doors(self) -> tuple[App, asyncio.AbstractEventLoop]:
        """Return the app for the network and the loop that it lives on; starts the system where nobody has yet.

        It does not run after a fork, for one: threads stay behind in the parent.

        Raises:
            SalusError: it cannot be started, or was stopped.
        """
        if self._running() is None and not self._stopped:
            self.start()
        host, life = self._alive()
        return life.network, host.loop

    @property
    def state_dir(self) -> Path:
        """Return the folder of the ledger and of the sockets at which the command line asks.

        Raises:
            ConfigError: what was declared is wrong.
        """
        return self._read()[0].agent.state_dir

    # ── how it is made ────────────────────────────────────────────────────────────────────────────────────────────────

    def _running(self) -> Life | None:
        alive = self._runs and self._pid == os.getpid() and self._host is not None and self._host.alive
        return self._life if alive else None

    def _alive(self) -> tuple[Host, Life]:
        if self._forked:
            self.start()
        if self._life is not None and not self._runs:  # it is just being started
            self._living.acquire()
            self._living.release()
        life = self._running()
        if life is None or self._host is None:
            message = f"{self!r} does not run" + (": it was stopped" if self.ended else "")
            raise ConflictError(message, remedy="start it: `with health:`, `async with health:` or health.start()")
        return self._host, life

    def _overall(self) -> Overall:
        if self._forked:
            self.start()
        if (life := self._running()) is not None:
            return life.role.overall()
        from salus.model import Overall

        return Overall(status=Status.UNKNOWN, message="Salus does not run here", ready=False, live=True, started=False)

    def _at_home(self) -> None:
        """Remember the loop that runs here as the application's.

        Raises:
            ConflictError: it is none of asyncio.
        """
        try:
            self._home.loop, self._home.thread = asyncio.get_running_loop(), threading.get_ident()
        except RuntimeError as error:
            remedy = "in an application of trio or without a loop, `with health:` or health.start()"
            raise ConflictError("there is no event loop of asyncio here", remedy=remedy) from error

    def _on_the_loop(self) -> bool:
        """Tell whether the application's loop runs here, and so waits for the caller."""
        try:
            return asyncio.get_running_loop() is self._home.loop
        except RuntimeError:
            return False

    def _said(self) -> Declarations:
        if self._declarations is None:
            from salus.library.declarations import Declarations

            self._declarations = Declarations()
        return self._declarations

    def heard(self) -> Hearing:
        """Return who hands events to handlers."""
        if self._hearing is None:
            from salus.library.hearing import Hearing
            from salus.logs.events import tell_event

            self._hearing = Hearing(self._home)
            self._hearing.add(tell_event, ())  # as a handler, for the application's log may be slow, or stuck
        return self._hearing

    def judge(self) -> None:
        """See that what is declared fits together.

        Raises:
            ConfigError: it does not; with every problem, each at its place.
        """
        from salus.app.build import resolve

        resolve(*self._read())

    def apply(self) -> None:
        """Let what is declared by now take effect where it runs; waits for that, unless that would wait for itself.

        Raises:
            SalusError: it does not take effect.
        """
        host, life = self._alive()
        if host.here or self._on_the_loop():
            asyncio.run_coroutine_threadsafe(life.changed(), host.loop).add_done_callback(_applied)
            return
        try:
            host.call(life.changed(), _STARTING)
        except TimeoutError as error:
            raise SalusError(f"what was declared did not take effect within {_STARTING:g} s") from error

    @contextmanager
    def changing(self) -> Iterator[Declarations]:
        """Change what is declared; where it runs, that takes effect at the end of the block, or not at all."""
        with self._declaring:
            declarations = self._said()
            before = declarations.kept()
            try:
                yield declarations
                if runs := self._running() is not None:
                    self.judge()
                self._declared += 1
            except BaseException:
                declarations.restore(before)
                raise
        if runs:
            self.apply()

    def _read(self) -> tuple[Settings, Own]:
        """Read files and code together; the objects are those that the config speaks of.

        Raises:
            ConfigError: with every problem, each at its place in a file or in the code.
        """
        from salus.config import load
        from salus.library.folder import state_folder

        declared, own = self._said().snapshot()
        agent = {"name": self.name, "listen": self._listen or "none", "state_dir": self._state_dir}
        declared.set("salus", {**agent, **declared.sections.get("salus", {})}, self._where)
        settings = load(self._paths, declared=declared)
        if not settings.says("salus", "state_dir"):
            settings = replace(settings, agent=replace(settings.agent, state_dir=state_folder(self.name)))
        return settings, own

    def _make(self) -> Agent:
        from salus.app.agent import Agent
        from salus.app.own import Program
        from salus.library.workers import WorkersDoor

        hearing, self._made_of = self.heard(), self._declared
        settings, own = self._read()
        return Agent(
            settings,
            config_path=self._paths[0] if self._paths else None,
            heal=self._heal,
            listeners=(hearing.hear,),
            program=Program(read=self._read, own=own, home=self._home, door=WorkersDoor),
            providers=self._providers,
        )

    def telemetry(
        self,
        *,
        tracer: TracerProvider | None = None,
        meter: MeterProvider | None = None,
        logger: LoggerProvider | None = None,
    ) -> None:
        """Hand over the OpenTelemetry providers that the application has; call this before it starts.

        Every recovery becomes a trace, the numbers of ``/metrics`` instruments, what Salus logs log records. They are
        left running when Salus stops.

        Args:
            tracer: gets one trace per recovery. Without any of the three, this and the next are the global ones
                (``opentelemetry.trace.get_tracer_provider()``) as they are now.
            meter: gets the instruments.
            logger: gets what Salus logs.

        Raises:
            ConflictError: it runs already.
            MissingExtraError: OpenTelemetry is not installed.
        """
        from salus.surfaces.telemetry.providers import given

        if self._running() is not None:
            raise ConflictError("it runs already", remedy="call telemetry() before it starts")
        self._providers = given(tracer, meter, logger)

    def forked(self) -> None:
        """Let go, in a child made by a bare fork, of what only the parent may hold.

        The thread stayed behind in the parent. Whatever is asked of this system next starts it anew, as a follower.
        """
        life, self._life, self._host, self._runs = self._life, None, None, False
        self._declaring, self._living = threading.RLock(), threading.RLock()
        self._home.loop = self._home.thread = None
        self._stopped = False
        if self._declarations is not None:
            self._declarations.forked()
        if self._hearing is not None:
            self._hearing.forked()
        if life is not None:
            self._forked = True
            forks.leave_behind(life, life.descriptors())


def _applied(future: Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()):
        _log.error("what was declared does not take effect: %s", error)
