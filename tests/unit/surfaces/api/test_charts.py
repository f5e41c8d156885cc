"""A number over time, as a picture of the API."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from salus.errors import NotFoundError
from salus.model import Role, Status
from salus.model.history import Day, Point, Series, Times
from salus.surfaces.api.charts import CHARTS, ChartRequests
from salus.surfaces.api.table import Router
from salus.surfaces.asked import Asked
from salus.surfaces.http import Refused, Response
from tests.fake_agent import NOW, FakeView, FixedClock, check

TEXT = "{http://www.w3.org/2000/svg}text"


@dataclass
class FakeHistory:
    """Knows one number."""

    asked: list[tuple[str, str, datetime, datetime, int]] = field(default_factory=list)

    async def days(self, checks: Collection[str] | None = None, *, since: date) -> Mapping[str, Sequence[Day]]:
        return {}

    async def series(self, check: str, metric: str, *, since: datetime, until: datetime, points: int = 120) -> Series:
        self.asked.append((check, metric, since, until, points))
        at = NOW - timedelta(minutes=5)
        known = (Point(at=at, looks=1, low=0.01, mean=0.02, high=0.03, status=Status.HEALTHY),)
        shown = known if metric == "duration" else ()
        return Series(check=check, metric=metric, unit="seconds", since=since, until=until, points=shown)

    async def metrics(self, check: str, *, since: datetime) -> Sequence[str]:
        return ("duration",)

    async def whole(self, *, since: date) -> Sequence[Day]:
        return ()

    async def lately(self, checks: Collection[str] | None = None, *, since: datetime) -> Mapping[str, Times]:
        return {}


async def drawn(name: str, history: FakeHistory, **query: str) -> Response:
    room = ChartRequests(FakeView([check(name)]), history, FixedClock(NOW))
    endpoint, found, asked = Router(CHARTS, {ChartRequests: room}).find("GET", f"/api/v1/charts/{name}.svg")
    assert endpoint.does is not None
    answer = await endpoint.does(found, Asked(name=asked, query=query))
    assert isinstance(answer, Response)
    return answer


async def test_a_number_of_a_check_is_a_picture_that_other_pages_may_show() -> None:
    history = FakeHistory()
    answer = await drawn("web", history)
    headers = dict(answer.headers)
    assert answer.media == "image/svg+xml"
    assert headers[b"content-security-policy"] == (
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    )
    assert headers[b"cross-origin-resource-policy"] == b"cross-origin"
    assert history.asked == [("web", "duration", NOW - timedelta(hours=24), NOW, 133)]
    words = [one.text for one in ET.fromstring(answer.body).iter(TEXT)]
    assert words[:2] == ["web · duration", "20 ms"]


async def test_the_number_the_time_and_the_width_can_be_chosen() -> None:
    history = FakeHistory()
    answer = await drawn("web", history, metric="rss", hours="168", width="360")
    assert history.asked == [("web", "rss", NOW - timedelta(days=7), NOW, 61)]
    root = ET.fromstring(answer.body)
    assert root.attrib["width"] == "360"
    assert "nothing was seen in this time" in [one.text for one in root.iter(TEXT)]


async def test_names_full_of_markup_stay_names() -> None:
    root = ET.fromstring((await drawn("<&\"'>", FakeHistory(), metric="</svg><script>")).body)
    assert "<&\"'> · </svg><script>" in [one.text for one in root.iter(TEXT)]


@pytest.mark.parametrize("query", [{"hours": "0"}, {"hours": "9000"}, {"width": "1"}, {"hours": "x"}, {"color": "red"}])
async def test_what_is_not_understood_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Refused, match="422"):
        await drawn("web", FakeHistory(), **query)


async def test_a_check_that_is_not_there_has_no_picture() -> None:
    room = ChartRequests(FakeView([check("web")]), FakeHistory(), FixedClock(NOW))
    with pytest.raises(NotFoundError):
        await room.chart(Asked(name="api"))


def test_who_sees_the_history_sees_the_picture() -> None:
    (endpoint,) = CHARTS[0].endpoints
    assert endpoint.role is Role.VIEWER
    assert endpoint.shown
    assert not endpoint.writes
