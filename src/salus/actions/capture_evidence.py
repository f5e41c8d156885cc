"""Record how things are, before something is done about them."""

from __future__ import annotations

import asyncio
import re
from typing import ClassVar

from salus.actions._services import find
from salus.actions._threads import in_thread
from salus.actions.run import Run
from salus.actions.service import signal_number
from salus.bounds import bounded
from salus.errors import ActionError, ServiceError
from salus.evidence import host_snapshot, process_snapshot
from salus.model import Effect, Json
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene, Service
from salus.units import Duration, Size, format_duration

_PLACES = ("pid", "service", "check")
_PLACE = re.compile(r"\{(\w*)\}")
_POLL = 0.05
_ANSWER = 1.0


class CaptureEvidence(ActionOptions, frozen=True, kw_only=True):
    """Record the host, the service's process and its last output. It heals nothing, so it never counts as success.

    Of the host: load, memory, pressure, room. Of the process: state, memory, open files, threads and where each waits.
    What cannot be had is left out and said; the step does not fail for it.

    Attributes:
        command: a further witness, such as ``[py-spy, dump, --pid, "{pid}"]``; ``{pid}``, ``{service}`` and ``{check}``
            stand for what they say.
        command_timeout: how long that may take; then it is killed.
        signal: a signal that makes the service write down its stacks, such as ``USR1`` where Python's ``faulthandler``
            is registered for it. Sent only if the process handles that signal, since it would end it otherwise.
        lines: how many of the last lines of output.
        service: name of the service; without it, the service of the failing check.
        limit: characters of JSON to which everything together is cut down.
    """

    effect: ClassVar[Effect] = Effect.RECORDS
    scalar: ClassVar[str] = "command"

    command: tuple[str, ...] = ()
    command_timeout: Duration = Duration(5)
    signal: str | int | None = None
    lines: int = 50
    service: str | None = None
    limit: Size = Size(16384)

    def problems(self) -> list[tuple[str, str]]:
        """Find what cannot be recorded."""
        found = Run(command=self.command).problems() if self.command else []
        for name in dict.fromkeys(_PLACE.findall(" ".join(self.command))):
            if name not in _PLACES:
                found.append(
                    ("command", f"{{{name}}} stands for nothing: known are {{pid}}, {{service}} and {{check}}")
                )
        if self.signal is not None:
            try:
                signal_number(self.signal)
            except ValueError as error:
                found.append(("signal", str(error)))
        if self.command_timeout <= 0:
            found.append(("command_timeout", "must be more than nothing"))
        if not 0 <= self.lines <= 10_000:
            found.append(("lines", "must be from 0 to 10000"))
        if not 256 <= self.limit <= 1 << 20:
            found.append(("limit", "must be from 256 B to 1 MiB"))
        return found

    async def run(self, scene: Scene) -> ActionResult:
        """Record it."""
        service = find(scene, self.service) if self.service is not None else scene.service
        pid = service.status.pid if service else None
        found = await in_thread(lambda _: _snapshots(pid))
        if service:
            found["service"] = _told(service)
            if self.signal is not None:
                found["signal"] = await self._signalled(scene, service, pid)
            found["output"] = [*service.last_output(self.lines)] if self.lines else []
        if self.command:
            found["command"] = await self._witness(scene, service, pid)
        what = "the host" if pid is None else f"the host and the process {pid}"
        return ActionResult(message=f"recorded {what}", evidence=bounded(found, self.limit))

    async def _signalled(self, scene: Scene, service: Service, pid: int | None) -> Json:
        """Send the signal where it is handled, and wait until the service has written something."""
        number = signal_number(self.signal or 0)
        if pid is None or not await in_thread(lambda _: _handles(pid, number)):
            return f"not sent: the process does not handle signal {number}"
        before = service.last_output(self.lines or 1)
        try:
            await service.signal(number)
        except ServiceError as error:
            return f"not sent: {error}"
        clock = scene.site.clock
        deadline = clock.monotonic() + _ANSWER
        while service.last_output(self.lines or 1) == before:
            if clock.monotonic() >= deadline:
                return f"sent; nothing was written within {format_duration(_ANSWER)}"
            await clock.sleep(_POLL)
        await clock.sleep(_POLL)  # the rest of what it is writing
        return "sent"

    async def _witness(self, scene: Scene, service: Service | None, pid: int | None) -> Json:
        places = {
            "pid": "" if pid is None else str(pid),
            "service": service.status.name if service else "",
            "check": scene.check.name,
        }
        if pid is None and "{pid}" in " ".join(self.command):
            return "not run: there is no process"
        words = tuple(_PLACE.sub(lambda place: places[place[1]], word) for word in self.command)
        action = Run(command=words, max_output=Size(self.limit), ok_codes=tuple(range(256)), effect=Effect.RECORDS)
        deadline = asyncio.timeout(self.command_timeout)
        try:
            async with deadline:
                return dict((await action.run(scene)).evidence)
        except TimeoutError:
            if not deadline.expired():
                raise
            return f"killed: it took longer than {format_duration(self.command_timeout)}"
        except ActionError as error:
            return f"failed: {error}"


def _snapshots(pid: int | None) -> dict[str, Json]:
    found: dict[str, Json] = {"host": host_snapshot()}
    if pid is not None:
        found["process"] = process_snapshot(pid) or f"there is no process {pid} any more"
    return found


def _told(service: Service) -> Json:
    status = service.status
    return {
        "name": status.name,
        "state": status.state.value,
        "wanted": status.wanted,
        "since": status.since.isoformat() if status.since else None,
        "starts": status.starts,
        "message": status.message,
    }


def _handles(pid: int, number: int) -> bool:
    """Tell whether a process catches a signal."""
    caught = process_snapshot(pid).get("signals_caught")
    return isinstance(caught, str) and bool(int(caught, 16) >> (number - 1) & 1)
