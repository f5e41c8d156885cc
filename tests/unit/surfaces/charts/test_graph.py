"""The graph of what depends on what."""

from __future__ import annotations

import random
import re
import time
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from salus.surfaces.charts import Node, graph
from salus.surfaces.charts.layers import Pair, layered
from salus.surfaces.charts.placing import Sizes, place, rising
from tests.unit.surfaces.charts.drawn import D, H, K, U, hostile, of_class, parsed, statuses, titles

SIZES = Sizes(wide=100.0)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[Pair]]:
    count = draw(st.integers(0, 25))
    one = st.integers(0, max(0, count - 1))
    pairs = draw(st.lists(st.tuples(one, one), max_size=60)) if count else []
    return count, [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]


def chain(count: int) -> list[Node]:
    return [Node(name=f"n{number}", status=H) for number in range(count)]


@given(graphs())
def test_boxes_never_lie_on_each_other_and_all_is_inside(made: tuple[int, list[Pair]]) -> None:
    count, pairs = made
    found = place(count, pairs, SIZES, 500.0)
    for (x, y), (other_x, other_y) in combinations(found.spots, 2):
        assert abs(x - other_x) >= SIZES.wide or abs(y - other_y) >= SIZES.high - 0.01
    for x, y in found.spots:
        assert -0.01 <= x <= found.width - SIZES.wide + 0.01
        assert -0.01 <= y <= found.height - SIZES.high + 0.01


@given(graphs())
def test_edges_go_to_the_right_except_those_that_close_a_circle(made: tuple[int, list[Pair]]) -> None:
    count, pairs = made
    found = place(count, pairs, SIZES, 500.0)
    assert sorted(route.edge for route in found.routes) == list(range(len(pairs)))
    for route in found.routes:
        start, end = pairs[route.edge][::-1] if route.turned else pairs[route.edge]
        assert route.spots[0] == found.spots[start]
        assert route.spots[-1] == found.spots[end]
        assert all(before[0] < after[0] for before, after in pairwise(route.spots))


@given(graphs())
def test_bends_run_through_no_box(made: tuple[int, list[Pair]]) -> None:
    found = place(*made, SIZES, 500.0)
    bends = [spot for route in found.routes for spot in route.spots[1:-1]]
    for left, middle in bends:
        for x, y in found.spots:
            assert abs(x - left) >= SIZES.wide or not y < middle < y + SIZES.high


def test_crossings_that_can_be_avoided_are_avoided() -> None:
    found = layered(6, [(0, 5), (1, 4), (2, 3)])
    left, right = found.layers
    partner = {0: 5, 1: 4, 2: 3}
    assert [partner[node] for node in left] == right


def test_only_edges_that_close_a_circle_are_turned() -> None:
    assert layered(3, [(0, 1), (1, 2), (0, 2)]).turned == [False, False, False]
    assert layered(3, [(0, 1), (1, 2), (2, 0)]).turned == [False, False, True]


def test_a_circle_is_drawn_and_told_apart_by_its_dashes() -> None:
    root = parsed(graph(chain(3), [("n0", "n1"), ("n1", "n2"), ("n2", "n0"), ("n0", "n0")]))
    assert len(of_class(root, "c-circle")) == 1
    assert root.attrib["aria-label"] == "3 checks, 3 dependencies: 3 healthy"


@given(
    st.lists(st.tuples(hostile, statuses, hostile), max_size=12, unique_by=lambda one: one[0]),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20),
    st.sampled_from([300.0, 1100.0]),
)
def test_a_graph_is_well_formed_however_its_checks_are_called(
    told: list[tuple[str, str, str]], pairs: list[Pair], width: float
) -> None:
    nodes = [Node(name=name, status=status, href=href) for name, status, href in told]  # type: ignore[arg-type]
    known = [(nodes[one].name, nodes[other].name) for one, other in pairs if max(one, other) < len(nodes)]
    root = parsed(graph(nodes, [*known, ("nobody", "nothing")], width))
    assert len(titles(root)) == len(nodes)


def test_a_graph_with_links_is_no_picture_for_who_cannot_see_it() -> None:
    root = parsed(graph([Node(name="web", status=U, href="/checks/web?a&b"), Node(name="db", status=K)], []))
    assert root.attrib["role"] == "group"
    (link,) = root.iter("a")
    assert link.attrib["href"] == "/checks/web?a&b"
    assert link.attrib["aria-label"] == "web: unhealthy"
    assert parsed(graph(chain(1), [])).attrib["role"] == "img"


def test_lines_to_what_is_in_trouble_have_its_colour() -> None:
    nodes = [Node(name="web", status=D), Node(name="db", status=U), Node(name="dns", status=K)]
    root = parsed(graph(nodes, [("web", "db"), ("web", "dns")]))
    assert len([one for one in of_class(root, "c-edge") if "c-unhealthy" in one.attrib["class"]]) == 2
    assert titles(root)[0] == "web: degraded, depends on db, dns"


def test_nothing_and_one_are_graphs_too() -> None:
    assert parsed(graph([], [])).attrib["aria-label"] == "no checks"
    assert parsed(graph(chain(1), [])).attrib["aria-label"] == "1 check, no dependencies: 1 healthy"


def test_what_hangs_together_nowhere_is_wrapped_to_the_width() -> None:
    assert place(40, [], SIZES, 500.0).width <= 500
    pairs = [(number, number + 1) for number in range(0, 40, 2)]
    assert place(40, pairs, SIZES, 700.0).width <= 700


def test_the_same_checks_make_the_same_drawing() -> None:
    nodes, edges = two_hundred()
    assert graph(nodes, edges) == graph(nodes, list(edges))


def test_two_hundred_checks_are_drawn_soon() -> None:
    nodes, edges = two_hundred()
    began = time.process_time()
    drawing = graph(nodes, edges)
    assert time.process_time() - began < 0.5  # 20 ms where it was written
    assert len(re.findall("<title>", drawing)) == 200


def test_long_edges_in_a_long_chain_cost_little() -> None:
    chance = random.Random(1)
    edges = [(f"n{number}", f"n{number + 1}") for number in range(199)]
    edges += [(f"n{min(pair)}", f"n{max(pair)}") for pair in (chance.sample(range(200), 2) for _ in range(200))]
    began = time.process_time()
    parsed(graph(chain(200), edges))
    assert time.process_time() - began < 0.5


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.5, 8)), max_size=30))
def test_numbers_brought_into_order_rise_and_keep_their_weighted_sum(made: list[tuple[float, float]]) -> None:
    wanted, weights = [value for value, _ in made], [weight for _, weight in made]
    found = rising(wanted, weights)
    assert all(before <= after for before, after in pairwise(found))
    before = sum(value * weight for value, weight in made)
    after = sum(value * weight for value, weight in zip(found, weights, strict=True))
    assert abs(before - after) <= 1e-6 * (1 + sum(abs(value * weight) for value, weight in made))


def two_hundred() -> tuple[list[Node], list[tuple[str, str]]]:
    chance = random.Random(2)
    nodes = [Node(name=f"n{number}", status=chance.choice([H, D, U, K]), href="#") for number in range(200)]
    pairs = [sorted(chance.sample(range(200), 2)) for _ in range(400)]
    return nodes, [(f"n{start}", f"n{end}") for start, end in pairs]
