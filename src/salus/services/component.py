"""The ``component`` service: a Python object with ``start`` and ``stop``, inside this very program."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from salus.errors import ServiceError
from salus.home import Home
from salus.model import EventKind, ServiceRecord, ServiceState, ServiceStatus
from salus.options import ServiceOptions
from salus.ports import Service, Site
from salus.services._board import Board
from salus.units import Duration, format_duration

Step: TypeAlias = Callable[[], object] | Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """What can be done with a part of a program. Plain functions run in a thread, coroutine functions on the loop.

    Attributes:
        start: brings it up.
        stop: takes it down.
        restart: replaces it; None stops and starts.
        start_timeout: seconds ``start`` may take.
        stop_timeout: seconds ``stop`` may take.
        autostart: start it with Salus.
    """

    start: Step
    stop: Step
    restart: Step | None = None
    start_timeout: float = 10.0
    stop_timeout: float = 5.0
    autostart: bool = True


class ComponentOptions(ServiceOptions, frozen=True, kw_only=True):
    """A Python object with ``start`` and ``stop`` methods, plain or ``async``, and if it likes ``restart``.

    It lives in the process of Salus and ends with it. A plain method that hangs cannot be ended: it costs its thread,
    and the start or stop fails when its time is up.

    Attributes:
        object: where it is, as ``module:attribute``. A class is instantiated once, without arguments.
        start_timeout: ``start`` must return within this time.
        stop_timeout: ``stop`` must return within this time.
        autostart: start it with Salus.
    """

    object: str
    start_timeout: Duration = Duration(10)
    stop_timeout: Duration = Duration(5)
    autostart: bool = True

    def problems(self) -> list[tuple[str, str]]:
        """Say what the types alone cannot."""
        module, _, attribute = self.object.partition(":")
        if module and all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
            return []
        return [("object", f"{self.object!r} is not a place: write it like myapp.workers:queue")]

    def build(self, name: str, site: Site) -> Service:
        """Make the service; imports the module.

        Raises:
            ServiceError: there is no such object, or it has no ``start`` and ``stop``.
        """
        found = _load(self.object, name)
        steps = {step: getattr(found, step, None) for step in ("start", "stop", "restart")}
        missing = [step for step in ("start", "stop") if not callable(steps[step])]
        if missing:
            message = f"{name}: {self.object} has no method {' and no '.join(missing)}"
            raise ServiceError(message, remedy="a component has the methods start and stop")
        component = Component(
            start=found.start,  # type: ignore[attr-defined]
            stop=found.stop,  # type: ignore[attr-defined]
            restart=steps["restart"] if callable(steps["restart"]) else None,
            start_timeout=self.start_timeout,
            stop_timeout=self.stop_timeout,
            autostart=self.autostart,
        )
        return ComponentService(name, component, site)


class _StepError(Exception):
    """``start`` or ``stop`` raised, or its time was up."""


class ComponentService:
    """See ``ports.Service``. What it does is up to the component; this keeps order, time and account."""

    def __init__(self, name: str, component: Component, site: Site) -> None:
        """Stand at ``site``; nothing is started."""
        self._name = name
        self._component = component
        self._home = site.home
        self._board = Board(name, "component", site)
        self._board.want(component.autostart)
        self._lock = asyncio.Lock()

    @property
    def status(self) -> ServiceStatus:
        """Return what is known now; costs nothing."""
        return self._board.status

    async def adopt(self, record: ServiceRecord | None, *, start: bool) -> None:
        """Start it if wanted: a component never outlives its Salus, so there is nothing to take over."""
        async with self._lock:
            if record is not None:
                self._board.want(record.wanted)
            if start and self._board.status.wanted and not self._board.status.running:
                with contextlib.suppress(ServiceError):  # told, and its checks will see it
                    await self._start()

    async def start(self) -> None:
        """Start it; at once if it runs already.

        Raises:
            StartError: it raised, or its time was up.
        """
        async with self._lock:
            self._want(wanted=True)
            if not self._board.status.running:
                await self._start()

    async def stop(self, *, by_person: bool = False) -> None:
        """Stop it; at once if it is stopped.

        Raises:
            StopError: it raised, or its time was up.
        """
        async with self._lock:
            if by_person:
                self._want(wanted=False)
            if self._board.status.state is not ServiceState.STOPPED:
                await self._stop()

    async def restart(self) -> None:
        """Replace it.

        Raises:
            ServiceError: as for stop and start.
        """
        async with self._lock:
            self._want(wanted=True)
            if self._component.restart is not None and self._board.status.running:
                await self._start(self._component.restart)
                return
            if self._board.status.state is not ServiceState.STOPPED:
                await self._stop()
            await self._start()

    async def signal(self, number: int) -> None:
        """Refuse: a component is no process.

        Raises:
            ServiceError: always.
        """
        message = f"{self._name}: a component takes no signals (got {number}), it is not a process of its own"
        raise ServiceError(message)

    def last_output(self, lines: int = 50) -> list[str]:
        """Return nothing: its output is that of the program."""
        return [][:lines]

    async def aclose(self) -> None:
        """Let go of it."""

    def _want(self, *, wanted: bool) -> None:
        if self._board.status.wanted is not wanted:
            self._board.want(wanted)
            self._board.remember({})

    async def _start(self, step: Step | None = None) -> None:
        self._board.set(ServiceState.STARTING, "starting")
        try:
            await _call(self._home, step or self._component.start, self._component.start_timeout, "start")
        except _StepError as error:
            self._board.set(ServiceState.EXITED, str(error))
            raise self._board.start_failed(str(error)) from error.__cause__
        except asyncio.CancelledError:
            self._board.set(ServiceState.UNKNOWN, "its start was cancelled")
            raise
        self._board.count_start()
        incarnation = f"{self._name}-{self._board.status.starts}"
        self._board.set(ServiceState.RUNNING, "running", incarnation=incarnation)
        self._board.tell(EventKind.SERVICE_STARTED, "started")

    async def _stop(self) -> None:
        self._board.set(ServiceState.STOPPING, "stopping")
        try:
            await _call(self._home, self._component.stop, self._component.stop_timeout, "stop")
        except _StepError as error:
            self._board.set(ServiceState.UNKNOWN, str(error))
            raise self._board.stop_failed(str(error)) from error.__cause__
        except asyncio.CancelledError:
            self._board.set(ServiceState.UNKNOWN, "its stop was cancelled")
            raise
        self._board.set(ServiceState.STOPPED, "stopped")
        self._board.tell(EventKind.SERVICE_STOPPED, "stopped")


async def _call(home: Home, step: Step, seconds: float, what: str) -> None:
    """Call it, on the application's loop or in a thread.

    Raises:
        _StepError: it raised or took too long.
    """
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            if inspect.iscoroutinefunction(step):
                await home.run(step)
                return
            result = await asyncio.to_thread(step)
            if inspect.isawaitable(result):
                await home.run(partial(_awaited, result))
    except TimeoutError as error:
        if deadline.expired():
            message = f"{what} did not return within {format_duration(seconds)}"
            raise _StepError(message) from None
        raise _failed(what, error) from error
    except Exception as error:  # whatever a stranger's code raises
        raise _failed(what, error) from error


async def _awaited(result: Awaitable[object]) -> object:
    return await result


def _failed(what: str, error: Exception) -> _StepError:
    return _StepError(f"{what} raised {type(error).__name__}: {error}"[:500])


def _load(place: str, name: str) -> object:
    module, _, attribute = place.partition(":")
    try:
        found: object = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return found() if inspect.isclass(found) else found
    except Exception as error:
        message = f"{name}: cannot load {place}: {type(error).__name__}: {error}"
        raise ServiceError(message, remedy="see that the module can be imported where Salus runs") from error
