"""Facts for conditions: states as checks leave them, and what was observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from salus.conditions import Facts, Judgement, Window, compile_condition
from salus.model import CheckState, Json, Metric, Observation, Status

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def look(metrics: Mapping[str, float] | None = None, metadata: Mapping[str, Json] | None = None) -> Observation:
    """Make a look that saw these numbers."""
    return Observation(
        status=Status.HEALTHY,
        message="up",
        at=NOON,
        metrics={name: Metric(value) for name, value in (metrics or {}).items()},
        metadata=metadata or {},
        cause="",
    )


def state(status: Status = Status.HEALTHY, *, failures: int = 0, **metrics: float) -> CheckState:
    """Make the state of a check whose last look saw these numbers."""
    return CheckState(status=status, consecutive_failures=failures, last=look(metrics))


def facts(
    own: CheckState | None = None,
    others: Mapping[str, CheckState] | None = None,
    samples: Mapping[Window, Sequence[tuple[float, float]]] | None = None,
    now: float = 1000.0,
) -> Facts:
    """Make facts of the check ``web``."""
    mine = own or state()
    states = {"web": mine, **(others or {})}
    seen = samples or {}
    return Facts(check="web", state=mine, state_of=states.get, samples=lambda window: seen.get(window, ()), now=now)


def judge(text: str, given: Facts | None = None) -> Judgement:
    """Compile and judge."""
    return compile_condition(text).evaluate(given or facts())
