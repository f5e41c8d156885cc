"""A service that commands start and stop; where it has a pid file, its main process is watched."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal as signals
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from salus.errors import SalusError, ServiceError
from salus.model import EventKind, Json, ServiceRecord, ServiceState, ServiceStatus
from salus.ports import Site
from salus.processes import (
    MARK,
    Child,
    Command,
    Family,
    boot_id,
    environment,
    kill_family,
    spawn,
    to_the_end,
)
from salus.services._board import Board
from salus.services._log import LogOptions, OutputLog, folder_name
from salus.services._pid_file import held
from salus.services._signals import name_of
from salus.units import format_duration

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.25
_KILL_TIMEOUT = 5.0
_LOOK_OUT_EVERY = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """How one command service is run; see ``CommandOptions``."""

    start: tuple[str, ...]
    stop: tuple[str, ...]
    restart: tuple[str, ...] | None
    status: tuple[str, ...] | None
    pid_file: Path | None
    directory: Path | None
    environment: Mapping[str, str]
    user: str | None
    start_timeout: float
    stop_timeout: float
    log: LogOptions
    autostart: bool


class CommandService:
    """See ``ports.Service``."""

    def __init__(self, name: str, commands: Commands, site: Site) -> None:
        """Stand at ``site``; nothing is started."""
        self._name = name
        self._commands = commands
        self._board = Board(name, "command", site)
        self._board.want(commands.autostart)
        self._environment = environment(site.state_id, "service", name, commands.environment)
        self._mark = self._environment[MARK]
        self._log = OutputLog(site.state_dir / "services" / folder_name(name), commands.log)
        self._lock = asyncio.Lock()
        self._child: Child | None = None
        self._launch: Mapping[str, Json] = {}
        self._lookout: asyncio.TimerHandle | None = None

    @property
    def status(self) -> ServiceStatus:
        """Return what is known now; costs nothing."""
        return self._board.status

    async def adopt(self, record: ServiceRecord | None, *, start: bool) -> None:
        """Find out whether it runs, watch it, and start it if wanted.

        A start that fails is told, and does not raise: its checks will see it.
        """
        async with self._lock:
            if record is not None:
                self._board.want(record.wanted)
                self._launch = record.launch
            if await self._up():
                message = f"took over process {self._child.pid}" if self._child else "it runs already"
                self._running(message)
                self._board.tell(EventKind.SERVICE_ADOPTED, message)
            elif start and self._board.status.wanted:
                with contextlib.suppress(ServiceError):
                    await self._start()

    async def start(self) -> None:
        """Start it, and return when its pid file or status says so; at once if it runs already.

        Raises:
            StartError: the command failed, or nothing ran in time.
        """
        async with self._lock:
            self._want(wanted=True)
            if await self._up():
                self._running("running")
            else:
                await self._start()

    async def stop(self, *, by_person: bool = False) -> None:
        """Stop it; at once if it is known to be stopped.

        Raises:
            StopError: it still runs.
        """
        async with self._lock:
            if by_person:
                self._want(wanted=False)
            await self._stop()
            self._board.set(ServiceState.STOPPED, "stopped by a person" if by_person else "stopped")
            self._board.tell(EventKind.SERVICE_STOPPED, self._board.status.message)

    async def restart(self) -> None:
        """Replace the running copy, and return when the new one is there.

        Raises:
            ServiceError: as for stop and start.
        """
        async with self._lock:
            self._want(wanted=True)
            up = await self._up()
            if up and self._commands.restart and not (self._child and self._child.stopped):
                with contextlib.suppress(ServiceError):  # what cannot be asked nicely is stopped and started
                    await self._start(self._commands.restart)
                    return
            if up or not self._can_tell:
                await self._stop()
            await self._start()

    async def signal(self, number: int) -> None:
        """Send a signal to its main process.

        Raises:
            ServiceError: its process is not known, or the signal is refused.
        """
        child = self._living()
        if child is None:
            message = f"{self._name}: cannot send {name_of(number)}, its process is not known"
            raise ServiceError(message, remedy="" if self._commands.pid_file else "give its pid_file")
        try:
            child.signal(number)
        except OSError as error:
            message = f"{self._name}: cannot send {name_of(number)} to process {child.pid}: {error.strerror or error}"
            raise ServiceError(message) from error

    def last_output(self, lines: int = 50) -> list[str]:
        """Return the last lines its commands (and a daemon that kept their output) wrote, oldest first."""
        return self._log.tail(lines)

    async def aclose(self) -> None:
        """Let go of it. What runs goes on running."""
        if self._lookout is not None:
            self._lookout.cancel()
        self._log.release()
        if self._child is not None:
            self._child.close()

    # ── Whether it runs ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _can_tell(self) -> bool:
        return self._commands.pid_file is not None or self._commands.status is not None

    async def _up(self) -> bool:
        """Find out whether it runs, and hold its process where it has a pid file."""
        if self._living() is not None or self._named():
            return True
        if self._commands.pid_file is not None:
            return False
        if self._commands.status is not None:
            return not await self._execute(self._commands.status, self._commands.start_timeout)
        return self._board.status.running

    def _named(self) -> bool:
        """Hold the process that the pid file names; tell whether there is one."""
        if self._commands.pid_file is None:
            return False
        named = held(self._commands.pid_file, self._mark, self._launch, self._commands.start[0])
        if named.child is None:
            return False
        if self._child is not None:
            self._child.close()
        self._child = named.child
        named.child.watch(self._ended)
        return True

    def _living(self) -> Child | None:
        return self._child if self._child is not None and self._child.poll() is None else None

    def _ended(self, child: Child) -> None:
        if child is not self._child or self._board.status.state in (ServiceState.STARTING, ServiceState.STOPPING):
            return
        lived = asyncio.get_running_loop().time() - child.began
        message = f"{child.exit} after {format_duration(max(0.0, lived))}"
        self._board.tell(EventKind.SERVICE_EXITED, message, data={"pid": child.pid, "incarnation": child.launch})
        if self._named() and self._child is not None:  # it has replaced itself
            self._running(f"replaced itself by process {self._child.pid}")
        else:
            self._exited(message)
        self._board.nudge()

    def _exited(self, message: str) -> None:
        """Say that it has ended, and look out for a copy that somebody else starts: nothing tells of that."""
        self._board.set(ServiceState.EXITED, message)
        if self._lookout is not None:
            self._lookout.cancel()
        if self._commands.pid_file is not None:
            self._lookout = asyncio.get_running_loop().call_later(_LOOK_OUT_EVERY, self._look_out)

    def _look_out(self) -> None:
        self._lookout = None
        status = self._board.status
        if status.state is not ServiceState.EXITED:
            return
        if self._lock.locked() or not self._named() or self._child is None:  # locked: Salus itself is at work on it
            self._exited(status.message)
            return
        message = f"somebody else started it, as process {self._child.pid}"
        self._running(message)
        self._board.tell(EventKind.SERVICE_ADOPTED, message)
        self._board.nudge()

    def _running(self, message: str) -> None:
        child = self._living()
        incarnation = child.launch if child else f"{self._name}-{self._board.status.starts}"
        self._board.set(ServiceState.RUNNING, message, pid=child.pid if child else None, incarnation=incarnation)
        self._remember()

    def _want(self, *, wanted: bool) -> None:
        if self._board.status.wanted is not wanted:
            self._board.want(wanted)
            self._remember()

    def _remember(self) -> None:
        child = self._living()
        facts: dict[str, Json] = {}
        if child is not None:
            facts = {"boot": boot_id(), "pid": child.pid, "start_ticks": child.start_ticks}
        self._launch = facts
        self._board.remember(facts)

    # ── Starting and stopping ─────────────────────────────────────────────────────────────────────────────────────

    async def _start(self, command: tuple[str, ...] | None = None) -> None:
        self._board.set(ServiceState.STARTING, "starting")
        self._launch = {}
        before = self._child.pid if command and self._child else None
        deadline = asyncio.timeout(self._commands.start_timeout)
        try:
            async with deadline:
                wrong = await self._execute(command or self._commands.start, self._commands.start_timeout)
                if not wrong:
                    await self._wait_until_up(before)
        except TimeoutError:
            wrong = f"it did not run within {format_duration(self._commands.start_timeout)}"
        except asyncio.CancelledError:
            await to_the_end("kill a cancelled start", _kill(Family(self._mark), None))
            self._exited("its start was cancelled")
            raise
        if wrong:
            await to_the_end("kill what did not start", _kill(Family(self._mark), None))
            raise self._failed(wrong)
        self._board.count_start()
        child = self._living()
        self._running(f"running as process {child.pid}" if child else "running")
        self._board.tell(EventKind.SERVICE_STARTED, self._board.status.message)

    async def _wait_until_up(self, before: int | None) -> None:
        pause = _FIRST_PAUSE
        while self._can_tell:
            if await self._up() and (self._child is None or self._child.pid != before):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await asyncio.Event().wait()  # nothing tells that a file was written; so look again soon
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _failed(self, why: str) -> ServiceError:
        words = self._log.tail(3)
        said = "; its last output: " + " | ".join(words) if words else ""
        self._exited(why)
        return self._board.start_failed(f"{why}{said[:600]}")

    async def _stop(self) -> None:
        if not await self._up() and self._can_tell:
            return
        child = self._living()
        self._board.set(ServiceState.STOPPING, "stopping", pid=child.pid if child else None)
        until = asyncio.get_running_loop().time() + self._commands.stop_timeout
        wrong = ""
        if child is None or not child.stopped:  # a command cannot move what is stopped
            wrong = await self._execute(self._commands.stop, self._commands.stop_timeout)
        if child is not None:
            await self._see_end(child, 0.0 if wrong or child.stopped else until)
            return
        if not wrong and self._commands.status is not None and await self._up():
            wrong = "it still runs after the stop command"
        if wrong:
            self._board.set(ServiceState.UNKNOWN, wrong)
            raise self._board.stop_failed(wrong)

    async def _see_end(self, child: Child, until: float) -> None:
        """Wait for its end; kill it when the time is up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await child.wait()
        if child.poll() is None:
            with contextlib.suppress(OSError):
                child.signal(signals.SIGKILL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_KILL_TIMEOUT):
                    await child.wait()
        if child.poll() is None:
            message = f"process {child.pid} is still there after SIGKILL"
            self._board.set(ServiceState.UNKNOWN, message, pid=child.pid)
            raise self._board.stop_failed(message, remedy="the kernel holds it: look for a hung disk or network mount")

    async def _execute(self, argv: tuple[str, ...], seconds: float) -> str:
        """Run one command; returns an empty text when it exited with 0, and otherwise what went wrong.

        When its time is up, or the caller is cancelled, it is killed with all it started.
        """
        commands = self._commands
        command = Command(argv, self._environment, directory=commands.directory, user=commands.user)
        try:
            output = self._log.open()
            try:
                child = await spawn(command, stdout=output, stderr=output)
            finally:
                os.close(output)
        except OSError as error:
            return f"cannot run {error.filename or argv[0]}: {error.strerror or error}"
        except SalusError as error:
            return str(error)
        child.leftover_signal = None  # what it leaves running is the point of it
        child.watch()
        self._log.watch()
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                end = await child.wait()
            return "" if end.code == 0 else f"the command {argv[0]} {end}"
        except (TimeoutError, asyncio.CancelledError):
            await to_the_end("kill a command", _kill(Family(self._mark, launch=child.launch, session=child.pid), child))
            if not deadline.expired():
                raise
            return f"the command {argv[0]} did not return within {format_duration(seconds)}, and was killed"
        finally:
            child.close()


async def _kill(family: Family, child: Child | None) -> None:
    await kill_family(family, child)
