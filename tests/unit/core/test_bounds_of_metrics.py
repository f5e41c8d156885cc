"""Numbers that metrics are compared with, as people write them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.units import Bound


@pytest.mark.parametrize(
    "raw, expected",
    [
        (5, 5.0), (-0.5, -0.5), ("5", 5.0), ("-0.5", -0.5), ("15%", 0.15), (" 150 % ", 1.5), ("-1%", -0.01),
        ("512MiB", 512 * 2.0**20), ("1GB", 1e9), ("1h30m", 5400.0), ("500ms", 0.5),
    ],
)  # fmt: skip
def test_a_bound_is_read_in_the_unit_of_metrics(raw: object, expected: float) -> None:
    assert Bound.parse(raw) == pytest.approx(expected)


@pytest.mark.parametrize("raw", ["", "high", "15 percent", "-5m", "5 m", "%", "1e3", True, None, [1], {}])
def test_what_is_no_bound_is_refused(raw: object) -> None:
    with pytest.raises(ValueError, match="is not a number: write it like"):
        Bound.parse(raw)


@given(st.text())
def test_any_text_is_a_bound_or_a_value_error(text: str) -> None:
    with suppress(ValueError, OverflowError):
        assert isinstance(Bound.parse(text), float)
