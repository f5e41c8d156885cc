"""A number of a check over time, as a picture that other pages may show."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

import msgspec

from salus.errors import NotFoundError
from salus.model.history import Series
from salus.ports import Clock, View
from salus.ports.history import History
from salus.surfaces.api.badge import SVG
from salus.surfaces.api.queries import Query, Word, read
from salus.surfaces.api.table import Group, get
from salus.surfaces.asked import Asked
from salus.surfaces.charts import GUTTER, curve, standalone
from salus.surfaces.http import Response

_HEIGHT = 200
_POINT = 5  # pixels
# A picture loads nothing and runs nothing; its colours are written in it.
_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)


class ChartQuery(Query, frozen=True, kw_only=True):
    """A number over time.

    Attributes:
        metric: name of the number; ``duration`` is how long the looks took.
        hours: how far back.
        width: of the picture, in pixels.
    """

    metric: Word = "duration"
    hours: Annotated[int, msgspec.Meta(ge=1, le=24 * 366)] = 24
    width: Annotated[int, msgspec.Meta(ge=240, le=2400)] = 720


class ChartRequests:
    """Draws what was seen."""

    def __init__(self, view: View, history: History, clock: Clock) -> None:
        """Draw the past; ``view`` knows which checks there are."""
        self._view = view
        self._history = history
        self._clock = clock

    async def chart(self, asked: Asked) -> Response:
        """Draw one number of a check; a number that was never seen is an empty drawing."""
        query = read(asked.query, ChartQuery)
        if self._view.check(asked.name) is None:
            raise NotFoundError(f"there is no check {asked.name[:200]!r}", remedy="GET /api/v1/checks lists them")
        until = self._clock.now()
        since = until - timedelta(hours=query.hours)
        points = max(24, (query.width - GUTTER) // _POINT)
        series = await self._history.series(asked.name, query.metric, since=since, until=until, points=points)
        drawn = await asyncio.to_thread(_drawn, series, query.width)
        return Response(200, SVG, drawn, _HEADERS)


def _drawn(series: Series, width: int) -> bytes:
    drawing = curve(series, height=_HEIGHT, heading=f"{series.check} · {series.metric}", width=width)
    return standalone(drawing, width, _HEIGHT, left=GUTTER).encode()


CHARTS = (
    Group(
        "checks",
        "",
        ChartRequests,
        (
            get(
                "/charts/{check}.svg",
                "Draw a number of a check over time.",
                ChartRequests.chart,
                "",
                query=ChartQuery,
                media=SVG,
                shown=True,
                more=(503,),
            ),
        ),
    ),
)
