"""Find everything that stems from one start, and kill it: the group, the session, the marked and their descendants.

A pid is only a hint. Before a signal goes out the process is held by a pidfd and proven, through that, to be the one
that was found.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from salus.processes import _proc
from salus.processes._child import Child
from salus.processes._command import MARK
from salus.processes._reaper import is_subreaper, reap_killed, reap_orphans

_KILL_TIMEOUT = 6.0
_ROUND_TIMEOUT = 2.0
_SCAN_TIMEOUT = 5.0
_DYING = 0.05

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Found:
    """A process that carries our mark.

    Attributes:
        pid: its number at that moment.
        start_ticks: when it started.
        kind: ``service``, ``check`` or ``action``.
        name: of that service, check or action.
        leader: it leads a session, as every process does that Salus started itself.
        launch: which start it stems from; empty when it has dropped that.
        session: the session it is in.
    """

    pid: int
    start_ticks: int
    kind: str
    name: str
    leader: bool
    launch: str = ""
    session: int = 0


@dataclass(frozen=True, slots=True)
class Family:
    """Whom to look for.

    Attributes:
        mark: the value of ``SALUS_CHILD`` that they carry.
        launch: only those of this start; None for those of every start.
        spare: none of this start; empty spares nobody.
        session: number of the session their leader opened, 0 when that is not known.
    """

    mark: str
    launch: str | None = None
    spare: str = ""
    session: int = 0

    @classmethod
    def of(cls, child: Child, environment: dict[str, str]) -> Family:
        """Return everything that stems from this very start."""
        return cls(environment.get(MARK, ""), launch=child.launch, session=child.pid)

    def has(self, marks: _proc.Marks | None) -> bool:
        """Tell whether a process with these marks belongs to it."""
        if marks is None or marks is _proc.BETWEEN or marks.mark != self.mark:
            return False
        if self.spare and marks.launch == self.spare:
            return False
        return self.launch is None or marks.launch == self.launch


def find_marked(state_id: str, kind: str | None = None, name: str | None = None) -> list[Found]:
    """Return the living processes that carry our mark, oldest first. Sees those of the same user, as root all.

    Reads all of ``/proc``: a few milliseconds for some hundred processes.
    """
    found: list[Found] = []
    for pid in _proc.pids():
        marks = _proc.settled_marks(pid)
        if marks is None or pid == os.getpid():
            continue
        theirs, _, rest = marks.mark.partition(":")
        its_kind, _, its_name = rest.partition(":")
        if theirs != state_id or (kind is not None and its_kind != kind) or (name is not None and its_name != name):
            continue
        stat = _proc.stat(pid)
        if stat and stat.state not in "ZX":
            leader = stat.session == pid
            found.append(Found(pid, stat.start_ticks, its_kind, its_name, leader, marks.launch, stat.session))
    return sorted(found, key=lambda each: (each.start_ticks, each.pid))


async def leftovers(family: Family, leader: Child | None) -> bool:
    """Tell whether anything of the family may still live, after its leader ended. Cheap where that can be had cheaply.

    Where Salus is the subreaper, whatever outlives a child of ours has been handed to us before we hear of the child's
    end: so one look at our own children is enough. Elsewhere it takes a look at every process.
    """
    members: list[_proc.Stat] = []
    for patience in (_DYING, 0.0):
        if leader is not None and leader.own and is_subreaper():
            members = [stat for pid in _proc.orphans() if (stat := _belonging(pid, family))]
        else:
            members = await _look(family, None)
        if not members:
            break
        if patience:  # its group was killed with the leader: as a rule they are about to be gone
            await _signal(members, 0, wait=patience)
    return bool(members)


def surely_none_left(family: Family, leader: Child) -> bool:
    """Tell, in microseconds and without waiting, that nothing outlived its leader; false where that cannot be told."""
    return leader.own and is_subreaper() and not any(_belonging(pid, family) for pid in _proc.orphans())


async def kill_family(family: Family, leader: Child | None = None) -> list[int]:
    """Kill all of the family, again and again until none is left.

    Args:
        family: whom.
        leader: the child that leads it, if it is known; it goes first, with its group.

    Returns:
        The processes that are still there after six seconds: empty unless the kernel cannot let go of them.
    """
    members: list[_proc.Stat] = []
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _KILL_TIMEOUT
    while loop.time() < deadline:
        if leader is not None:
            leader.signal_group(signal.SIGKILL)
        members = await _look(family, leader)
        await _signal(members, signal.SIGKILL, wait=_ROUND_TIMEOUT)
        if leader is not None and leader.running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ROUND_TIMEOUT):
                    await leader.wait()
        reap_orphans(loop.time())
        if not members and (leader is None or not leader.running):
            return []
    return sorted(member.pid for member in members if _proc.start_ticks(member.pid) is not None)


async def end_family(family: Family, number: int, timeout: float) -> None:
    """Send one signal to all of the family and wait until they have ended, or the time is up."""
    await _signal(await _look(family, None), number, wait=timeout)


async def look_for(state_id: str, kind: str | None = None, name: str | None = None) -> list[Found]:
    """Find what an earlier Salus left, even what it was just starting when it died, without holding up the loop.

    Raises:
        TimeoutError: a process blocks whoever reads about it.
    """

    def look() -> list[Found]:
        _proc.await_newcomers()
        return find_marked(state_id, kind, name)

    return await _aside(look)


async def _signal(members: list[_proc.Stat], number: int, *, wait: float) -> None:
    held = [pidfd for member in members if (pidfd := _hold(member)) is not None]
    try:
        for pidfd in held:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(pidfd, number)
        await _gone(held, wait)
    finally:
        for pidfd in held:
            os.close(pidfd)
        for member in members:
            reap_killed(member)


async def _look(family: Family, leader: Child | None) -> list[_proc.Stat]:
    roots = (leader.pid,) if leader is not None and leader.running else ()
    try:
        return await _aside(lambda: _members(family, roots))
    except TimeoutError:  # a process stuck in the kernel blocks whoever reads its environment
        return _members(family, roots, marks=_unmarked)


# ── Who belongs to it ─────────────────────────────────────────────────────────────────────────────────────────────────


def _members(
    family: Family, roots: tuple[int, ...], marks: Callable[[int], _proc.Marks | None] = _proc.settled_marks
) -> list[_proc.Stat]:
    """Return the living members: those that carry the mark, those of the session, and the descendants of all these.

    Args:
        family: whom.
        roots: processes that are held and known to belong to it.
        marks: how to read the marks of a process.
    """
    stats = {pid: stat for pid in _proc.pids() if (stat := _proc.stat(pid)) and stat.state not in "ZX"}
    mine = stats.pop(os.getpid(), None)
    chosen = {pid for pid in stats if pid in roots or family.has(marks(pid))}
    # The number of a session can be given away once its leader is reaped and its members are gone. So membership alone
    # convicts only while the leader is held, or when the process was handed to us as its subreaper.
    certain = family.session in chosen
    for pid, stat in stats.items():
        ours = certain or (mine is not None and is_subreaper() and stat.parent == mine.pid)
        if ours and family.session and stat.session == family.session and marks(pid) is None:
            chosen.add(pid)
    return [stats[pid] for pid in _with_descendants(chosen, stats)]


def _unmarked(_pid: int) -> None:
    return None


def _with_descendants(chosen: set[int], stats: dict[int, _proc.Stat]) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)
    found, queue = set(chosen), list(chosen)
    while queue:
        fresh = [pid for pid in children.get(queue.pop(), ()) if pid not in found]
        found.update(fresh)
        queue.extend(fresh)
    return found


def _belonging(pid: int, family: Family) -> _proc.Stat | None:
    stat = _proc.stat(pid)
    if stat is None or stat.state in "ZX":
        return None
    if family.session and stat.session == family.session:
        return stat
    found = _proc.glance(pid)
    # One between two programs may belong to it: the caller looks again, and nobody is killed for this alone.
    return stat if found is _proc.BETWEEN or family.has(found) else None


def _hold(member: _proc.Stat) -> int | None:
    """Open a pidfd and prove, through it, that it is the process that was found; None when it is gone."""
    try:
        pidfd = os.pidfd_open(member.pid)
    except OSError:
        return None
    now = _proc.stat(member.pid)
    if now is not None and (now.start_ticks, now.session) == (member.start_ticks, member.session):
        return pidfd
    os.close(pidfd)
    return None


async def _gone(pidfds: list[int], timeout: float) -> None:
    """Wait until all of them have ended, or the time is up."""
    loop = asyncio.get_running_loop()
    left = set(pidfds)
    done = asyncio.Event()

    def ended(pidfd: int) -> None:
        loop.remove_reader(pidfd)
        left.discard(pidfd)
        if not left:
            done.set()

    for pidfd in pidfds:
        loop.add_reader(pidfd, ended, pidfd)
    try:
        if left:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await done.wait()
    finally:
        for pidfd in left:
            loop.remove_reader(pidfd)


async def _aside(look: Callable[[], _Result]) -> _Result:
    """Look in a thread of its own: on a host with many processes it takes long, and a dying process can block it."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[_Result] = loop.create_future()

    def tell(result: _Result | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        try:
            outcome: tuple[_Result | None, Exception | None] = (look(), None)
        except Exception as error:  # noqa: BLE001 - handed to the caller, in another thread
            outcome = (None, error)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(tell, *outcome)

    threading.Thread(target=work, name="salus-proc", daemon=True).start()
    async with asyncio.timeout(_SCAN_TIMEOUT):
        return await answer
