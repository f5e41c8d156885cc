"""One process, held by its pidfd: its exit is seen at once and its number is never confused with another's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from salus.processes import _proc

# Children of ours that are not reaped yet: the reaper of orphans must not take their statuses.
living: set[int] = set()
# Children of ours that were let go while they ran. Nobody else can reap them, and until then their numbers are theirs.
_abandoned: set[int] = set()


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: exactly one of ``code`` and ``signal``, or neither when nobody can know."""

    code: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        """Say it to a person."""
        if self.signal is not None:
            try:
                return f"killed by {signal.Signals(self.signal).name}"
            except ValueError:
                return f"killed by signal {self.signal}"
        return "exited" if self.code is None else f"exited with {self.code}"


class Child:
    """A running process and the news of its end.

    Attributes:
        pid: its number, good for display only once it has ended.
        start_ticks: when it started, in clock ticks since boot.
        launch: its ``SALUS_LAUNCH``.
        own: it is a child of this process, so its status can be had.
        began: ``loop.time()`` when it was started or taken over.
        exit: how it ended; None while it runs.
        leftover_signal: what the rest of its process group gets when it ends; None leaves the group alone.
    """

    def __init__(self, pid: int, pidfd: int, *, launch: str, own: bool) -> None:
        """Hold the process; ``watch`` must follow."""
        self.pid = pid
        self.launch = launch
        self.own = own
        self.exit: Exit | None = None
        self.leftover_signal: int | None = signal.SIGKILL
        self._pidfd = pidfd
        self._loop = asyncio.get_running_loop()
        self._on_exit: Callable[[Child], None] | None = None
        self._waiters: list[asyncio.Future[Exit]] = []
        self.began = self._loop.time()
        if own:
            living.add(pid)
            _abandoned.discard(pid)
            _reap_abandoned()
        found = _proc.stat(pid)
        self.start_ticks = found.start_ticks if found else 0

    def watch(self, on_exit: Callable[[Child], None] | None = None) -> None:
        """Have ``on_exit`` called by the loop as soon as the process has ended."""
        self._on_exit = on_exit
        self._loop.add_reader(self._pidfd, self._ended)

    @property
    def running(self) -> bool:
        """Tell whether its end has not been seen yet."""
        return self.exit is None

    @property
    def stopped(self) -> bool:
        """Tell whether it is stopped (SIGSTOP) and so cannot handle any signal but SIGKILL."""
        found = _proc.stat(self.pid) if self.running else None
        return found is not None and found.state in "Tt"

    def signal(self, number: int) -> None:
        """Send it a signal.

        Raises:
            ProcessLookupError: it has ended.
            PermissionError: it runs as somebody else.
        """
        if self._pidfd < 0:
            message = f"process {self.pid} has ended"
            raise ProcessLookupError(message)
        signal.pidfd_send_signal(self._pidfd, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to its whole process group, itself included; nothing happens once it has ended."""
        # As long as the pidfd is not readable the process lives, and its number is the number of its group. A child of
        # ours keeps its number even after that, until we reap it.
        if self._pidfd >= 0 and (self.own or not _readable(self._pidfd)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    async def wait(self) -> Exit:
        """Wait for its end."""
        if self.exit is not None:
            return self.exit
        waiter: asyncio.Future[Exit] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def poll(self) -> Exit | None:
        """Look now, without waiting for the loop, whether it has ended."""
        if self.exit is None and _readable(self._pidfd):
            self._ended()
        return self.exit

    def close(self) -> None:
        """Stop watching. A process that still runs goes on running."""
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
            if self.own and self.exit is None:
                _abandoned.add(self.pid)

    def _ended(self) -> None:
        if self.exit is not None or self._pidfd < 0:
            return
        if self.own:
            # Not reaped yet, so the number of its group cannot have been given away.
            if self.leftover_signal is not None:
                self.signal_group(self.leftover_signal)
            self.exit = _reap(self._pidfd)
            living.discard(self.pid)
        else:
            self.exit = Exit()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(self.exit)
        try:
            if self._on_exit is not None:  # first of all: somebody may be waiting for the next copy
                self._on_exit(self)
        finally:
            self.close()


def adopt(pid: int, start_ticks: int, launch: str) -> Child | None:
    """Hold a process that is proven to be the one that was found; None when it is gone.

    Args:
        pid: its number.
        start_ticks: when it started.
        launch: its ``SALUS_LAUNCH``, from its environment or from what was remembered.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    stat = _proc.stat(pid)
    if stat is None or stat.start_ticks != start_ticks or _readable(pidfd):
        os.close(pidfd)
        return None
    child = Child(pid, pidfd, launch=launch, own=stat.parent == os.getpid())
    uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    child.began -= max(0.0, uptime - start_ticks / os.sysconf("SC_CLK_TCK"))
    return child


def _reap_abandoned() -> None:
    for pid in tuple(_abandoned):
        try:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is not None
        except ChildProcessError:
            ended = True
        if ended:
            _abandoned.discard(pid)
            living.discard(pid)


def _readable(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def _reap(pidfd: int) -> Exit:
    try:
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:  # somebody else in this program waits for every child, or ignores SIGCHLD
        return Exit()
    if result is None:
        return Exit()
    return Exit(code=result.si_status) if result.si_code == os.CLD_EXITED else Exit(signal=result.si_status)
