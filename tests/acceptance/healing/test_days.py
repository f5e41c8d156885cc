"""The real command: the days of a check are whole over a ``kill -9`` and a stop, and curves are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.salus_process import SalusProcess, eventually, nothing_may_happen_for

TIMES = ("healthy", "degraded", "unhealthy", "unknown")


def days(salus: SalusProcess) -> list[dict[str, Any]]:
    """Return the days of the check."""
    code, told = salus.ask("GET", "/api/v1/checks/marker/days")
    assert code == 200
    found: list[dict[str, Any]] = told["days"]
    return found


def seconds(salus: SalusProcess, status: str) -> float:
    return sum(float(day[status]) for day in days(salus))


@pytest.mark.alone
@pytest.mark.timeout(90)
def test_the_seconds_of_a_check_survive_a_kill_and_a_stop(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    agent = SalusProcess(
        tmp_path, f"checks: {{marker: {{file: {{path: {marker}}}, interval: 100ms, retry_interval: 100ms}}}}\n"
    )
    # Each look is kept, and so a sign that a Salus ran.
    agent.config.write_text(agent.config.read_text().replace("{listen", "{observe_every: 100ms, listen"))
    try:
        _live_and_die(agent, marker)
    finally:
        agent.close()


def _live_and_die(agent: SalusProcess, marker: Path) -> None:
    agent.start()
    agent.ready()
    eventually(lambda: seconds(agent, "healthy") > 1.0, what="a healthy second")
    marker.unlink()
    eventually(lambda: seconds(agent, "unhealthy") > 1.0, what="an unhealthy second")
    nothing_may_happen_for(0.5)  # what happened is written within a moment
    before = {status: seconds(agent, status) for status in TIMES}
    agent.kill()
    nothing_may_happen_for(2.0)
    agent.start()
    agent.ready()

    def made_up() -> bool:
        return seconds(agent, "unknown") >= before["unknown"] + 1.5

    eventually(made_up, what=f"the time without a Salus\n{agent.log[-2000:]}")
    assert seconds(agent, "healthy") == pytest.approx(before["healthy"], abs=0.5)
    assert seconds(agent, "unhealthy") >= 0.8  # up to the last row before the kill
    eventually(lambda: sum(day["looks"] for day in days(agent)) > 5, what="looks")
    looks = sum(day["looks"] for day in days(agent))
    healthy = seconds(agent, "healthy")
    assert agent.stop() == 0
    agent.start()
    agent.ready()
    eventually(lambda: sum(day["looks"] for day in days(agent)) > looks, what="the looks of both lives")
    assert seconds(agent, "healthy") == pytest.approx(healthy, abs=0.5)
    code, told = agent.ask("GET", "/api/v1/checks/marker/series?points=10")
    assert (code, told["unit"], bool(told["points"])) == (200, "seconds", True)
    code, told = agent.ask("GET", "/api/v1/availability")
    (item,) = [one for one in told["items"] if one["name"] == "marker"]
    assert 0 < item["day"]["availability"] < 1
    assert item["week"]["availability"] == pytest.approx(item["day"]["availability"], abs=0.3)
