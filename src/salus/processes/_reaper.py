"""Orphans: descendants of our children that outlive their parents come to us, and must not stay as zombies.

Only the agent adopts orphans; a library leaves this to the program it lives in.
"""

from __future__ import annotations

import asyncio
import os

from salus.processes import _proc
from salus.processes._child import living

_PR_SET_CHILD_SUBREAPER = 36
_INTERVAL = 5.0
_NOBODY_WAITS = 30.0

_state = {"subreaper": False}
_zombie_since: dict[tuple[int, int], float] = {}


def become_subreaper() -> bool:
    """Have every orphaned descendant handed to this process instead of to init; tell whether the kernel agreed."""
    import ctypes  # some 2 MB that a library user should not pay

    libc = ctypes.CDLL(None, use_errno=True)
    _state["subreaper"] = libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    return _state["subreaper"]


def is_subreaper() -> bool:
    """Tell whether orphans come to this process."""
    return _state["subreaper"]


def reap_orphans(now: float) -> int:
    """Reap the zombies that were handed to us and that nobody waits for; return how many.

    A zombie is an orphan of ours if it is in a session that another process opened: whatever else this program starts,
    through ``subprocess`` for example, stays in Salus' own session or opens its own. Of the latter, one that nobody has
    waited for in half a minute is nobody's either.

    Args:
        now: ``loop.time()``.
    """
    if not _state["subreaper"]:
        return 0
    reaped = 0
    mine = os.getsid(0)
    seen: dict[tuple[int, int], float] = {}
    for pid in _proc.children():
        stat = _proc.stat(pid) if pid not in living else None
        if stat is None or stat.state != "Z" or stat.session == mine:
            continue
        key = (pid, stat.start_ticks)
        seen[key] = _zombie_since.get(key, now)
        if stat.session != pid or now - seen[key] > _NOBODY_WAITS:
            reaped += _reap(pid)
    _zombie_since.clear()
    _zombie_since.update(seen)
    return reaped


def reap_killed(member: _proc.Stat) -> None:
    """Reap a process that we have killed, if it was handed to us."""
    if not _state["subreaper"] or member.pid in living:
        return
    now = _proc.stat(member.pid)
    if now and (now.state, now.parent, now.start_ticks) == ("Z", os.getpid(), member.start_ticks):
        _reap(member.pid)


def _reap(pid: int) -> int:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is not None
    except ChildProcessError:
        return 0


class OrphanReaper:
    """Reaps adopted orphans every few seconds, for as long as it runs."""

    def __init__(self, interval: float = _INTERVAL) -> None:
        """Look every ``interval`` seconds."""
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, on the running loop."""
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._sweep)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        reap_orphans(asyncio.get_running_loop().time())
        self.start()
