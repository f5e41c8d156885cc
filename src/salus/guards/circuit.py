"""The decisions of a circuit breaker: no clock, no lock and no call in here; ``now`` is an argument.

    closed ── too many failures ──> open ── recovery_timeout ──> half_open ── success_threshold ──> closed
                                     ^                               │
                                     └── a failed or lost trial ─────┘
    any state ── force_open() ──> forced_open
    any state ── disable() ─────> disabled
    any state ── reset() ───────> closed

The states and their names are those that M. Nygard ("Release It!") and Resilience4j made common.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from salus.units import format_duration


class CircuitState(StrEnum):
    """Whether calls are let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    DISABLED = "disabled"


class CallResult(Enum):
    """What the end of a call says about the other side."""

    SUCCESS = auto()
    FAILURE = auto()
    NEITHER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitLimits:
    """When a circuit opens and closes. Durations are seconds, rates are shares from 0 to 1.

    Attributes:
        failure_threshold: failures in a row that open it; 0 never does.
        failure_rate: share of failed calls in the window that opens it; None never does.
        slow_call_duration: a call that takes longer is slow; None measures nothing.
        slow_call_rate: share of slow calls in the window that opens it.
        min_calls: with fewer calls in the window no rate is reckoned.
        window_size: calls in the window.
        window_duration: age at which calls leave the window; None keeps them.
        recovery_timeout: how long it stays open before the first trial.
        backoff: how much longer after each failed trial.
        max_recovery_timeout: the longest that it stays open.
        jitter: share by which that time is shortened or prolonged at random.
        half_open_max_calls: trials at the same time.
        success_threshold: trials that must succeed for it to close.
        trial_timeout: a trial that has not ended by then is lost, and counts as failed.
    """

    failure_threshold: int = 5
    failure_rate: float | None = None
    slow_call_duration: float | None = None
    slow_call_rate: float = 1.0
    min_calls: int = 10
    window_size: int = 100
    window_duration: float | None = None
    recovery_timeout: float = 30.0
    backoff: float = 2.0
    max_recovery_timeout: float = 600.0
    jitter: float = 0.1
    half_open_max_calls: int = 1
    success_threshold: int = 1
    trial_timeout: float = 30.0

    def __post_init__(self) -> None:
        """See that they make sense together.

        Raises:
            ValueError: naming the limit and what it must be.
        """
        demands = (
            ("failure_threshold", self.failure_threshold >= 0, "0 (never) or more"),
            ("failure_rate", self.failure_rate is None or 0 < self.failure_rate <= 1, "a share above 0, such as 0.5"),
            ("slow_call_duration", (self.slow_call_duration or 1.0) > 0, "more than 0 seconds"),
            ("slow_call_rate", 0 < self.slow_call_rate <= 1, "a share above 0, such as 0.5"),
            ("window_size", self.window_size >= 1, "1 call or more"),
            ("min_calls", 1 <= self.min_calls <= self.window_size, "between 1 and window_size"),
            ("window_duration", (self.window_duration or 1.0) > 0, "more than 0 seconds"),
            ("recovery_timeout", self.recovery_timeout > 0, "more than 0 seconds"),
            ("backoff", self.backoff >= 1, "1 (none) or more"),
            ("max_recovery_timeout", self.max_recovery_timeout >= self.recovery_timeout, "at least recovery_timeout"),
            ("jitter", 0 <= self.jitter < 1, "a share under 1, such as 0.1"),
            ("half_open_max_calls", self.half_open_max_calls >= 1, "1 or more"),
            ("success_threshold", self.success_threshold >= 1, "1 or more"),
            ("trial_timeout", self.trial_timeout > 0, "more than 0 seconds"),
        )
        for name, holds, wanted in demands:
            if not holds:
                message = f"{name} is {getattr(self, name)!r}, and must be {wanted}"
                raise ValueError(message)
        if not self.failure_threshold and self.failure_rate is None and self.slow_call_duration is None:
            message = "nothing would ever open this circuit: give failure_threshold, failure_rate or slow_call_duration"
            raise ValueError(message)


@dataclass(slots=True, eq=False)  # not frozen: one is made for every call, and that would cost twice as much
class Permit:
    """One call that was let through: when it began, and how often the circuit had changed by then."""

    started: float
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChange:
    """One change of state. ``at`` is on the monotonic clock."""

    circuit: str
    old: CircuitState
    new: CircuitState
    at: float
    reason: str


@dataclass(slots=True)
class CircuitTotals:
    """What was counted since the circuit was made; nothing but the process' end sets it back."""

    calls: int = 0
    successes: int = 0
    failures: int = 0
    slow: int = 0
    refused: int = 0
    opened: int = 0


@dataclass(slots=True)
class _Window:
    """The newest calls: when they ended, whether they failed, whether they were slow."""

    size: int
    duration: float | None
    calls: deque[tuple[float, bool, bool]] = field(default_factory=deque)
    failures: int = 0
    slow: int = 0

    def add(self, now: float, *, failed: bool, slow: bool) -> None:
        self.calls.append((now, failed, slow))
        self.failures += failed
        self.slow += slow
        if len(self.calls) > self.size:
            self._drop()

    def age(self, now: float) -> None:
        while self.duration is not None and self.calls and self.calls[0][0] <= now - self.duration:
            self._drop()

    def clear(self) -> None:
        self.calls.clear()
        self.failures = self.slow = 0

    def _drop(self) -> None:
        _, failed, slow = self.calls.popleft()
        self.failures -= failed
        self.slow -= slow


_NONE: Sequence[CircuitChange] = ()


class Circuit:
    """One circuit. Not safe for threads by itself: its breaker holds a lock around every use.

    Attributes:
        state: as of the last call of any method that takes ``now``.
        totals: what was counted.
        reason: why it is in this state.
        since: when it came into this state.
        failures_in_a_row: failures since the last success, while closed.
    """

    def __init__(self, name: str, limits: CircuitLimits, now: float, random: Callable[[], float]) -> None:
        """Begin closed. ``random`` returns numbers from 0 to 1, for the jitter."""
        self.state = CircuitState.CLOSED
        self.totals = CircuitTotals()
        self.reason = ""
        self.since = now
        self.failures_in_a_row = 0
        self._name = name
        self._limits = limits
        self._random = random
        self._window = _Window(limits.window_size, limits.window_duration)
        self._generation = 0
        self._trials: set[Permit] = set()
        self._trials_passed = 0
        self._reopened = 0
        self._retry_at = now
        self._changes: list[CircuitChange] = []

    # ── Calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def admit(self, now: float) -> Permit | None:
        """Let a call through, or refuse it (None)."""
        self.tick(now)
        full = self.state is CircuitState.HALF_OPEN and len(self._trials) >= self._limits.half_open_max_calls
        if full or self.state in (CircuitState.OPEN, CircuitState.FORCED_OPEN):
            self.totals.refused += 1
            return None
        permit = Permit(now, self._generation)
        self.totals.calls += 1
        if self.state is CircuitState.HALF_OPEN:
            self._trials.add(permit)
        return permit

    def ended(self, permit: Permit, result: CallResult, now: float, *, timed: bool = True) -> None:
        """Hear how a call ended. What began before the circuit last changed moves it no more.

        Args:
            permit: of the call.
            result: what its end says.
            now: when it ended.
            timed: whether the time it took says anything.
        """
        self.tick(now)
        allowed = self._limits.slow_call_duration
        slow = timed and allowed is not None and now - permit.started > allowed
        self.totals.slow += slow
        self.totals.failures += result is CallResult.FAILURE
        self.totals.successes += result is CallResult.SUCCESS
        current = permit.generation == self._generation
        self._trials.discard(permit)
        if not current or (result is CallResult.NEITHER and not slow):
            return
        if self.state is CircuitState.CLOSED:
            self._count(result, now, slow=slow)
        elif self.state is CircuitState.HALF_OPEN:
            if result is CallResult.FAILURE or slow:
                self._open(now, "the trial failed" if result is CallResult.FAILURE else "the trial was slow")
            else:
                self._trials_passed += 1
                if self._trials_passed >= self._limits.success_threshold:
                    self._move(CircuitState.CLOSED, now, "it works again")

    def undo(self, permit: Permit) -> None:
        """Take back a call that has not begun after all."""
        self.totals.calls -= 1
        self._trials.discard(permit)

    def tick(self, now: float) -> None:
        """Let time pass: an open circuit becomes half-open, and a trial that does not end is lost."""
        if self.state is CircuitState.OPEN and now >= self._retry_at:
            self._move(CircuitState.HALF_OPEN, now, f"open for {format_duration(now - self.since)}")
        elif self.state is CircuitState.HALF_OPEN and self._trials:
            if now - min(permit.started for permit in self._trials) >= self._limits.trial_timeout:
                self._open(now, f"a trial did not end within {format_duration(self._limits.trial_timeout)}")
        elif self.state is CircuitState.CLOSED:
            self._window.age(now)

    # ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def command(self, state: CircuitState, now: float, reason: str) -> None:
        """Do what a person says: closed (everything forgotten), forced open or disabled."""
        self._reopened = 0
        self._move(state, now, reason)

    # ── What is known ─────────────────────────────────────────────────────────────────────────────────────────────────

    def retry_after(self, now: float) -> float | None:
        """Return seconds until a call may be let through; None where only a person or a trial's end decides."""
        if self.state is CircuitState.OPEN:
            return max(0.0, self._retry_at - now)
        if self.state is CircuitState.FORCED_OPEN:
            return None
        full = self.state is CircuitState.HALF_OPEN and len(self._trials) >= self._limits.half_open_max_calls
        return None if full else 0.0

    @property
    def window(self) -> tuple[int, int, int]:
        """Return how many calls the window holds, and how many of them failed and were slow."""
        return len(self._window.calls), self._window.failures, self._window.slow

    def take_changes(self) -> Sequence[CircuitChange]:
        """Return the changes since this was last asked."""
        if not self._changes:
            return _NONE
        changes, self._changes = self._changes, []
        return changes

    # ── Moves ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _count(self, result: CallResult, now: float, *, slow: bool) -> None:
        failed = result is CallResult.FAILURE
        if result is not CallResult.NEITHER:
            self.failures_in_a_row = self.failures_in_a_row + 1 if failed else 0
        self._window.add(now, failed=failed, slow=slow)
        if reason := self._too_many():
            self._open(now, reason)

    def _too_many(self) -> str:
        limits, calls = self._limits, len(self._window.calls)
        if limits.failure_threshold and self.failures_in_a_row >= limits.failure_threshold:
            return f"{self.failures_in_a_row} failures in a row"
        if calls < limits.min_calls:
            return ""
        if limits.failure_rate is not None and self._window.failures >= limits.failure_rate * calls:
            return f"{self._window.failures} of the last {calls} calls failed"
        if limits.slow_call_duration is not None and self._window.slow >= limits.slow_call_rate * calls:
            within = format_duration(limits.slow_call_duration)
            return f"{self._window.slow} of the last {calls} calls took longer than {within}"
        return ""

    def _open(self, now: float, reason: str) -> None:
        limits = self._limits
        if self.state is CircuitState.HALF_OPEN:
            self._reopened += 1
        wait = min(limits.recovery_timeout * limits.backoff ** min(self._reopened, 63), limits.max_recovery_timeout)
        self._retry_at = now + wait * (1 + limits.jitter * (2 * self._random() - 1))
        self.totals.opened += 1
        self._move(CircuitState.OPEN, now, reason)

    def _move(self, state: CircuitState, now: float, reason: str) -> None:
        if state is CircuitState.CLOSED:
            self._reopened = 0
        if state is not self.state:
            self._changes.append(CircuitChange(circuit=self._name, old=self.state, new=state, at=now, reason=reason))
            self.since = now
        self.state = state
        self.reason = reason
        self.failures_in_a_row = 0
        self._window.clear()
        self._generation += 1
        self._trials.clear()
        self._trials_passed = 0
