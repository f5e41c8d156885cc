"""How long something took, as a person reads it."""

from __future__ import annotations

import pytest

from salus.units import format_duration


@pytest.mark.parametrize(
    "seconds,text",
    [
        (0, "0.0 ms"),
        (0.0019, "1.9 ms"),
        (0.34, "340 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (1, "1 s"),
        (5400, "1h30m"),
    ],
)
def test_a_duration_never_shows_a_thousand_milliseconds(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
