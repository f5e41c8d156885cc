"""The graph of what depends on what."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from salus.model import Role, Status
from salus.surfaces.dashboard.views.dependencies import MOST_DRAWN, Knot, Net
from tests.fake_agent import WEB_SERVICE, check
from tests.fake_api import FakeApi
from tests.visitor import Visitor


async def visitor_of(*reports: object) -> Visitor:
    api = FakeApi()
    api.view.reports = list(reports)  # type: ignore[arg-type]
    api.view.service_list = [replace(WEB_SERVICE, name="web")]
    return await Visitor(api).sign_in(Role.VIEWER)


CHAIN = (
    check("a", depends_on=("b",)),
    check("b", Status.UNHEALTHY, "down", depends_on=("c",)),
    check("c", service="web"),
    check("lonely"),
)


async def test_what_hangs_together_is_drawn_and_what_stands_alone_is_not() -> None:
    page = await (await visitor_of(*CHAIN)).page("/dependencies")
    assert {"/health-dashboard/checks/a", "/health-dashboard/services/web"} <= set(page.links)
    assert "lonely" not in page.words
    assert "b Unhealthy c" in page.words


async def test_one_check_is_shown_with_what_it_stands_on_and_what_stands_on_it() -> None:
    visitor = await visitor_of(*CHAIN, check("x", depends_on=("c",)))
    words = (await visitor.page("/dependencies?focus=b")).words.partition("As a list")[2]
    assert [name for name in ("a", "b", "c", "x") if f" {name} " in words] == ["a", "b", "c"]
    assert (await visitor.get("/dependencies?focus=nobody")).code == 404


async def test_where_nothing_depends_on_anything_the_page_says_how_to_say_so() -> None:
    api = FakeApi()
    api.view.reports, api.view.service_list = [check("a")], []
    page = await (await Visitor(api).sign_in(Role.VIEWER)).page("/dependencies")
    assert "depends_on" in page.words


async def test_circles_are_drawn_too() -> None:
    visitor = await visitor_of(check("a", depends_on=("b",)), check("b", depends_on=("a",)))
    assert (await visitor.get("/dependencies?focus=a")).code == 200


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=500), st.sets(st.integers(0, 400)))
def test_of_too_many_the_worst_are_drawn_with_their_neighbours(pairs: list[tuple[int, int]], bad: set[int]) -> None:
    names = {str(number) for pair in pairs for number in pair}
    knots = {name: Knot(name, Status.UNHEALTHY if int(name) in bad else Status.HEALTHY, "/") for name in names}
    net = Net(knots, [(str(one), str(other)) for one, other in pairs]).worst(MOST_DRAWN)
    assert len(net.knots) == min(len(names), MOST_DRAWN)
    assert all(one in net.knots and other in net.knots for one, other in net.edges)
    if len([name for name in names if int(name) in bad]) <= MOST_DRAWN:
        assert {name for name in names if int(name) in bad} <= set(net.knots)
