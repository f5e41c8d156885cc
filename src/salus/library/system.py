"""``HealthSystem``: everything of Salus in one object, for the application that it lives in."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from salus.errors import ConflictError
from salus.home import Home
from salus.library.declaring import Declaring
from salus.model import Status

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
    from salus.model import Json, Observation, Overall
    from salus.surfaces.http import App
    from salus.surfaces.telemetry.providers import Providers

_STARTING = 60.0
_STOPPING = 30.0
_ALL: weakref.WeakSet[HealthSystem] = weakref.WeakSet()
_LEFT_BEHIND: list[Life] = []  # by forks: nothing of them may be finalised in a child


class HealthSystem(Declaring):
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
            name: of the application; names its state folder.
            config: a config file, a folder of them, or several: what they say is joined with what the code declares,
                and counts where both say something.
            settings: further sections as a config spells them, such as ``{"limits": {"mode": "observe"}}``.
            state_dir: folder of the ledger; chosen by ``salus.library.folder`` unless given here or in the config.
            listen: an address and port of Salus' own, such as ``127.0.0.1:8787``; none unless given.
            heal: false watches and never acts by itself.
        """
        self.name = name
        self._paths = _paths(config)
        self._where = (f"HealthSystem({name!r})", 0)
        self._state_dir = Path(state_dir).absolute() if state_dir is not None else None
        self._listen = listen
        self._heal = heal
        self._home = Home()
        self._lock = threading.RLock()
        self._host: Host | None = None
        self._life: Life | None = None
        self._pid = os.getpid()
        self._forked = False
        self._declarations: Declarations | None = None
        self._hearing: Hearing | None = None
        self._asgi: AsgiApp | None = None
        self._providers: Providers | None = None
        _ALL.add(self)
        if settings:
            self._said().settings(settings)

    def __repr__(self) -> str:
        """Tell which application this is."""
        return f"HealthSystem({self.name!r})"

    # ── its life ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start it, and return when it runs; at once where it runs already. Not on the application's event loop.

        Raises:
            ConfigError: what was declared is wrong; every problem with its place.
            SalusError: it cannot be started.
        """
        with self._lock:
            if self._running() is not None:
                return
            from salus.library.host import Host
            from salus.library.life import Life

            host, life = Host(f"salus-{self.name}"), Life(self._make)
            host.start()
            try:
                host.call(life.begin(), _STARTING)
            except BaseException:
                host.stop()
                raise
            self._host, self._life, self._pid = host, life, os.getpid()
            self._forked = False
            atexit.register(self.stop)  # a script that just ends must not leave half-done work behind

    def stop(self) -> None:
        """Stop it, bounded; at once where it does not run."""
        with self._lock:
            host, life = self._host, self._running()
            if host is None or life is None:
                return
            try:
                host.call(self._end(life), _STOPPING)
            finally:
                host.stop()
                self._host = self._life = None
                self._home.loop = self._home.thread = None
                atexit.unregister(self.stop)

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
        await asyncio.to_thread(self.start)
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

    # ── what it tells ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def runs(self) -> bool:
        """Tell whether it runs in this process, leading or following."""
        return self._running() is not None

    @property
    def status(self) -> Status:
        """Return how the whole is; unknown while nothing runs, or nothing was looked at yet."""
        return self._overall().status

    def is_healthy(self) -> bool:
        """Tell whether everything is well."""
        return self.status is Status.HEALTHY

    def is_degraded(self) -> bool:
        """Tell whether it works, and not as it should."""
        return self.status is Status.DEGRADED

    def is_ready(self) -> bool:
        """Tell whether requests can be served, as ``/readyz`` does."""
        return self._overall().ready

    def summary(self) -> str:
        """Return how the whole is, in one sentence, such as ``All systems operational`` or ``Down: database``."""
        return self._overall().message

    async def report(self) -> dict[str, Json]:
        """Return the document of ``/health``, with all details.

        Raises:
            ConflictError: it does not run.
        """
        host, life = self._alive()
        return await host.ask(_report(life))

    def report_sync(self) -> dict[str, Json]:
        """Return the document of ``/health``, for code without an event loop."""
        host, life = self._alive()
        return host.call(_report(life), _STARTING)

    async def run_now(self, *names: str) -> dict[str, Observation]:
        """Look afresh at the named checks, or at all of them; it moves no verdict and no rule.

        Raises:
            NotFoundError: there is no check of that name.
            ConflictError: it does not run.
        """
        host, life = self._alive()
        return await host.ask(life.look(names))

    def run_now_sync(self, *names: str) -> dict[str, Observation]:
        """Look afresh, for code without an event loop.

        Raises:
            NotFoundError: there is no check of that name.
            ConflictError: it does not run; or this is the very loop on which coroutine checks are awaited.
        """
        host, life = self._alive()
        if self._home.thread == threading.get_ident():
            message = "run_now_sync would wait on the event loop that the checks need"
            raise ConflictError(message, remedy="await health.run_now() there")
        return host.call(life.look(names))

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
        """Return the app for the network and the loop that it lives on; starts the system where it does not run.

        It does not run after a fork, for one: threads stay behind in the parent.
        """
        if self._running() is None:
            self.start()
        host, life = self._alive()
        return life.network, host.loop

    @property
    def state_dir(self) -> Path:
        """Return the folder of the ledger and of the sockets at which the command line asks.

        Raises:
            ConfigError: what was declared is wrong.
        """
        return self._read().agent.state_dir

    # ── how it is made ────────────────────────────────────────────────────────────────────────────────────────────────

    def _running(self) -> Life | None:
        return self._life if self._pid == os.getpid() and self._host is not None and self._host.alive else None

    def _alive(self) -> tuple[Host, Life]:
        if self._forked:
            self.start()
        life = self._running()
        if life is None or self._host is None:
            message = f"{self!r} does not run"
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
        """Remember the loop that runs here as the application's."""
        self._home.loop, self._home.thread = asyncio.get_running_loop(), threading.get_ident()

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

        resolve(self._read(), self._own())

    def apply(self) -> None:
        """Let what is declared by now take effect where it runs; waits for that, unless that would wait for itself."""
        host, life = self._alive()
        if host.here or self._home.thread == threading.get_ident():
            asyncio.run_coroutine_threadsafe(life.changed(), host.loop)
        else:
            host.call(life.changed(), _STARTING)

    @contextmanager
    def changing(self) -> Iterator[Declarations]:
        """Change what is declared; where it runs, that takes effect at the end of the block, or not at all."""
        with self._lock:
            declarations = self._said()
            before = declarations.snapshot()
            try:
                yield declarations
                if self._running() is not None:
                    self.judge()
            except BaseException:
                declarations.restore(before)
                raise
            if self._running() is not None:
                self.apply()

    def _read(self) -> Settings:
        """Read files and code together.

        Raises:
            ConfigError: with every problem, each at its place in a file or in the code.
        """
        from salus.config import load
        from salus.library.folder import state_folder

        declared = self._said().snapshot()
        agent = {"listen": self._listen or "none", "state_dir": self._state_dir}
        declared.set("salus", {**agent, **declared.sections.get("salus", {})}, self._where)
        settings = load(self._paths, declared=declared)
        if not settings.says("salus", "state_dir"):
            settings = replace(settings, agent=replace(settings.agent, state_dir=state_folder(self.name)))
        return settings

    def _own(self) -> Own:
        return self._said().own()

    def _make(self) -> Agent:
        from salus.app.agent import Agent
        from salus.app.own import Program
        from salus.library.workers import WorkersDoor

        hearing = self.heard()
        return Agent(
            self._read(),
            config_path=self._paths[0] if self._paths else None,
            heal=self._heal,
            listeners=(hearing.hear,),
            program=Program(read=self._read, own=self._own, home=self._home, door=WorkersDoor),
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
        life, self._life, self._host = self._life, None, None
        self._lock = threading.RLock()
        self._home.loop = self._home.thread = None
        if life is None:
            return
        self._forked = True
        _LEFT_BEHIND.append(life)
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for number in life.descriptors():
            os.dup2(nowhere, number, inheritable=False)  # not closed: an object that nobody uses still has the number
        os.close(nowhere)


async def _report(life: Life) -> dict[str, Json]:
    from salus.library.life import ask

    report: dict[str, Json] = await ask(life.role.local, "GET", "/health")
    return report


def _paths(config: str | Path | Sequence[str | Path] | None) -> list[Path]:
    if config is None:
        return []
    return [Path(config)] if isinstance(config, str | Path) else [Path(one) for one in config]


def _after_fork() -> None:
    for system in list(_ALL):
        system.forked()


os.register_at_fork(after_in_child=_after_fork)
