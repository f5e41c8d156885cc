"""What tests of drawings share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from hypothesis import strategies as st

from salus.model import Status
from salus.model.history import Point, Series

NOW = datetime(2026, 3, 1, 14, 23, 40, tzinfo=UTC)
H, D, U, K = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY, Status.UNKNOWN

statuses = st.sampled_from(Status)
hostile = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '" onload="x',
            "]]>&amp;&#0;",
            "\x00\x1b\ud800\uffff\u202egpj",
            "x" * 5000,
            "名前" * 40,
            "'><style>*{}</style>",
        ]
    ),
)


def parsed(drawing: str) -> ET.Element:
    """Read a drawing as XML, and see that it keeps the rules of all of them."""
    drawing.encode()
    root = ET.fromstring(drawing)
    for one in root.iter():
        assert one.tag in {"svg", "g", "a", "path", "rect", "text", "title"}
        assert not {"style", "id", "fill-color"} & set(one.attrib)
        assert not any(name.startswith("on") for name in one.attrib)
        assert "nan" not in one.attrib.get("d", "") + one.attrib.get("width", "")
    assert root.attrib.get("aria-hidden") == "true" or root.attrib["aria-label"]
    return root


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in root.iter() if name in one.attrib.get("class", "").split()]


def titles(root: ET.Element) -> list[str]:
    return [one.text or "" for one in root.iter("title")]


def spots(path: str) -> list[tuple[float, float]]:
    """Return what a path with absolute moves and lines goes through."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


def series(
    values: Sequence[float | None],
    *,
    unit: str = "seconds",
    hours: float = 1.0,
    status: Callable[[int], Status] = lambda _: H,
    check: str = "web",
    metric: str = "duration",
) -> Series:
    since = NOW - timedelta(hours=hours)
    step = timedelta(hours=hours) / max(1, len(values))
    points = tuple(
        Point(at=since + place * step, looks=2, low=value * 0.9, mean=value, high=value * 1.1, status=status(place))
        for place, value in enumerate(values)
        if value is not None
    )
    return Series(check=check, metric=metric, unit=unit, since=since, until=NOW, points=points)
