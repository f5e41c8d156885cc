"""Where the boxes of a graph stand: layers become columns, parts that hang together are packed into rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from salus.surfaces.charts.layers import Layered, Pair, layered

_ROUNDS = 4
_STIFF = 4.0  # how much more a bend wants to go straight than a node wants to be near


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How large things are, in pixels."""

    wide: float
    high: float = 36.0
    across: float = 64.0
    down: float = 14.0
    bend: float = 12.0
    parts: float = 28.0


@dataclass(frozen=True, slots=True)
class Route:
    """The way of an edge: the left upper corners of boxes and the bends between, from the left to the right.

    Attributes:
        edge: its number.
        turned: it runs from the right to the left: it closes a circle.
        spots: its first is the box at the left, its last the box at the right, the rest are bends (their middle).
    """

    edge: int
    turned: bool
    spots: list[tuple[float, float]]


@dataclass(slots=True)
class Placed:
    """Where everything is; ``spots`` are the left upper corners of the boxes."""

    width: float
    height: float
    spots: list[tuple[float, float]]
    routes: list[Route] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    """Boxes that hang together, placed among themselves."""

    width: float
    height: float
    spots: dict[int, tuple[float, float]]
    routes: list[Route]


def place(count: int, edges: Sequence[Pair], sizes: Sizes, width: float) -> Placed:
    """Place a graph.

    1. Parts that hang together are put in layers, each by itself.
    2. The tallest comes first; parts stand beside each other while there is room, then in the next row.
    3. Nodes without edges come last, in a grid.

    Args:
        count: of nodes.
        edges: from, to; none twice, none from a node to itself.
        sizes: of the boxes and between them.
        width: how wide it should become; what hangs together may be wider.
    """
    groups, single = _parts(count, edges)
    parts = [_place_part(nodes, own, edges, sizes) for nodes, own in groups]
    parts.sort(key=lambda part: -part.height)
    found = Placed(0.0, 0.0, [(0.0, 0.0)] * count)
    x = y = row = 0.0
    for part in parts:
        if x and x + part.width > width:
            x, y, row = 0.0, y + row + sizes.parts, 0.0
        _put(found, part, x, y)
        x += part.width + sizes.parts
        row = max(row, part.height)
    _grid(found, single, sizes, width, y + row + sizes.parts if parts else 0.0)
    return found


def _parts(count: int, edges: Sequence[Pair]) -> tuple[list[tuple[list[int], list[int]]], list[int]]:
    """Return what hangs together, as nodes and numbers of edges, and the nodes without edges."""
    head = list(range(count))

    def find(node: int) -> int:
        while head[node] != node:
            head[node] = head[head[node]]
            node = head[node]
        return node

    for start, end in edges:
        one, other = find(start), find(end)
        head[max(one, other)] = min(one, other)
    nodes: dict[int, list[int]] = {}
    for node in range(count):
        nodes.setdefault(find(node), []).append(node)
    own: dict[int, list[int]] = {}
    for number, (start, _) in enumerate(edges):
        own.setdefault(find(start), []).append(number)
    single = [some[0] for some in nodes.values() if len(some) == 1]
    return [(some, own[root]) for root, some in nodes.items() if len(some) > 1], single


def _place_part(nodes: Sequence[int], own: Sequence[int], edges: Sequence[Pair], sizes: Sizes) -> _Part:
    local = {node: place for place, node in enumerate(nodes)}
    graph = layered(len(nodes), [(local[edges[one][0]], local[edges[one][1]]) for one in own])
    middles = _middles(graph, len(nodes), sizes)
    pitch = sizes.wide + sizes.across
    column = {node: place for place, layer in enumerate(graph.layers) for node in layer}

    def spot(node: int) -> tuple[float, float]:
        return column[node] * pitch, middles[node] - (sizes.high / 2 if node < len(nodes) else 0.0)

    routes = [
        Route(number, turned, [spot(node) for node in route])
        for number, turned, route in zip(own, graph.turned, graph.routes, strict=True)
    ]
    spots = {node: spot(local[node]) for node in nodes}
    height = max(middles) + sizes.high / 2
    return _Part(len(graph.layers) * pitch - sizes.across, height, spots, routes)


def _middles(graph: Layered, nodes: int, sizes: Sizes) -> list[float]:
    """Choose how far down the middle of each node and bend is: near its neighbours, in order, with room between."""
    own = [sizes.high + sizes.down if node < nodes else sizes.bend for node in range(len(graph.before))]
    stiff = [
        _STIFF if node >= nodes or any(one >= nodes for one in graph.before[node] + graph.after[node]) else 1.0
        for node in range(len(own))
    ]
    middle = [0.0] * len(own)
    offsets = []
    for layer in graph.layers:
        offset = [0.0]
        for above, below in pairwise(layer):
            offset.append(offset[-1] + (own[above] + own[below]) / 2)
        offsets.append(offset)
        for node, far in zip(layer, offset, strict=True):
            middle[node] = far - offset[-1] / 2
    for turn in range(_ROUNDS):
        ahead = turn % 2 == 0
        near = graph.before if ahead else graph.after
        order = range(len(graph.layers)) if ahead else range(len(graph.layers) - 1, -1, -1)
        for at in order:
            layer, offset = graph.layers[at], offsets[at]
            around = [near[node] if turn < _ROUNDS - 1 else graph.before[node] + graph.after[node] for node in layer]
            wanted = [
                (sum([middle[one] for one in some]) / len(some) if some else middle[node]) - far
                for node, some, far in zip(layer, around, offset, strict=True)
            ]
            for node, value, far in zip(layer, rising(wanted, [stiff[one] for one in layer]), offset, strict=True):
                middle[node] = value + far
    top = min(
        (middle[node] - (sizes.high / 2 if node < nodes else sizes.bend / 2) for node in range(len(own))), default=0.0
    )
    return [one - top for one in middle]


def rising(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the numbers nearest to the wanted ones of which none is smaller than the one before it.

    The pool of adjacent violators: neighbours in the wrong order are put at their common mean, and that again with
    the ones before (Barlow et al., 1972).
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(wanted, weights, strict=True):
        mean, heavy, many = value, weight, 1
        while pools and pools[-1][0] > mean:
            before, its, count = pools.pop()
            mean = (before * its + mean * heavy) / (its + heavy)
            heavy, many = heavy + its, many + count
        pools.append((mean, heavy, many))
    return [mean for mean, _, many in pools for _ in range(many)]


def _put(found: Placed, part: _Part, x: float, y: float) -> None:
    for node, (left, top) in part.spots.items():
        found.spots[node] = (x + left, y + top)
    for route in part.routes:
        spots = [(x + left, y + top) for left, top in route.spots]
        found.routes.append(Route(route.edge, route.turned, spots))
    found.width = max(found.width, x + part.width)
    found.height = max(found.height, y + part.height)


def _grid(found: Placed, single: Sequence[int], sizes: Sizes, width: float, y: float) -> None:
    gap = sizes.down * 1.5
    columns = max(1, int((width + gap) // (sizes.wide + gap)))
    for place_, node in enumerate(single):
        row, column = divmod(place_, columns)
        spot = (column * (sizes.wide + gap), y + row * (sizes.high + sizes.down))
        found.spots[node] = spot
        found.width = max(found.width, spot[0] + sizes.wide)
        found.height = max(found.height, spot[1] + sizes.high)
