"""Whatever calls do and however time passes, the circuit is where a simple model says that it must be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from salus.guards.circuit import CallResult, Circuit, CircuitLimits, CircuitState, Permit

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
RESULTS = st.sampled_from(CallResult)


@dataclass
class Model:
    """What the circuit must do, said as plainly as possible: every call is kept, everything is counted anew."""

    limits: CircuitLimits
    state: CircuitState = CLOSED
    opened: float = 0.0
    reopened: int = 0
    ended: list[tuple[float, CallResult, bool]] = field(default_factory=list)
    running: dict[Permit, bool] = field(default_factory=dict)  # permit -> it belongs to the present state
    passed: int = 0

    def wait(self) -> float:
        limits = self.limits
        return min(limits.recovery_timeout * limits.backoff**self.reopened, limits.max_recovery_timeout)

    def go(self, state: CircuitState, now: float) -> None:
        if state is OPEN:
            self.reopened += self.state is HALF_OPEN
            self.opened = now
        if state is CLOSED:
            self.reopened = 0
        self.state = state
        self.ended, self.passed = [], 0
        self.running = dict.fromkeys(self.running, False)

    def trials(self) -> list[Permit]:
        return [permit for permit, current in self.running.items() if current]

    def pass_time(self, now: float) -> None:
        if self.state is OPEN and now >= self.opened + self.wait():
            self.go(HALF_OPEN, now)
        elif self.state is HALF_OPEN and any(now - one.started >= self.limits.trial_timeout for one in self.trials()):
            self.go(OPEN, now)

    def admits(self) -> bool:
        if self.state is HALF_OPEN:
            return len(self.trials()) < self.limits.half_open_max_calls
        return self.state in (CLOSED, CircuitState.DISABLED)

    def end(self, permit: Permit, result: CallResult, now: float) -> None:
        current = self.running.pop(permit)
        allowed = self.limits.slow_call_duration
        slow = allowed is not None and now - permit.started > allowed
        if not current or (result is CallResult.NEITHER and not slow):
            return
        if self.state is HALF_OPEN:
            if result is CallResult.FAILURE or slow:
                self.go(OPEN, now)
            else:
                self.passed += 1
                if self.passed >= self.limits.success_threshold:
                    self.go(CLOSED, now)
        elif self.state is CLOSED:
            self.ended.append((now, result, slow))
            if self.trips(now):
                self.go(OPEN, now)

    def trips(self, now: float) -> bool:
        limits = self.limits
        row = 0
        for _, result, _ in reversed([one for one in self.ended if one[1] is not CallResult.NEITHER]):
            if result is CallResult.SUCCESS:
                break
            row += 1
        if limits.failure_threshold and row >= limits.failure_threshold:
            return True
        oldest = now - (limits.window_duration or float("inf"))
        window = [one for one in self.ended[-limits.window_size :] if one[0] > oldest]
        if len(window) < limits.min_calls:
            return False
        failures = sum(result is CallResult.FAILURE for _, result, _ in window)
        slow = sum(slow for _, _, slow in window)
        by_rate = limits.failure_rate is not None and failures >= limits.failure_rate * len(window)
        by_time = limits.slow_call_duration is not None and slow >= limits.slow_call_rate * len(window)
        return by_rate or by_time


class CircuitAgainstModel(RuleBasedStateMachine):
    now = 0.0

    @initialize(
        threshold=st.integers(0, 4),
        rate=st.none() | st.sampled_from([0.25, 0.5, 1.0]),
        slow=st.none() | st.integers(1, 5),
        size=st.integers(2, 8),
        age=st.none() | st.integers(1, 20),
        trials=st.integers(1, 3),
        passes=st.integers(1, 3),
    )
    def begin(
        self, threshold: int, rate: float | None, slow: int | None, size: int, age: int | None, **more: int
    ) -> None:
        if not threshold and rate is None and slow is None:
            threshold = 1
        limits = CircuitLimits(
            failure_threshold=threshold,
            failure_rate=rate,
            slow_call_duration=slow,
            slow_call_rate=0.5,
            min_calls=2,
            window_size=size,
            window_duration=age,
            recovery_timeout=4.0,
            max_recovery_timeout=20.0,
            jitter=0.0,
            half_open_max_calls=more["trials"],
            success_threshold=more["passes"],
            trial_timeout=7.0,
        )
        self.model = Model(limits)
        self.circuit = Circuit("modelled", limits, self.now, lambda: 0.5)

    @rule(seconds=st.integers(0, 9))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.circuit.tick(self.now)
        self.model.pass_time(self.now)

    @rule()
    def a_call_begins(self) -> None:
        self.model.pass_time(self.now)
        admits = self.model.admits()
        permit = self.circuit.admit(self.now)
        assert (permit is not None) is admits
        if permit is not None:
            self.model.running[permit] = True

    @precondition(lambda self: self.model.running)
    @rule(data=st.data(), result=RESULTS)
    def a_call_ends(self, data: Any, result: CallResult) -> None:
        permit = data.draw(st.sampled_from(list(self.model.running)))
        self.circuit.ended(permit, result, self.now)
        self.model.end(permit, result, self.now)

    @rule(results=st.lists(RESULTS, min_size=1, max_size=8))
    def calls_follow_each_other(self, results: list[CallResult]) -> None:
        for result in results:
            self.model.pass_time(self.now)
            permit = self.circuit.admit(self.now)
            assert (permit is not None) is self.model.admits()
            if permit is not None:
                self.model.running[permit] = True
                self.circuit.ended(permit, result, self.now)
                self.model.end(permit, result, self.now)

    @rule(state=st.sampled_from([CLOSED, CircuitState.FORCED_OPEN, CircuitState.DISABLED]))
    def a_person_decides(self, state: CircuitState) -> None:
        self.circuit.command(state, self.now, "")
        self.model.reopened = 0
        self.model.go(state, self.now)

    @invariant()
    def both_agree(self) -> None:
        if hasattr(self, "model"):
            assert self.circuit.state is self.model.state
            calls, failures, slow = self.circuit.window
            assert calls <= self.model.limits.window_size
            assert 0 <= max(failures, slow) <= calls
            after = self.circuit.retry_after(self.now)
            assert after is None or 0 <= after <= self.model.limits.max_recovery_timeout

    @invariant()
    def a_change_is_told_exactly_when_there_is_one(self) -> None:
        if hasattr(self, "circuit"):
            told = getattr(self, "told", CLOSED)
            for change in self.circuit.take_changes():
                assert change.old is told
                assert change.new is not change.old
                told = change.new
            assert told is self.circuit.state
            self.told = told


TestCircuitAgainstModel = CircuitAgainstModel.TestCase
TestCircuitAgainstModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
