"""Sites that the tests of this room share: starting one takes a moment, and most tests only ask it things."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.proxy.site import Site


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Salus that believes the proxy before it."""
    opened = Site(tmp_path_factory.mktemp("site"))
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def token(site: Site) -> str:
    """A token of an operator."""
    return site.token()


@pytest.fixture(scope="package")
def unbelieving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Salus that was told of no proxy, though there is one."""
    opened = Site(
        tmp_path_factory.mktemp("unbelieving"), trusted="[]", config="  url: https://status.example.org/how-we-are\n"
    )
    yield opened
    opened.close()
