"""The circuit breaker around calls: what keeps failing is not called for a while, and its state is a check."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import SystemRandom
from typing import Any, TypeAlias

from salus.clock import SystemClock
from salus.errors import CircuitOpenError
from salus.guards._forms import Fallback
from salus.guards._guard import Guard
from salus.guards._judging import Exceptions, Judge
from salus.guards.circuit import (
    CallResult,
    Circuit,
    CircuitChange,
    CircuitLimits,
    CircuitState,
    CircuitTotals,
    Permit,
)
from salus.model import Metric, Observation, Status
from salus.ports import Look
from salus.threads import Threads
from salus.units import Duration, format_duration

Listener: TypeAlias = Callable[[CircuitChange], object]

MOST_LISTENERS = 32
CHANGES_KEPT = 20
_SHARE_OF_TIMEOUT = 0.8

_log = logging.getLogger("salus.guards")
_THREADS = Threads(8, "salus-circuit-probe")


class CircuitBreaker(Guard[Permit]):
    """Stops calling what keeps failing, and tries again after a while.

        payments = CircuitBreaker("payments", failure_threshold=5, recovery_timeout="30s")

        @payments
        async def charge(order): ...

        health.register("payments", payments)

    While it is open, calls end at once with ``CircuitOpenError``: the other side gets time to recover, and nobody here
    waits for a time-out. After ``recovery_timeout`` it is half-open: a few trials are let through. When they succeed it
    closes; when one fails it stays open for ``backoff`` times as long.

    A call *failed* when it raised one of ``expected_exceptions``, or returned what ``failure_result`` recognises. It
    *succeeded* when it returned, or raised one of ``exclude``: "not found" is an answer, too. Anything else (a call
    that was cancelled, a refusal of another guard) says nothing about the other side, unless it had been slow by then.
    """

    def __init__(  # noqa: PLR0913 - the limits of a circuit, each with a sound default and named at the call
        self,
        name: str,
        *,
        failure_threshold: int = 5,
        failure_rate: float | None = None,
        slow_call_duration: float | str | None = None,
        slow_call_rate: float = 1.0,
        min_calls: int = 10,
        window_size: int = 100,
        window_duration: float | str | None = None,
        recovery_timeout: float | str = 30.0,
        backoff: float = 2.0,
        max_recovery_timeout: float | str | None = None,
        jitter: float = 0.1,
        half_open_max_calls: int = 1,
        success_threshold: int = 1,
        trial_timeout: float | str | None = None,
        expected_exceptions: Exceptions = Exception,
        exclude: Exceptions = (),
        failure_result: Callable[[Any], bool] | None = None,
        fallback: Fallback | None = None,
        probe: Callable[[], object] | None = None,
        status_when_open: Status = Status.UNHEALTHY,
        clock: Callable[[], float] | None = None,
        random: Callable[[], float] | None = None,
    ) -> None:
        """Begin closed. Durations are seconds or text such as ``"30s"``; rates are shares from 0 to 1.

        Args:
            name: what errors, checks and logs call it.
            failure_threshold: failures in a row that open it; 0 never does.
            failure_rate: share of failed calls in the window that opens it.
            slow_call_duration: a call that takes longer is slow. Of generators no time is taken: it would be their
                consumers' time.
            slow_call_rate: share of slow calls in the window that opens it.
            min_calls: with fewer calls in the window no rate is reckoned.
            window_size: calls in the window.
            window_duration: age at which calls leave the window.
            recovery_timeout: how long it stays open before the first trial.
            backoff: how much longer after each failed trial; 1 is always the same.
            max_recovery_timeout: the longest that it stays open; by default twenty times ``recovery_timeout``.
            jitter: share by which that time is shortened or prolonged at random, so that many processes do not try
                again at once.
            half_open_max_calls: trials at the same time.
            success_threshold: trials that must succeed for it to close.
            trial_timeout: a trial that has not ended by then is lost and counts as failed; by default
                ``recovery_timeout``.
            expected_exceptions: what counts as failed: classes, or a function of the exception.
            exclude: what counts as an answer although it is raised; goes before ``expected_exceptions``.
            failure_result: tells whether what was returned means that the call failed, such as an answer with status
                503.
            fallback: called with the same arguments when a call is refused.
            probe: asks the other side something small; plain or a coroutine function. While the circuit is half-open,
                its check tries that, so that no real call is spent on finding out.
            status_when_open: what the check says while the circuit is open: unhealthy, or degraded where a fallback
                does nearly as well.
            clock: returns monotonic seconds.
            random: returns numbers from 0 to 1.

        Raises:
            ValueError: a limit makes no sense; the message says which and why.
        """
        super().__init__(name, fallback)
        wait = Duration.parse(recovery_timeout)
        self.limits = CircuitLimits(
            failure_threshold=failure_threshold,
            failure_rate=failure_rate,
            slow_call_duration=_seconds(slow_call_duration),
            slow_call_rate=slow_call_rate,
            min_calls=min(min_calls, window_size),
            window_size=window_size,
            window_duration=_seconds(window_duration),
            recovery_timeout=wait,
            backoff=backoff,
            max_recovery_timeout=20 * wait if max_recovery_timeout is None else Duration.parse(max_recovery_timeout),
            jitter=jitter,
            half_open_max_calls=half_open_max_calls,
            success_threshold=success_threshold,
            trial_timeout=wait if trial_timeout is None else Duration.parse(trial_timeout),
        )
        if not status_when_open.bad:
            message = f"status_when_open is {status_when_open!s}, and must be degraded or unhealthy"
            raise ValueError(message)
        self.status_when_open = status_when_open
        self._clock = clock or SystemClock().monotonic
        self._judge = Judge(name, expected_exceptions, exclude, failure_result)
        self._probe = probe
        self._lock = threading.Lock()
        self._circuit = Circuit(name, self.limits, self._clock(), random or SystemRandom().random)
        self._history: deque[CircuitChange] = deque(maxlen=CHANGES_KEPT)
        self._listeners: list[Listener] = []
        self._check = CircuitCheck(self)

    def __repr__(self) -> str:
        return f"<CircuitBreaker {self.name}: {self.state}>"

    # ── What is known ─────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> CircuitState:
        """Return the state: closed, open, half_open, forced_open or disabled."""
        with self._lock:
            self._circuit.tick(self._clock())
            state, changes = self._circuit.state, self._circuit.take_changes()
        self._announce(changes)
        return state

    @property
    def retry_after(self) -> float | None:
        """Return seconds until a call may be let through; None while only a person or a running trial decides."""
        with self._lock:
            return self._circuit.retry_after(self._clock())

    @property
    def totals(self) -> CircuitTotals:
        """Return what was counted since the breaker was made."""
        with self._lock:
            known = self._circuit.totals
            return CircuitTotals(known.calls, known.successes, known.failures, known.slow, known.refused, known.opened)

    @property
    def history(self) -> tuple[CircuitChange, ...]:
        """Return the last changes of state, oldest first."""
        with self._lock:
            return tuple(self._history)

    @property
    def check(self) -> CircuitCheck:
        """Return the check that says what state this is in."""
        return self._check

    # ── What people and rules do ──────────────────────────────────────────────────────────────────────────────────────

    def reset(self) -> str:
        """Close it and forget every failure; returns a line for people. Usable as an action of a rule."""
        return self._command(CircuitState.CLOSED, "it was reset")

    def force_open(self) -> str:
        """Refuse every call until it is reset; returns a line for people."""
        return self._command(CircuitState.FORCED_OPEN, "it was forced open")

    def disable(self) -> str:
        """Let every call through and count none until it is reset; returns a line for people."""
        return self._command(CircuitState.DISABLED, "it was disabled")

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call a function after every change of state, in the thread whose call changed it; it must not block.

        Returns:
            A function that ends this.

        Raises:
            ValueError: there are too many listeners already.
        """
        with self._lock:
            if len(self._listeners) >= MOST_LISTENERS:
                message = f"{self.name} has {MOST_LISTENERS} listeners: end some, with what on_change() returned"
                raise ValueError(message)
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    def _command(self, state: CircuitState, reason: str) -> str:
        with self._lock:
            self._circuit.command(state, self._clock(), reason)
            changes = self._circuit.take_changes()
        self._announce(changes)
        return f"the circuit of {self.name} is {_spoken(state)}: {reason}"

    # ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self) -> Permit:
        """Let a call through, or raise ``CircuitOpenError``; whoever uses this by hand calls ``leave`` in the end."""
        with self._lock:
            now = self._clock()
            answer = self._circuit.admit(now) or self._refusal(now)
            changes = self._circuit.take_changes()
        self._announce(changes)
        if isinstance(answer, CircuitOpenError):
            raise answer
        return answer

    def leave(self, ticket: Permit, error: BaseException | None, *, timed: bool = True) -> None:
        """Hear that a call has ended, and with which error."""
        self._ended(ticket, self._judge.of_error(error), timed=timed)

    def answered(self, ticket: Permit, answer: object) -> None:
        """Hear what a call returned; ``failure_result`` says what that means."""
        self._ended(ticket, self._judge.of_answer(answer), timed=True)

    def undo(self, ticket: Permit) -> None:
        """Take a call back that has not begun after all."""
        with self._lock:
            self._circuit.undo(ticket)

    def _ended(self, permit: Permit, result: CallResult, *, timed: bool) -> None:
        with self._lock:
            self._circuit.ended(permit, result, self._clock(), timed=timed)
            changes = self._circuit.take_changes()
        self._announce(changes)

    def _refusal(self, now: float) -> CircuitOpenError:
        circuit = self._circuit
        after = circuit.retry_after(now)
        since = format_duration(now - circuit.since)
        if circuit.state is CircuitState.HALF_OPEN:
            said = "its circuit is half-open, and a trial has not ended yet"
            remedy = "try again in a moment, or give a fallback"
        elif after is None:
            said, remedy = f"its circuit was forced open {since} ago", "call reset() when it may be called again"
        else:
            said = f"its circuit opened {since} ago ({circuit.reason})"
            remedy = f"try again in {format_duration(after)}, or give a fallback"
        message = f"{self.name} is not called: {said}"
        return CircuitOpenError(message, name=self.name, retry_after=after, remedy=remedy)

    def _announce(self, changes: Sequence[CircuitChange]) -> None:
        """Tell the listeners, outside of the lock: they may ask the breaker."""
        for change in changes:
            with self._lock:
                self._history.append(change)
                listeners = tuple(self._listeners)
            _log.log(
                logging.INFO if change.new in (CircuitState.CLOSED, CircuitState.HALF_OPEN) else logging.WARNING,
                "the circuit of %s went from %s to %s: %s",
                self.name,
                change.old,
                change.new,
                change.reason,
            )
            for listener in listeners:
                try:
                    listener(change)
                except Exception:  # noqa: BLE001 -- the call that changed the circuit has nothing to do with it
                    _log.exception("a listener of the circuit breaker %s failed", self.name)

    async def try_probe(self, look: Look) -> None:
        """Make a trial of the probe, where there is one and the circuit waits for a trial; it raises nothing.

        One that does not answer while there is time for the look is a trial that failed.
        """
        probe = self._probe
        if probe is None or self.state is not CircuitState.HALF_OPEN:
            return
        try:
            ticket = self.enter()
        except CircuitOpenError:  # a trial runs already
            return
        deadline = asyncio.timeout(_SHARE_OF_TIMEOUT * look.remaining)
        try:
            async with deadline:
                if inspect.iscoroutinefunction(probe):
                    answer = await look.site.home.run(probe)
                else:
                    answer = await _THREADS.run(probe)
                    if inspect.isawaitable(answer):
                        answer = await look.site.home.run(partial(_awaited, answer))
        except BaseException as error:
            if deadline.expired():
                self._ended(ticket, CallResult.FAILURE, timed=True)
            else:
                self.leave(ticket, error)
            if not isinstance(error, Exception):
                raise
        else:
            self.answered(ticket, answer)

    def sight(self) -> tuple[CircuitState, str, float | None, float, dict[str, Metric]]:
        """Return all that the check tells, of one moment."""
        self.state  # noqa: B018 -- lets time pass, and tells whoever listens
        with self._lock:
            now, circuit = self._clock(), self._circuit
            calls, failures, slow = circuit.window
            totals, after = circuit.totals, circuit.retry_after(now)
            metrics = {
                "calls_total": Metric(totals.calls),
                "failures_total": Metric(totals.failures),
                "refused_total": Metric(totals.refused),
                "opened_total": Metric(totals.opened),
                "failures_in_a_row": Metric(circuit.failures_in_a_row),
                "failure_ratio": Metric(failures / calls if calls else 0.0, "ratio"),
                "slow_ratio": Metric(slow / calls if calls else 0.0, "ratio"),
                "retry_after_seconds": Metric(after or 0.0, "seconds"),
            }
            return circuit.state, circuit.reason, after, now - circuit.since, metrics


class CircuitCheck:
    """Says what state a circuit breaker is in. It makes no call of its own, but for the breaker's probe.

    Closed (and disabled, which a person wants) is healthy, half-open is degraded, forced open is degraded, and open is
    what the breaker's ``status_when_open`` says.
    """

    def __init__(self, breaker: CircuitBreaker) -> None:
        """Look at that breaker."""
        self._breaker = breaker

    async def look(self, look: Look) -> Observation:
        """Ask the breaker."""
        await self._breaker.try_probe(look)
        state, reason, after, since, metrics = self._breaker.sight()
        match state:
            case CircuitState.CLOSED:
                status, said = Status.HEALTHY, "the circuit is closed"
            case CircuitState.DISABLED:
                status, said = Status.HEALTHY, "the circuit is disabled: every call is let through"
            case CircuitState.HALF_OPEN:
                status, said = Status.DEGRADED, f"the circuit is half-open since {format_duration(since)}: {reason}"
            case CircuitState.FORCED_OPEN:
                status, said = Status.DEGRADED, f"the circuit was forced open {format_duration(since)} ago"
            case _:
                status = self._breaker.status_when_open
                again = format_duration(after or 0.0)
                said = f"the circuit is open since {format_duration(since)}: {reason}; tried again in {again}"
        return look.observe(status, said, metrics=metrics, metadata={"state": str(state)})

    async def aclose(self) -> None:
        """Nothing is kept."""


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer


def _seconds(raw: float | str | None) -> float | None:
    return None if raw is None else Duration.parse(raw)


def _spoken(state: CircuitState) -> str:
    return str(state).replace("_", " ")
