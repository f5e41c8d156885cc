"""Touch paths from afar: every probe of a path runs in a helper process, because a path can hang for ever.

A network mount whose server is gone, a frozen file system or a named pipe can hold ``stat`` or ``open`` for ever, in a
thread too. So one small helper process (``_path_helper.py``) forks a child for each probe:

1. The helper starts on demand, is shared by all checks, and ends after a minute without work, or with Salus.
2. When a look is cancelled (its deadline passed), its child is killed. The other probes notice nothing.
3. A child that waits inside the kernel cannot be killed. Until it is gone, its mount counts as hung: looks at it are
   answered at once, so there is at most one hung child for each mount.
4. When the helper itself is killed, the probes it had are asked once more of a new one.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from salus.checks._host import text_of
from salus.errors import CheckBrokenError
from salus.model import Cause, Observation, Status, cause_of
from salus.options import CheckOptions
from salus.ports import Look

IDLE_SECONDS = 60.0
_SCRIPT = Path(__file__).with_name("_path_helper.py")
# Longer than the deadline: the alarm is only for children whose helper was killed.
_ALARM_AFTER = 5.0
# How long a killed child may take to go before its mount counts as hung.
_GOING = 0.25
_MOST_AT_ONCE = 128
_STOPPING = 1.0
# These say something about Salus, not about the path.
_OURS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EFBIG, errno.EINTR}
)


class PathError(Exception):
    """A path could not be touched; the argument is the sentence for people."""

    ours = False
    cause = ""


class HungError(PathError):
    """An earlier probe of the same mount is still hanging, and cannot be killed."""

    cause = Cause.TIMEOUT


class _HelperDiedError(Exception):
    """The helper went away with this probe unanswered."""


class PathTroubleError(PathError):
    """The kernel refused something; ``ours`` says that it is a limit or a permission of Salus itself."""

    def __init__(self, number: int, text: str) -> None:
        """Keep what the kernel said."""
        super().__init__(text)
        self.ours = number in _OURS
        self.cause = cause_of(number)


async def ask(look: Look, operation: str, path: Path, **arguments: object) -> dict[str, Any]:
    """Have the helper touch a path.

    Args:
        look: on whose behalf; its deadline bounds the work.
        operation: one of the helper's.
        path: what to touch.
        arguments: of the operation, as JSON can say them.

    Returns:
        What the helper found.

    Raises:
        HungError: the mount is hung since an earlier look.
        PathTroubleError: the kernel refused.
        CheckBrokenError: the helper could not do it.
    """
    probes = _here(look.site.state_id)
    request = {"op": operation, "path": str(path), "alarm": look.remaining + _ALARM_AFTER, **arguments}
    for _ in range(2):
        try:
            return await probes.ask(request, path, look.at)
        except _HelperDiedError:
            continue
    raise CheckBrokenError("the helper process that touches paths was killed twice", cause=Cause.HELPER)


def trouble(look: Look, path: Path, error: PathError) -> Observation:
    """Answer a look whose path could not be touched: a limit of our own is ``unknown``, anything else is not well."""
    status = Status.UNKNOWN if error.ours else Status.UNHEALTHY
    return look.observe(status, f"{path}: {error}", cause=error.cause)


class PathOptions(CheckOptions, frozen=True, kw_only=True):
    """Base of checks that touch paths: lets the helper go when such a check goes."""

    async def aclose(self) -> None:
        """End the helper unless somebody uses it; the next probe starts a new one."""
        await release()


async def release() -> None:
    """End the helper of the running loop, unless it is at work."""
    probes = _PROBES.get(asyncio.get_running_loop())
    if probes:
        await probes.release()


# ── One helper process ────────────────────────────────────────────────────────────────────────────────────────────────


class _Helper:
    """A running helper: writes requests to it, hands its answers on, and reaps it."""

    def __init__(self, probes: _Probes, state_id: str) -> None:
        loop = asyncio.get_running_loop()
        self._loop, self._probes, self._buffer = loop, probes, b""
        theirs_in, self._stdin = os.pipe2(os.O_CLOEXEC)
        self._stdout, theirs_out = os.pipe2(os.O_CLOEXEC)
        try:
            self.pid = _spawn(theirs_in, theirs_out, state_id)
            self._pidfd = os.pidfd_open(self.pid)
        except OSError as error:
            os.close(self._stdin)
            os.close(self._stdout)
            what = f"cannot start the helper process that touches paths: {error.strerror}"
            raise CheckBrokenError(what, cause=cause_of(error.errno)) from error
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stdout, False)
        self.ended = asyncio.Event()
        loop.add_reader(self._stdout, self._readable)
        loop.add_reader(self._pidfd, self._exited)

    def write(self, message: Mapping[str, object]) -> None:
        """Send one line. A helper that takes no more is as good as dead."""
        line = json.dumps(message).encode() + b"\n"
        try:
            if os.write(self._stdin, line) == len(line):
                return
        except OSError:
            pass
        self.kill()
        self._probes.died(self)
        raise _HelperDiedError

    def kill(self) -> None:
        """Kill it; its exit is seen as any other."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def end_input(self) -> None:
        """Ask it to end."""
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1

    def _readable(self) -> None:
        received = b""
        with suppress(BlockingIOError):
            while part := os.read(self._stdout, 65536):
                received += part
            self._loop.remove_reader(self._stdout)  # it and all its children are gone; the pidfd tells the rest
        *lines, self._buffer = (self._buffer + received).split(b"\n")
        for line in lines:
            self._probes.answered(line)

    def _exited(self) -> None:
        self._readable()
        self.close()
        self._probes.died(self)

    def close(self) -> None:
        """Reap it and let go of everything."""
        if self._pidfd < 0:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(self._stdout)
            self._loop.remove_reader(self._pidfd)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG if self._loop.is_running() else 0)
        self.end_input()
        os.close(self._stdout)
        os.close(self._pidfd)
        self._pidfd = -1
        self.ended.set()


def _spawn(stdin: int, stdout: int, state_id: str) -> int:
    """Start the helper in a session of its own, without the price of copying this process."""
    environment = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "SALUS_CHILD": f"{state_id}:check:(paths)",  # a name that no check can have
    }
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", str(_SCRIPT)],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, stdout, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
        setsid=True,
        setsigmask=(),
        setsigdef=(signal.SIGALRM, signal.SIGCHLD, signal.SIGTERM),
    )


# ── Probes of one event loop ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Hung:
    """A killed child that has not gone yet."""

    place: str
    since: datetime
    gone: asyncio.Event


class _Probes:
    """All probes of one event loop, and the helper that carries them out."""

    def __init__(self, state_id: str) -> None:
        self._state_id = state_id
        self._helper: _Helper | None = None
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._hung: dict[int, _Hung] = {}
        self._ended: set[int] = set()
        self._last = 0
        self._idle: asyncio.TimerHandle | None = None
        self._room = asyncio.Semaphore(_MOST_AT_ONCE)

    @property
    def helper_pid(self) -> int | None:
        return self._helper.pid if self._helper else None

    async def ask(self, request: Mapping[str, object], path: Path, now: datetime) -> dict[str, Any]:
        if self._hung:
            await self._refuse_hung(path)
        async with self._room:
            return await self._ask(request, path, now)

    async def _ask(self, request: Mapping[str, object], path: Path, now: datetime) -> dict[str, Any]:
        if self._helper is None:
            self._helper = _Helper(self, self._state_id)
        self._last += 1
        number = self._last
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            self._helper.write({"id": number, **request})
            return _result(await future)
        except asyncio.CancelledError:
            if number not in self._ended:
                self._give_up(number, path, now)
            raise
        finally:
            self._pending.pop(number, None)
            self._ended.discard(number)
            if future.done() and not future.cancelled():
                future.exception()  # it was told already, in one way or another
            self._rest()

    async def _refuse_hung(self, path: Path) -> None:
        place = _place(path)
        for hung in list(self._hung.values()):
            if hung.place != place:
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOING):
                    await hung.gone.wait()
            if not hung.gone.is_set():
                raise HungError(f"still hung since {hung.since:%Y-%m-%d %H:%M:%S} UTC (a probe of {place} is stuck)")

    def _give_up(self, number: int, path: Path, now: datetime) -> None:
        if self._helper is None:
            return
        self._hung[number] = _Hung(_place(path), now, asyncio.Event())
        with suppress(_HelperDiedError):
            self._helper.write({"kill": number})

    def answered(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return
        if "gone" in message:
            self._gone(message["gone"], message["status"])
        elif (future := self._pending.get(message["id"])) and not future.done():
            future.set_result(message)

    def _gone(self, number: int, status: int) -> None:
        if hung := self._hung.pop(number, None):
            hung.gone.set()
            self._rest()
        future = self._pending.get(number)
        if future:
            self._ended.add(number)  # should its look be cut off in this very turn: nothing hangs any more
        if future and not future.done():
            how = f"was killed by signal {-status}" if status < 0 else "ended without an answer"
            future.set_exception(CheckBrokenError(f"the probe {how}", cause=Cause.HELPER))

    def died(self, helper: _Helper) -> None:
        if helper is not self._helper:
            return
        self._helper = None
        for hung in self._hung.values():
            hung.gone.set()
        self._hung.clear()
        for future in self._pending.values():
            if not future.done():
                future.set_exception(_HelperDiedError())

    def _rest(self) -> None:
        """Let the helper go when nobody has asked for a while."""
        if self._idle:
            self._idle.cancel()
            self._idle = None
        if self._helper and not self._pending and not self._hung:
            self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._retire)

    def _retire(self) -> _Helper | None:
        helper = self._helper
        if helper is None or self._pending or self._hung:
            return None
        self._helper = None
        helper.end_input()
        return helper

    async def release(self) -> None:
        if self._idle:
            self._idle.cancel()
            self._idle = None
        if not (helper := self._retire()):
            return
        try:
            async with asyncio.timeout(_STOPPING):
                await helper.ended.wait()
        except TimeoutError:
            helper.kill()

    def abandon(self) -> None:
        """Let go without a loop: it was closed with the helper still there."""
        if self._helper:
            self._helper.kill()
            self._helper.close()


_PROBES: dict[asyncio.AbstractEventLoop, _Probes] = {}


def _here(state_id: str) -> _Probes:
    loop = asyncio.get_running_loop()
    if probes := _PROBES.get(loop):
        return probes
    for closed in [other for other in _PROBES if other.is_closed()]:
        _PROBES.pop(closed).abandon()
    probes = _PROBES[loop] = _Probes(state_id)
    return probes


def _result(message: dict[str, Any]) -> dict[str, Any]:
    if "ok" in message:
        found: dict[str, Any] = message["ok"]
        return found
    number, text = message["error"]
    if not number:
        raise CheckBrokenError(str(text), cause=Cause.CRASHED)
    raise PathTroubleError(number, text)


# ── Mounts ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_OCTAL = re.compile(r"\\([0-7]{3})")


def _place(path: Path) -> str:
    """Name what hangs when this path hangs: its mount, found without touching it.

    What lies on the root file system may be a link to elsewhere, so there it is the path alone that hangs.
    """
    try:
        lines = text_of("/proc/self/mountinfo").splitlines()
    except OSError:
        return str(path)
    wanted = Path(os.path.abspath(path))  # noqa: PTH100 -- resolve() would touch it
    mounts = (Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), line.split()[4])) for line in lines)
    longest = max((mount for mount in mounts if wanted.is_relative_to(mount)), key=lambda mount: len(mount.parts))
    return str(path) if longest == Path("/") else str(longest)
