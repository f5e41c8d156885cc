"""A circuit breaker and a bulkhead in a health system: what they guard is seen, told and healed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from salus import HealthSystem, Status
from salus.guards import Bulkhead, CircuitBreaker, CircuitState
from tests.integration.library.waiting import until


@pytest.fixture
def health(tmp_path: Path) -> Iterator[HealthSystem]:
    system = HealthSystem("shop", state_dir=tmp_path / "state", settings={"salus": {"store": "memory"}})
    yield system
    system.stop()


def test_a_circuit_that_opens_is_seen_and_reset_by_its_rule(health: HealthSystem) -> None:
    payments = CircuitBreaker("payments", failure_threshold=2, recovery_timeout="1h")
    connected = threading.Event()
    connected.set()

    @payments
    def pay() -> str:
        if not connected.is_set():
            raise ConnectionError("no answer")
        return "paid"

    @health.action
    def reconnect() -> str:
        connected.set()
        return payments.reset()

    health.register("payments", payments, interval="50ms", critical=True)
    health.action("open_payments")(payments.force_open)
    health.rule("payments", actions=["reconnect"], cooldown_period="1s")
    with health:
        assert until(health.is_healthy)
        connected.clear()
        for _ in range(2):
            with suppress(ConnectionError):
                pay()
        assert CircuitState.OPEN in [one.new for one in payments.history]  # it may be reset already
        assert until(lambda: payments.state is CircuitState.CLOSED)
        assert until(health.is_healthy)
        assert pay() == "paid"


def test_a_bulkhead_that_is_full_degrades_the_whole(health: HealthSystem) -> None:
    reports = Bulkhead("reports", max_concurrent=1)
    health.register("reports", reports, interval="50ms")
    with health:
        assert until(health.is_healthy)
        with reports:
            assert until(health.is_degraded)
            assert health.run_now_sync("reports")["reports"].status is Status.DEGRADED
        assert until(health.is_healthy)
