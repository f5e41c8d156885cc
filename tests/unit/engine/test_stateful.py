"""Any order of faults, jumps of time, people and deaths of Salus: every promise holds at every event."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.unit.engine.salus_machine import Salus

Salus.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
TestSalus = pytest.mark.timeout(300)(Salus.TestCase)  # twenty seconds where nothing else runs
