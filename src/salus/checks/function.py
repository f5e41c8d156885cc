"""The ``function`` check: any Python callable, asynchronous or not."""

from __future__ import annotations

import inspect
import logging
import math
import os
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import field

from salus.checks._bounds import BoundedOptions, Findings, bounded_line, show_count
from salus.checks._objects import imported, is_name
from salus.errors import CheckBrokenError
from salus.model import NOTHING, Cause, Metric, Observation, Status
from salus.ports import Check, Look, Site
from salus.threads import Threads
from salus.units import format_duration

# Shared by all function checks: functions that never come back cost at most this many threads.
THREADS = Threads(16, "salus-function-check")

_log = logging.getLogger("salus.check")

_LOOK_AGAIN, _LAST_MOMENT = 0.01, 0.05

_BOUNDS = ("value_above", "warn_value_above", "value_below", "warn_value_below")
_MAY_RETURN = "return nothing, a bool, a status, a number, (status, message) or an Observation"
_MEANT = {
    Status.HEALTHY: (
        "ok",
        "okay",
        "fine",
        "good",
        "well",
        "up",
        "alive",
        "green",
        "pass",
        "passed",
        "passing",
        "success",
    ),
    Status.DEGRADED: ("warn", "warning", "slow", "yellow"),
    Status.UNHEALTHY: ("bad", "down", "dead", "red", "fail", "failed", "failing", "failure", "error", "critical"),
}


class Function(BoundedOptions, frozen=True, kw_only=True):
    """A Python function, named ``package.module:function``. One that is not asynchronous runs in a thread.

    What it returns is the verdict: nothing or true (healthy), false (unhealthy), a status or its name, a number (held
    against the bounds), a pair of status and message, a triple with metrics, or an ``Observation``. Where there are
    bounds, nothing or true is no verdict. An exception is unhealthy, except ``CheckBrokenError``, which says that it
    could not tell.

    Attributes:
        call: the function; it must be importable by Salus.
        args: positional arguments.
        kwargs: arguments by name.
        value_above: unhealthy unless the number is more than this.
        warn_value_above: degraded unless the number is more than this.
        value_below: unhealthy unless the number is less than this.
        warn_value_below: degraded unless the number is less than this.
    """

    scalar = "call"

    call: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    value_above: float | None = None
    warn_value_above: float | None = None
    value_below: float | None = None
    warn_value_below: float | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that the name could be one."""
        found = super().problems()
        if not is_name(self.call):
            found.append(("call", "write it like package.module:function"))
        return found

    def build(self, site: Site) -> Check:
        """Make a check that imports the function when it first looks."""
        return FunctionCheck(partial(_load, self.call), self.args, self.kwargs, bounds=self, load=True)


class FunctionCheck:
    """A check made of a callable.

    A function that does not come back keeps its thread; until it ends, no second call is made, and once it has taken
    longer than a look may, every look is unhealthy.
    """

    def __init__(
        self,
        function: Callable[..., object],
        args: Sequence[object] = (),
        kwargs: Mapping[str, object] | None = None,
        *,
        bounds: Function | None = None,
        load: bool = False,
    ) -> None:
        """Take the function.

        Args:
            function: what to call; its return value is the verdict, as told at ``Function``.
            args: positional arguments.
            kwargs: arguments by name.
            bounds: for a number that it returns.
            load: ``function`` returns the function to call, and does so (in a thread) at the first look.
        """
        self._function: Callable[..., object] | None = None if load else function
        self._load: Callable[..., object] = function
        self._args = tuple(args)
        self._kwargs = dict(kwargs or {})
        self._bounds = bounds or Function(call="salus:function")
        self._running_since: datetime | None = None
        self._running_in = os.getpid()
        self._raised = ""  # what was raised last, and where: text, for an exception would keep its frames

    async def look(self, look: Look) -> Observation:
        """Call the function and read its answer.

        Raises:
            CheckBrokenError: it cannot be imported, said so itself, or returned something that is no verdict.
        """
        if (since := await self._still_running(look)) is not None:
            return look.unhealthy(f"the call of {format_duration(since)} ago has not come back yet")
        if self._function is None:
            self._function = await self._in_thread(look, self._load)  # type: ignore[assignment]
        function = self._function
        try:
            answer = await self._call(look, function)
        except CheckBrokenError:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever the function raises is its verdict
            last = "".join(traceback.format_exception_only(error)).strip().splitlines()
            place = self._place_of(error, look)
            metadata = {"raised_at": place} if place else NOTHING
            return look.unhealthy(bounded_line(last[-1] if last else type(error).__name__), metadata=metadata)
        return self._read(look, answer)

    async def aclose(self) -> None:
        """Nothing is kept open. A thread that is stuck ends with its function."""

    def _place_of(self, error: Exception, look: Look) -> str:
        """Return where it was raised; the log has the traceback when that, or what was raised, has changed."""
        from salus.raised import raised_at

        place = raised_at(error)
        if (raised := f"{type(error).__qualname__} {place}") != self._raised:
            self._raised = raised
            said = f"{look.spec.name} raised {type(error).__name__}" + (f" at {place}" if place else "")
            _log.info("%s", said, exc_info=error, extra={"check": look.spec.name})
        return place

    async def _still_running(self, look: Look) -> float | None:
        """Return since when an earlier call runs, in seconds, if it has not come back and is not about to.

        A look that was superseded by a fresh one leaves its call behind. While that is no older than a look may be, it
        is given the time to come back: it is slow, and does not hang.
        """
        while self._running_since is not None and self._running_in == os.getpid():  # a fork leaves calls behind
            since = max(0.0, (look.at - self._running_since).total_seconds() + look.elapsed)
            if since >= look.spec.timeout or look.remaining <= _LAST_MOMENT:
                return since
            await look.site.clock.sleep(_LOOK_AGAIN)
        return None

    async def _call(self, look: Look, function: Callable[..., object] | None) -> object:
        if function is None:
            raise CheckBrokenError("there is no function to call")
        call = partial(function, *self._args, **self._kwargs)
        if inspect.iscoroutinefunction(function):
            return await look.site.home.run(partial(self._counted, look, call))
        answer = await self._in_thread(look, call)
        if not inspect.isawaitable(answer):
            return answer
        awaitable: Awaitable[object] = answer

        async def wait() -> object:
            return await awaitable

        return await look.site.home.run(partial(self._counted, look, wait))

    async def _counted(self, look: Look, call: Callable[[], Any]) -> object:
        """Await it, and remember that it runs for as long as it does: whoever asked may have left long before."""
        self._running_since, self._running_in = look.at, os.getpid()
        try:
            return await call()
        finally:
            self._running_since = None

    async def _in_thread(self, look: Look, function: Callable[[], object]) -> object:
        def call() -> object:
            # Counted in the thread: a call that waits for a place and is cancelled has never begun.
            self._running_since, self._running_in = look.at, os.getpid()
            try:
                return function()
            finally:
                self._running_since = None

        return await THREADS.run(call)

    def _read(self, look: Look, answer: object) -> Observation:
        """Turn what the function returned into an observation."""
        if isinstance(answer, Observation):
            return answer
        if isinstance(answer, tuple) and len(answer) in (2, 3):
            status, message, *rest = answer
            return look.observe(_status(status), bounded_line(str(message)), metrics=_metrics(rest[0] if rest else {}))
        if isinstance(answer, int | float) and not isinstance(answer, bool):
            if math.isnan(answer):
                raise CheckBrokenError(
                    f"the function returned {answer}, which is not a number, and so no verdict",
                    remedy="return a number, or raise CheckBrokenError where there is none to tell",
                    cause=Cause.CRASHED,
                )
            findings = Findings()
            said = show_count(answer)
            findings.judge(self._bounds, "value", answer, said)
            return findings.answer(look, said, metrics={"value": Metric(float(answer))})
        if answer is None or answer is True:
            self._would_ignore_bounds(answer)
        status = Status.HEALTHY if answer is None else _status(answer)
        return look.observe(status, "" if answer is None else f"returned {answer}")

    def _would_ignore_bounds(self, answer: object) -> None:
        if bounds := [name for name in _BOUNDS if getattr(self._bounds, name) is not None]:
            raise CheckBrokenError(
                f"there is a bound ({', '.join(bounds)}), and the function returned {answer}, no number",
                remedy=f"return the number, or take {bounds[0]} away",
                cause=Cause.CRASHED,
            )


def _status(answer: object) -> Status:
    if isinstance(answer, bool):
        return Status.HEALTHY if answer else Status.UNHEALTHY
    try:
        return Status(str(answer))
    except ValueError:
        raise CheckBrokenError(
            f"the function returned {bounded_line(repr(answer), 80)}, which is no verdict",
            remedy=_meant(answer) or _MAY_RETURN,
            cause=Cause.CRASHED,
        ) from None


def _meant(answer: object) -> str:
    """Return ``did you mean 'healthy'?`` for a word that comes near a status, or an empty string."""
    word = answer.strip().casefold()[:100] if isinstance(answer, str) else ""
    for status, words in _MEANT.items():
        if word in words:
            return f"did you mean {status.value!r}? A status is {', '.join(Status)}"
    from difflib import get_close_matches

    near = get_close_matches(word, list(Status), n=1, cutoff=0.6)
    return f"did you mean {str(near[0])!r}?" if near else ""


def _metrics(raw: object) -> dict[str, Metric]:
    if not isinstance(raw, Mapping):
        what = f"the metrics are {type(raw).__name__}, expected a mapping of names to numbers"
        raise CheckBrokenError(what, cause=Cause.CRASHED)
    try:
        return {str(name): value if isinstance(value, Metric) else Metric(float(value)) for name, value in raw.items()}
    except (TypeError, ValueError) as error:
        raise CheckBrokenError(f"a metric is not a number: {error}", cause=Cause.CRASHED) from error


def _load(name: str) -> Callable[..., object]:
    """Import a function by name. Runs in a thread: importing reads files and can take seconds."""
    found = imported(name)
    if not callable(found):
        what = f"{name} is not callable: it is {type(found).__name__}"
        raise CheckBrokenError(what, cause=Cause.NOT_KNOWN)
    function: Callable[..., object] = found
    return function
