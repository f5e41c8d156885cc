"""Short simulations: a config and a scenario as text, in virtual time."""

from __future__ import annotations

from textwrap import dedent

from salus.config import loads
from salus.simulate.run import Finished, Order, simulate
from salus.simulate.scenario import scenario_from
from salus.simulate.score import Result
from salus.virtual import VirtualClock, VirtualLoop

HOUR = 1 / 24

ONE = """
    salus: {store: memory}
    services:
      web: {process: {command: [/bin/web]}}
    checks:
      web: {http: "http://127.0.0.1:1/", service: web, interval: 10s, timeout: 2s}
    rules:
      web: {actions: [restart_service], cooldown_period: 10s}
"""

CHAIN = """
    salus: {store: memory}
    defaults: {interval: 10s, timeout: 2s}
    services:
      db: {process: {command: [/bin/db]}}
      api: {process: {command: [/bin/api]}}
      web: {process: {command: [/bin/web]}}
    checks:
      db: {tcp: {port: 1}, service: db}
      api: {tcp: {port: 2}, service: api, depends_on: [db]}
      web: {tcp: {port: 3}, service: web, depends_on: [api]}
    rules:
      heal: {all_checks: true, actions: [restart_service], cooldown_period: 10s}
"""


def run(scenario: str, config: str = ONE, *, hours: float = 4.0, seed: int = 1) -> Result:
    """Simulate; no promise may be broken."""
    finished = finish(scenario, config, hours=hours, seed=seed)
    assert finished.violation is None, str(finished.violation)
    return finished.result


def finish(scenario: str, config: str = ONE, *, hours: float = 4.0, seed: int = 1) -> Finished:
    """Simulate, whatever comes of it."""
    return simulate(
        Order(
            settings=loads(dedent(config)),
            source=scenario_from(dedent(scenario)),
            days=hours * HOUR,
            seed=seed,
        )
    )


def clock() -> VirtualClock:
    """Return a clock that shows the beginning."""
    return VirtualClock(VirtualLoop())
