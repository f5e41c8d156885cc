"""Behind the question mark may stand signs that look like digits and are none, and numbers beyond all bounds."""

from __future__ import annotations

import pytest

from salus.model import Role
from tests.fake_api import FakeApi
from tests.visitor import Visitor

ODD = ("%C2%B2", "%D9%A3", "-1", "1e9", "99999999999999999999", "0x1", "%00", "'")


@pytest.mark.parametrize("path", ["/", "/services", "/alerts", "/tokens", "/maintenance"])
@pytest.mark.parametrize("name", ["page", "refresh"])
async def test_what_is_no_number_says_nothing(path: str, name: str) -> None:
    api = FakeApi()
    await api.fill()
    visitor = await Visitor(api).sign_in(Role.ADMIN)
    for odd in ODD:
        assert (await visitor.get(f"{path}?{name}={odd}")).code == 200, odd


@pytest.mark.parametrize("path", ["/audit?after=", "/audit?tab=events&after=", "/alerts?tab=ended&after="])
async def test_a_cursor_that_is_none_is_refused_and_never_a_bug(path: str) -> None:
    api = FakeApi()
    await api.fill()
    visitor = await Visitor(api).sign_in(Role.ADMIN)
    for odd in ODD:
        assert (await visitor.get(path + odd)).code in (200, 422), odd
