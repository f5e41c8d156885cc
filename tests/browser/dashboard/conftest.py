"""What the tests of the dashboard share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.dashboard.everything import Everything


@pytest.fixture(scope="package")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    """A real Salus in which there is everything; whoever changes it leaves enough for the others."""
    opened = Everything(tmp_path_factory.mktemp("everything"))
    try:
        opened.open()
        yield opened
    finally:
        opened.close()
