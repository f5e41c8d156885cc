"""Restart, start, stop or signal a service."""

from __future__ import annotations

import re
import signal
from typing import ClassVar

from salus.actions._services import find, refuse_if_unwanted
from salus.errors import ActionError
from salus.model import Effect, Json, ServiceStatus
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene

_REAL_TIME = re.compile(r"RT(MIN\+|MAX-)(\d+)")


class ServiceAction(ActionOptions, frozen=True, kw_only=True):
    """What all actions on a service share.

    Attributes:
        service: name of the service; without it, the service of the failing check.
    """

    effect: ClassVar[Effect] = Effect.REPLACES
    scalar: ClassVar[str] = "service"
    wants_service: ClassVar[bool] = True

    service: str | None = None

    def targets(self, own: str | None) -> frozenset[str]:
        """Name the service."""
        name = self.service if self.service is not None else own
        return frozenset({name} if name is not None else ())

    def problems(self) -> list[tuple[str, str]]:
        """Find a name that is empty."""
        if self.service is not None and not self.service.strip():
            return [("service", "a service has a name; leave the key out for the check's own service")]
        return []


class RestartService(ServiceAction, frozen=True, kw_only=True):
    """Replace the running copy of a service with a new one, and wait until that is ready.

    A service that a person has stopped is left alone.

    Attributes:
        service: name of the service; without it, the service of the failing check.
    """

    async def run(self, scene: Scene) -> ActionResult:
        """Restart it."""
        service = find(scene, self.service)
        refuse_if_unwanted(service)
        before = service.status
        await service.restart()
        return _told("restarted", before, service.status)


class StartService(ServiceAction, frozen=True, kw_only=True):
    """Start a service that is down, and wait until it is ready.

    A service that runs already makes the step fail at once, so that the next step gets its turn; one that a person has
    stopped is left alone.

    Attributes:
        service: name of the service; without it, the service of the failing check.
    """

    async def run(self, scene: Scene) -> ActionResult:
        """Start it."""
        service = find(scene, self.service)
        refuse_if_unwanted(service)
        before = service.status
        if before.running:
            what = f"the service {before.name!r} runs already{_process(before)}"
            raise ActionError(what, remedy="use restart_service to replace a running copy")
        await service.start()
        return _told("started", before, service.status)


class StopService(ServiceAction, frozen=True, kw_only=True):
    """Stop a service and everything it started. It may be started again by a later step.

    Attributes:
        service: name of the service; without it, the service of the failing check.
    """

    async def run(self, scene: Scene) -> ActionResult:
        """Stop it."""
        service = find(scene, self.service)
        before = service.status
        await service.stop()
        return _told("stopped", before, service.status)


class SignalService(ServiceAction, frozen=True, kw_only=True):
    """Send a signal to the main process of a service, such as ``HUP`` to make it read its config again.

    Attributes:
        signal: name (``HUP``, ``SIGUSR1``, ``RTMIN+3``) or number.
        service: name of the service; without it, the service of the failing check.
    """

    effect: ClassVar[Effect] = Effect.CHANGES
    scalar: ClassVar[str] = "signal"

    signal: str | int

    def problems(self) -> list[tuple[str, str]]:
        """Find a signal that does not exist."""
        try:
            signal_number(self.signal)
        except ValueError as error:
            return [*super().problems(), ("signal", str(error))]
        return super().problems()

    async def run(self, scene: Scene) -> ActionResult:
        """Send it."""
        service = find(scene, self.service)
        number = signal_number(self.signal)
        status = service.status
        await service.signal(number)
        evidence: dict[str, Json] = {"service": status.name, "signal": number, "pid": status.pid}
        message = f"sent {_signal_name(number)} to {status.name}{_process(status)}"
        return ActionResult(message=message, evidence=evidence)


def signal_number(text: str | int) -> int:
    """Return the number of a signal, given its name with or without ``SIG``, or its number.

    Raises:
        ValueError: there is no such signal here.
    """
    name = str(text).strip().upper().removeprefix("SIG")
    if found := _REAL_TIME.fullmatch(name):
        offset = int(found[2])
        number = signal.SIGRTMIN + offset if found[1] == "MIN+" else signal.SIGRTMAX - offset
    elif name.isdecimal() and name.isascii():
        number = int(name)
    else:
        number = getattr(signal, f"SIG{name}", 0) if name.isalnum() else 0
    if number not in signal.valid_signals():
        message = f"there is no signal {text!r}: write a name such as HUP, TERM or USR1, or its number"
        raise ValueError(message)
    return int(number)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _told(done: str, before: ServiceStatus, after: ServiceStatus) -> ActionResult:
    evidence: dict[str, Json] = {
        "service": after.name,
        "state": after.state.value,
        "pid_before": before.pid,
        "pid_after": after.pid,
    }
    return ActionResult(message=f"{done} {after.name}{_process(after)}", evidence=evidence)


def _process(status: ServiceStatus) -> str:
    return f" (pid {status.pid})" if status.pid is not None else ""
