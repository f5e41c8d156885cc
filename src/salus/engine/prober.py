"""Runs looks: concurrently, each under its own deadline, none able to hold up another.

A look is one task and one timer. At the deadline the task is cancelled; if it does not end within ``GRACE`` it is
called stuck, its verdict is given without it, and its check rests until it ends. So a check never overlaps itself and
a hanging check costs its own slot only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from salus.engine.pressure import Pressure
from salus.engine.units import CheckUnit
from salus.errors import CheckBrokenError
from salus.model import NOTHING, Cause, EventKind, Limits, Observation, Status, cause_of
from salus.ports import Look, Site
from salus.units import format_duration

_log = logging.getLogger("salus.check")
_log.addHandler(logging.NullHandler())  # an application that sets no logging up is not written to standard error

GRACE = 1.0
LOOKS_AT_ONCE = 4000
LONGEST = 2000

Seen = Callable[[CheckUnit, Observation], None]


@dataclass(slots=True, eq=False)
class Probe:
    """One look under way.

    Attributes:
        unit: whose look it is.
        look: what the check was given.
        task: the look itself; None while it waits for a slot.
        timer: its deadline, then the end of its grace.
        waiters: who wants this look's answer.
        timed_out: the deadline has passed.
        superseded: a fresher look replaces this one, so nobody is told.
        excuse: why that proves nothing, or an empty string.
        answered: the verdict was given already (it is stuck).
        result: what an instant look saw.
    """

    unit: CheckUnit
    look: Look
    task: asyncio.Task[Observation] | None = None
    timer: asyncio.TimerHandle | None = None
    waiters: list[asyncio.Future[Observation]] = field(default_factory=list)
    timed_out: bool = False
    excuse: str = ""
    superseded: bool = False
    answered: bool = False
    result: Observation | None = None


class Prober:
    """Starts looks and hands every observation to ``seen``, in the loop's own turn."""

    def __init__(
        self, site: Site, seen: Seen, *, ended: Callable[[CheckUnit], None], pressure: Pressure | None = None
    ) -> None:
        """Report observations to ``seen`` and, when a unit may be looked at again, ``ended``.

        Args:
            site: where the checks stand.
            seen: takes every observation.
            ended: hears when a unit may be looked at again.
            pressure: says which time-outs prove nothing; without it, none but by lag.
        """
        self._site = site
        self._seen = seen
        self._ended = ended
        self._queue: deque[Probe] = deque()
        self._running: set[Probe] = set()
        self._stopped = False
        self._pressure = pressure or Pressure(site.clock, site.tell, Limits)
        self._gauge = self._pressure.gauge

    @property
    def running(self) -> int:
        """Return how many looks are under way."""
        return len(self._running)

    def start(self, unit: CheckUnit) -> Probe:
        """Begin a look; the unit must have none under way. An instant one is over when this returns."""
        status = unit.service.status if unit.service else None
        clock = self._site.clock
        look = Look(
            unit.spec,
            self._site,
            clock.now(),
            clock.monotonic(),
            unit.state.last,
            status.incarnation if status else None,
        )
        probe = Probe(unit, look)
        if unit.check_is_instant and (observation := self._instantly(probe)) is not None:
            probe.result = observation
            self._seen(unit, observation)
            self._ended(unit)
            return probe
        unit.probe = probe
        if len(self._running) >= LOOKS_AT_ONCE:
            self._queue.append(probe)
        else:
            self._run(probe)
        return probe

    async def fresh(self, unit: CheckUnit, *, within: float | None = None) -> Observation:
        """Look afresh and return what was seen; a look that began earlier is dropped, its waiters get this answer.

        Args:
            unit: the check.
            within: seconds this look may take, if that is less than its own timeout.
        """
        old, waiters = unit.probe, list[asyncio.Future[Observation]]()
        if old is not None:
            waiters, old.waiters = old.waiters, []
            try:
                await self._supersede(old)
            except asyncio.CancelledError:
                self._ended(unit)
                raise
        # While this one waited somebody else may have begun a fresh look, or the old one is stuck.
        probe = unit.probe or self.start(unit)
        if probe.result is not None:
            self._answer(Probe(unit, probe.look, waiters=waiters), probe.result)
            return probe.result
        answer: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
        probe.waiters += [*waiters, answer]
        if within is not None and within < unit.spec.timeout:
            self._shorten(probe, within)
        if probe.answered:
            self._answer(probe, self._stuck_observation(probe))
        return await answer

    def join(self, unit: CheckUnit) -> asyncio.Future[Observation]:
        """Begin a look, or join the one under way; its answer comes in the future. Cancels and supersedes nothing."""
        answer: asyncio.Future[Observation] = asyncio.get_running_loop().create_future()
        probe = unit.probe or self.start(unit)
        if probe.result is not None:
            answer.set_result(probe.result)
        elif probe.answered:
            answer.set_result(self._stuck_observation(probe))
        else:
            probe.waiters.append(answer)
        return answer

    async def stop(self) -> None:
        """Cancel every look and wait for them, bounded."""
        self._stopped = True
        self._queue.clear()
        tasks = [probe.task for probe in self._running if probe.task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)

    def _instantly(self, probe: Probe) -> Observation | None:
        """Look without a task, at a check that says it never waits; None where it wanted to wait after all."""
        look = probe.look
        work = probe.unit.check.look(look)
        try:
            work.send(None)
        except StopIteration as done:
            return self._observation_of(probe, done.value)
        except Exception as error:  # noqa: BLE001 - a stranger's check may fail in any way; that is a verdict
            return self._broken(probe, _crashed(look, error))
        work.close()
        return None

    def _run(self, probe: Probe) -> None:
        loop = asyncio.get_running_loop()
        if probe.look.started >= self._gauge.sample_at:
            self._gauge.sample(probe.look.started)
        self._running.add(probe)
        try:
            probe.task = loop.create_task(probe.unit.check.look(probe.look))
        except Exception as error:  # noqa: BLE001 - a stranger's check may not even be a coroutine function
            probe.task = loop.create_task(_raised(error))
        probe.timer = loop.call_later(probe.unit.spec.timeout, self._deadline, probe)
        probe.task.add_done_callback(lambda task: self._finished(probe, task))

    def _shorten(self, probe: Probe, within: float) -> None:
        if probe.timer and not probe.timed_out:
            probe.timer.cancel()
            probe.timer = asyncio.get_running_loop().call_later(within, self._deadline, probe)

    async def _supersede(self, probe: Probe) -> None:
        probe.superseded = True
        if probe.task is None:
            self._queue.remove(probe)
            self._release(probe)
            return
        probe.task.cancel()
        await asyncio.wait({probe.task}, timeout=GRACE)

    def _deadline(self, probe: Probe) -> None:
        if probe.task is None or probe.task.done():
            return
        if probe.timer is not None:
            self._pressure.late(asyncio.get_running_loop().time() - probe.timer.when())
        probe.timed_out = True
        probe.excuse = self._pressure.excuse(probe.look)
        probe.task.cancel()
        probe.timer = asyncio.get_running_loop().call_later(GRACE, self._stuck, probe)

    def _stuck(self, probe: Probe) -> None:
        if probe.task is None or probe.task.done():
            return
        probe.answered = True
        name = probe.unit.spec.name
        self._site.tell(EventKind.CHECK_STUCK, check=name, message=f"{name} ignores its cancellation and rests")
        seen = self._stuck_observation(probe)
        self._seen(probe.unit, seen)
        self._answer(probe, seen)

    def _finished(self, probe: Probe, task: asyncio.Task[Observation]) -> None:
        if probe.timer:
            probe.timer.cancel()
        self._running.discard(probe)
        observation = self._observation(probe, task)
        if probe.unit.probe is probe:
            probe.unit.probe = None
        if observation is not None and not probe.answered:
            self._seen(probe.unit, observation)
            self._answer(probe, observation)
        elif observation is None:
            for waiter in probe.waiters:
                waiter.cancel()
        self._release(probe)

    def _release(self, probe: Probe) -> None:
        if probe.unit.probe is probe:
            probe.unit.probe = None
        if not self._stopped:
            if not probe.superseded:
                self._ended(probe.unit)
            if self._queue and len(self._running) < LOOKS_AT_ONCE:
                self._run(self._queue.popleft())

    def _answer(self, probe: Probe, observation: Observation) -> None:
        for waiter in probe.waiters:
            if not waiter.done():
                waiter.set_result(observation)
        probe.waiters = []

    def _observation(self, probe: Probe, task: asyncio.Task[Observation]) -> Observation | None:
        look = probe.look
        if probe.timed_out and not probe.superseded:
            if not task.cancelled():
                task.exception()  # seen, so that the loop does not complain: the deadline is the verdict
            return self._timed_out(probe, f"timed out after {format_duration(look.elapsed)}")
        if task.cancelled():
            if self._stopped or probe.superseded:
                return None
            said = "the check was cancelled, and not by Salus: something of its own raised CancelledError"
            return look.observe(Status.UNKNOWN, said, cause=Cause.CRASHED)
        error = task.exception()
        if probe.superseded:
            return None
        if error is None:
            return self._answered(look, self._observation_of(probe, task.result()))
        return self._broken(probe, _crashed(look, error))

    def _observation_of(self, probe: Probe, answer: object) -> Observation:
        """Return the answer of a check; a stranger's check may answer anything."""
        if isinstance(answer, Observation) and isinstance(answer.status, Status):
            return answer if len(answer.message) <= LONGEST else replace(answer, message=_short(answer.message))
        said = f"the check answered with {type(answer).__name__} instead of an observation"
        if isinstance(answer, Observation):
            said = f"the check answered with the status {answer.status!r:.100}, which is none"
        return self._broken(probe, probe.look.observe(Status.UNKNOWN, said, cause=Cause.CRASHED))

    @staticmethod
    def _broken(probe: Probe, seen: Observation) -> Observation:
        """Log that a check is broken at its first look, which is no change of its verdict and else told nowhere."""
        state = probe.unit.state
        if state.started is None and state.status is Status.UNKNOWN:
            from salus.logs.lines import visible
            from salus.logs.redacting import redact

            name, place = probe.look.spec.name, seen.metadata.get("raised_at")
            said = " ".join((seen.message + (f" ({place})" if place else "")).splitlines())
            # An application's formatter is not ours: secrets, and what would steer a terminal, are taken out here.
            _log.warning("%s cannot tell: %s", name, visible(redact(said)), extra={"check": name})
        return seen

    def _answered(self, look: Look, seen: Observation) -> Observation:
        """Weigh what a check answered: some know their own time-outs, and those prove no more than the prober's."""
        if seen.cause == Cause.TIMEOUT and seen.status.bad:
            why = self._pressure.excuse(look)
            return _held(look, seen.message, why) if why else seen
        if self._pressure.holding:
            self._pressure.answered(look.spec.name)
        return seen

    @staticmethod
    def _timed_out(probe: Probe, said: str) -> Observation:
        if probe.excuse:
            return _held(probe.look, said, probe.excuse)
        return probe.look.observe(Status.UNHEALTHY, said, cause=Cause.TIMEOUT)

    def _stuck_observation(self, probe: Probe) -> Observation:
        elapsed = format_duration(probe.look.elapsed)
        return self._timed_out(probe, f"timed out, and still has not ended after {elapsed}")


async def _raised(error: Exception) -> Observation:
    raise error


def _held(look: Look, said: str, why: str) -> Observation:
    return look.observe(Status.UNKNOWN, f"{said}, which proves nothing: {why}", cause=Cause.OVERLOADED)


def _crashed(look: Look, error: BaseException) -> Observation:
    """Blame the check for what it raised; what the system said through it, others may hear too."""
    if isinstance(error, CheckBrokenError):
        remedy = f" ({error.remedy})" if error.remedy else ""
        return look.observe(Status.UNKNOWN, f"{error}{remedy}", cause=error.cause)
    from salus.raised import raised_at

    cause = (cause_of(error.errno) if isinstance(error, OSError) else "") or Cause.CRASHED
    said = _short(f"the check failed with {type(error).__name__}: {error}")
    place = raised_at(error)
    return look.observe(Status.UNKNOWN, said, cause=cause, metadata={"raised_at": place} if place else NOTHING)


def _short(message: str) -> str:
    """Keep the beginning: a message goes into pages, rows and notifications, and an answer of others may be in it."""
    return message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…"
