"""Guards around calls that an application makes, whose state is a check: circuit breaker and bulkhead.

Not to be mistaken for the circuits around Salus' own actions (``salus.rules.circuit``): those decide which rung of a
recovery is worth a try.
"""

from __future__ import annotations

from salus.errors import BulkheadFullError, CallRefusedError, CircuitOpenError
from salus.guards.breaker import CircuitBreaker
from salus.guards.bulkhead import Bulkhead
from salus.guards.circuit import CircuitChange, CircuitState, CircuitTotals

__all__ = [
    "Bulkhead",
    "BulkheadFullError",
    "CallRefusedError",
    "CircuitBreaker",
    "CircuitChange",
    "CircuitOpenError",
    "CircuitState",
    "CircuitTotals",
]
