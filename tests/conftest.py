"""What every room of tests shares."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# `make test` must give the same answer twice; HYPOTHESIS_PROFILE=explore looks for what it has not seen yet.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


_ROOMS_WITH_SERVERS = ("tests/integration/systems/", "tests/integration/brokers/")
_OF_THEIR_OWN = ("/test_smtp_check.py", "/test_websocket_check.py")


class _SideBySide(LoadScopeScheduling):  # type: ignore[misc]
    """Deals out a file at a time, or a room that shares servers (``--dist loadgroup``)."""

    def _split_scope(self, nodeid: str) -> str:
        if "::test_killed_a_hundred_times" in nodeid:
            return "starts"  # each of them takes a core for a minute: one at a time
        file = nodeid.partition("::")[0]
        if file.startswith(_ROOMS_WITH_SERVERS) and not file.endswith(_OF_THEIR_OWN):
            return file.rpartition("/")[0]  # so that its servers are started once
        return nodeid if file == "tests/scenarios/test_scenarios.py" else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Keep a file together, for the order of its tests and what they share; a scenario stands for itself."""
    return _SideBySide(config, log) if config.getoption("dist") == "loadgroup" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what may take longest where tests run side by side: whoever began it last would be waited for."""
    if not getattr(config.option, "loadgroup", False):
        return
    usual = float(config.getini("timeout"))

    def longest_first(item: pytest.Item) -> float:
        marker = item.get_closest_marker("timeout")
        return -float(marker.args[0] if marker else usual)

    items.sort(key=longest_first)
