"""What every room of tests shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# `make test` must give the same answer twice; HYPOTHESIS_PROFILE=explore looks for what it has not seen yet.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--dist loadgroup`` a file is one piece of work unless it says otherwise, and the longest begin first.

    A long test that begins last would be waited for by everybody else.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name}/{item.path.stem}"))
    usual = float(config.getini("timeout"))

    def longest_first(item: pytest.Item) -> float:
        marker = item.get_closest_marker("timeout")
        return -float(marker.args[0] if marker else usual)

    items.sort(key=longest_first)
