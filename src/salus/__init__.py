"""Salus watches software, heals it, proves that the healing worked, and tells people."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # what type checkers take as true; importing typing would cost `salus health` 9 ms
if TYPE_CHECKING:
    from salus.errors import SalusError
    from salus.library.system import HealthSystem
    from salus.model import CheckSpec, Event, Metric, Observation, Outcome, RecoveryRule, Status

__version__ = "0.1.0"

_HOMES = {
    "CheckSpec": "salus.model",
    "Event": "salus.model",
    "HealthSystem": "salus.library.system",
    "Metric": "salus.model",
    "Observation": "salus.model",
    "Outcome": "salus.model",
    "RecoveryRule": "salus.model",
    "SalusError": "salus.errors",
    "Status": "salus.model",
}

__all__ = [
    "CheckSpec",
    "Event",
    "HealthSystem",
    "Metric",
    "Observation",
    "Outcome",
    "RecoveryRule",
    "SalusError",
    "Status",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``salus health`` starts at once."""
    if home := _HOMES.get(name):
        return getattr(import_module(home), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
