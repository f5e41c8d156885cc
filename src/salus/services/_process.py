"""A child of Salus: started, watched, stopped as a whole tree, and taken over again by the next Salus."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, replace

from salus.errors import SalusError, ServiceError
from salus.model import EventKind, Json, ServiceRecord, ServiceState, ServiceStatus
from salus.ports import Site
from salus.processes import (
    Child,
    Command,
    Family,
    Found,
    adopt,
    boot_id,
    end_family,
    kill_family,
    leftovers,
    look_for,
    spawn,
    surely_none_left,
    to_the_end,
)
from salus.services._adopt import choose
from salus.services._board import Board
from salus.services._log import LogOptions, OutputLog, folder_name
from salus.services._ready import EndedError, ReadyOptions, readiness_of, wait_ready
from salus.services._signals import name_of
from salus.units import format_duration

_LAST_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How one process service is run.

    Attributes:
        command: what to run; its environment carries the mark.
        mark: that mark.
        fingerprint: changes when the command or its environment does.
        start_timeout, stop_signal, stop_timeout, ready, log, autostart: as in ``ProcessOptions``.
    """

    command: Command
    mark: str
    fingerprint: str
    start_timeout: float
    stop_signal: int
    stop_timeout: float
    ready: ReadyOptions | None
    log: LogOptions
    autostart: bool


class ProcessService:
    """See ``ports.Service``.

    One lock serialises what changes it. The callback on the child's end runs outside the lock and only notes what it
    sees: while an operation runs, the operation draws the conclusions; otherwise the end is told, and the checks of
    this service are asked to look. It never restarts anything.
    """

    def __init__(self, name: str, launch: Launch, site: Site) -> None:
        """Stand at ``site``; nothing is started."""
        self._name = name
        self._launch = launch
        self._site = site
        self._board = Board(name, "process", site)
        self._board.want(launch.autostart)
        self._log = OutputLog(site.state_dir / "services" / folder_name(name), launch.log)
        self._lock = asyncio.Lock()
        self._child: Child | None = None
        self._alone = False
        self._looked = False  # for copies that an earlier Salus left

    @property
    def status(self) -> ServiceStatus:
        """Return what is known now; costs nothing."""
        return self._board.status

    # ── What can be asked of it ───────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Start it, and return when it is ready; at once if it runs already.

        Raises:
            StartError: it did not get ready; nothing is left behind.
        """
        async with self._lock:
            await self._look_around()
            if not self._board.status.wanted:
                self._board.want(True)
                self._remember()
            if self._living() is None:
                await self._start()

    async def stop(self, *, by_person: bool = False) -> None:
        """Stop it and its whole process tree; at once if it is stopped.

        Raises:
            StopError: something is still there.
        """
        async with self._lock:
            await self._look_around()
            if by_person:
                self._board.want(False)
                self._remember()
            was_up = self._living() is not None
            await self._stop()
            self._board.set(ServiceState.STOPPED, "stopped by a person" if by_person else "stopped")
            self._remember()
            if was_up:
                self._board.tell(EventKind.SERVICE_STOPPED, self._board.status.message)

    async def restart(self) -> None:
        """Replace the running copy with a new one, and return when that is ready.

        Raises:
            ServiceError: as for stop and start.
        """
        async with self._lock:
            await self._look_around()
            self._board.want(True)
            if self._living() is not None:
                await self._stop()
            await self._start()

    async def signal(self, number: int) -> None:
        """Send a signal to its main process.

        Raises:
            ServiceError: nothing runs, or the signal is refused.
        """
        child = self._living()
        if child is None:
            message = f"{self._name}: cannot send {name_of(number)}, nothing runs"
            raise ServiceError(message)
        try:
            child.signal(number)
        except OSError as error:
            message = f"{self._name}: cannot send {name_of(number)} to process {child.pid}: {error.strerror or error}"
            raise ServiceError(message) from error

    def last_output(self, lines: int = 50) -> list[str]:
        """Return the last lines it wrote, oldest first."""
        return self._log.tail(lines)

    async def aclose(self) -> None:
        """Let go of it. What runs goes on running."""
        self._log.release()
        if self._child is not None:
            self._child.close()

    async def adopt(self, record: ServiceRecord | None, *, start: bool) -> None:
        """Take over the running copy, end further ones, and start it if wanted.

        A start that fails is told, and does not raise: its checks will see it.
        """
        async with self._lock:
            if record is not None:
                self._board.want(record.wanted)
            await self._take_over(record, clean=start)
            if start and self._board.status.wanted and self._living() is None:
                with contextlib.suppress(ServiceError):
                    await self._start()

    # ── Starting ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _start(self) -> None:
        await self._end_leftovers()
        self._board.set(ServiceState.STARTING, "starting")
        deadline = asyncio.timeout(self._launch.start_timeout)
        try:
            async with deadline:
                await self._start_and_wait()
        except EndedError:
            raise await self._gave_up("before it was ready") from None
        except OSError as error:  # a time-out is one too
            if deadline.expired():
                within = format_duration(self._launch.start_timeout)
                raise await self._gave_up(f"it was not ready within {within}, and was killed") from None
            what = f"cannot run {error.filename or self._launch.command.argv[0]}: {error.strerror or error}"
            raise self._refused(what, "see its command, directory and user") from error
        except SalusError as error:
            raise self._refused(str(error), error.remedy) from error
        except asyncio.CancelledError:
            await to_the_end("kill a cancelled start", self._abandon("its start was cancelled"))
            raise

    def _refused(self, what: str, remedy: str | None) -> ServiceError:
        self._board.set(ServiceState.EXITED, what)
        return self._board.start_failed(what, remedy=remedy)

    async def _start_and_wait(self) -> None:
        ready = self._launch.ready
        if ready is None:
            self._running(await self._spawn({}))
            return
        readiness = readiness_of(ready, self._log.path, self._name)
        with readiness:
            child = await self._spawn(dict(readiness.environment))
            self._board.set(ServiceState.STARTING, "waiting until it is ready", pid=child.pid, incarnation=child.launch)
            await wait_ready(readiness, child)
        self._running(child)

    async def _spawn(self, extra: dict[str, str]) -> Child:
        command = self._launch.command
        if extra:
            command = replace(command, environment={**command.environment, **extra})
        output = self._log.open()
        try:
            child = await spawn(command, stdout=output, stderr=output, quick=True)
            # No await from here to the end: a child that is not remembered must still be held.
            self._hold(child)
            now = self._site.clock.now().isoformat(timespec="milliseconds")
            with contextlib.suppress(OSError):  # a full disk must not keep a service down
                os.write(output, f"--- salus: started pid {child.pid} at {now}\n".encode())
        finally:
            os.close(output)
        self._board.count_start()
        self._remember()
        return child

    def _hold(self, child: Child) -> None:
        if self._child is not None:
            self._child.close()
        self._child = child
        child.watch(self._ended)
        self._log.watch()

    def _running(self, child: Child) -> None:
        if child.poll() is not None:
            raise EndedError
        self._board.set(
            ServiceState.RUNNING, f"running as process {child.pid}", pid=child.pid, incarnation=child.launch
        )
        self._board.tell(EventKind.SERVICE_STARTED, f"started as process {child.pid}", data=self._facts())

    async def _gave_up(self, why: str) -> ServiceError:
        child = self._child
        how = f"{_lifetime(child)}, {why}" if child is not None and child.poll() is not None else why
        await to_the_end("kill what did not start", self._abandon(how))
        words = [line for line in self._log.tail(_LAST_WORDS + 1) if not line.startswith("--- salus:")]
        said = "; its last output: " + " | ".join(words[-_LAST_WORDS:]) if words else ""
        return self._board.start_failed(f"{how}{said[:600]}")

    async def _abandon(self, message: str) -> None:
        await kill_family(self._family(), self._child)
        self._board.set(ServiceState.EXITED, message)

    # ── Stopping ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _stop(self) -> None:
        """Stop the running copy: ask its main process, ask what that leaves behind, then kill whatever there is."""
        child = self._living()
        if child is None:
            await self._end_leftovers()
            return
        self._board.set(ServiceState.STOPPING, "stopping", pid=child.pid, incarnation=child.launch)
        try:
            if not child.stopped:  # what is stopped cannot handle a signal, so it is not waited for
                await self._ask(child)
            survivors = await kill_family(self._family(), child)
        except asyncio.CancelledError:
            self._stop_was_cancelled(child)
            raise
        if survivors:
            message = f"process {', '.join(map(str, survivors))} is still there after SIGKILL"
            self._board.set(ServiceState.UNKNOWN, message, pid=child.pid, incarnation=child.launch)
            raise self._board.stop_failed(message, remedy="the kernel holds it: look for a hung disk or network mount")

    async def _ask(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._launch.stop_timeout
        child.leftover_signal = self._launch.stop_signal
        try:
            with contextlib.suppress(ProcessLookupError):
                child.signal(self._launch.stop_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await child.wait()
            if child.poll() is not None and await leftovers(self._family(), child):
                await end_family(self._family(), self._launch.stop_signal, max(0.0, until - loop.time()))
        finally:
            child.leftover_signal = 9

    def _stop_was_cancelled(self, child: Child) -> None:
        if child.poll() is None:
            self._board.set(
                ServiceState.RUNNING,
                f"a stop was cancelled; process {child.pid} still runs",
                pid=child.pid,
                incarnation=child.launch,
            )
        else:
            self._board.set(ServiceState.EXITED, _lifetime(child))
            self._board.nudge()

    async def _end_leftovers(self) -> None:
        """Kill what an earlier copy left behind, so that there are never two. Cheap when there is nothing."""
        alone, self._alone = self._alone, False
        if self._child is not None and not alone and await leftovers(self._family(), self._child):
            await self._kill_rest("killed what the earlier copy left behind")

    async def _kill_rest(self, message: str) -> None:
        survivors = await kill_family(self._family(), None)
        if survivors:
            what = f"process {', '.join(map(str, survivors))} of an earlier copy is still there after SIGKILL"
            raise self._board.stop_failed(what, remedy="the kernel holds it: look for a hung disk or network mount")
        self._board.tell(EventKind.SERVICE_STOPPED, message)

    # ── Taking over ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _look_around(self) -> None:
        """Take over what an earlier Salus left, where nobody has called ``adopt``."""
        if not self._looked:
            await self._take_over(None, clean=True)

    async def _take_over(self, record: ServiceRecord | None, *, clean: bool) -> None:
        """Find what an earlier Salus left: hold the running copy, and (``clean``) end everything else."""
        if self._living() is not None:
            return
        launch = record.launch if record is not None else {}
        try:
            found = await look_for(self._site.state_id, "service", self._name)
        except TimeoutError:
            self._board.set(ServiceState.UNKNOWN, "the processes of this machine cannot be read")
            raise self._board.start_failed(
                "cannot tell whether it runs: a process blocks whoever reads about it",
                remedy="look for processes in state D (ps -eo pid,stat,comm)",
            ) from None
        self._looked = self._looked or clean
        choice = choose(found, launch, self._launch.mark)
        # A copy that a person stopped and that still runs: Salus was killed half-way, so that stop is finished now.
        unwanted = clean and record is not None and not record.wanted
        found_one = choice.keep if not unwanted else None
        child = adopt(found_one.pid, found_one.start_ticks, found_one.launch) if found_one else None
        if clean and (choice.others or choice.remains or (choice.keep and child is None)):
            await self._end_others(choice.others, child)
        if child is not None:
            self._adopted(child, launch)

    async def _end_others(self, others: tuple[Found, ...], keep: Child | None) -> None:
        family = Family(self._launch.mark, spare=keep.launch if keep is not None else "")
        survivors = await kill_family(family)
        what = f"second copy (process {others[0].pid})" if others and keep else "remains of an earlier copy"
        message = f"killed a {what}" if others and keep else f"killed the {what}"
        if survivors:
            raise self._board.stop_failed(f"{what}: process {survivors[0]} is still there after SIGKILL")
        self._board.tell(EventKind.SERVICE_STOPPED, message)

    def _adopted(self, child: Child, launch: object) -> None:
        self._hold(child)
        if child.poll() is not None:
            return  # it died this moment, and that is told
        self._board.want(True)
        before = launch.get("fingerprint") if isinstance(launch, dict) else None
        message = f"took over process {child.pid}"
        if before is not None and before != self._launch.fingerprint:
            message += ", which runs an earlier command or environment: restart it to apply the new one"
        self._board.set(ServiceState.RUNNING, message, pid=child.pid, incarnation=child.launch)
        self._remember(str(before) if before is not None else None)
        self._board.tell(EventKind.SERVICE_ADOPTED, message, data=self._facts())

    # ── What it knows ─────────────────────────────────────────────────────────────────────────────────────────────

    def _living(self) -> Child | None:
        """Return the child if it lives; looks now, so that nobody acts on an exit that the loop has not told yet."""
        return self._child if self._child is not None and self._child.poll() is None else None

    def _ended(self, child: Child) -> None:
        if child is not self._child or self._board.status.state in (ServiceState.STARTING, ServiceState.STOPPING):
            return  # the operation that runs sees it too
        message = _lifetime(child)
        self._board.set(ServiceState.EXITED, message)
        self._board.tell(EventKind.SERVICE_EXITED, message, data={"pid": child.pid, "incarnation": child.launch})
        self._board.nudge()
        asyncio.get_running_loop().call_soon(self._glance, child)

    def _glance(self, child: Child) -> None:
        """See whether anything outlived it, while the recovery that was just begun waits for its row to be written."""
        if child is self._child:
            self._alone = surely_none_left(self._family(), child)

    def _family(self) -> Family:
        return Family(self._launch.mark, session=self._child.pid if self._child is not None else 0)

    def _facts(self) -> dict[str, Json]:
        child = self._child
        return {"pid": child.pid, "incarnation": child.launch} if child is not None else {}

    def _remember(self, fingerprint: str | None = None) -> None:
        child = self._living()
        if child is None:
            self._board.remember({})
            return
        facts: dict[str, Json] = {
            "boot": boot_id(),
            "pid": child.pid,
            "start_ticks": child.start_ticks,
            "launch": child.launch,
            "fingerprint": fingerprint or self._launch.fingerprint,
        }
        self._board.remember(facts)


def _lifetime(child: Child) -> str:
    lived = asyncio.get_running_loop().time() - child.began
    return f"{child.exit} after {format_duration(max(0.0, lived))}"
