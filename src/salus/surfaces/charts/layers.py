"""A graph in layers: everything lies to the left of what it points to (after Sugiyama, Tagawa and Toda, 1981).

1. Edges that close a circle are turned round, so that there are none.
2. A node lies behind the longest path that leads to it; then it moves towards what it points to, where that
   makes more edges shorter than longer.
3. A long edge goes through a bend in each layer between; edges to one target share their bends, as wires do.
4. Nodes of a layer are put in the order of the mean place of their neighbours, to the right and back a few times;
   the order with the fewest crossings is kept.

Nodes are numbers from 0; bends are numbers behind them. All is decided by the order in which nodes and edges are given.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

Pair: TypeAlias = tuple[int, int]

_SWEEPS = 6
_MOST_BENDS = 1500
_STRAIGHT = 5  # where there would be more bends than that, edges over more layers go straight


@dataclass(slots=True)
class Layered:
    """A graph in layers.

    Attributes:
        layers: from the left to the right, each from the top to the bottom.
        before, after: of each node and bend, its neighbours in the layers at its left and right.
        routes: of each edge, its nodes and bends from the left to the right.
        turned: of each edge, whether it was turned round.
    """

    layers: list[list[int]]
    before: list[list[int]]
    after: list[list[int]]
    routes: list[list[int]] = field(default_factory=list)
    turned: list[bool] = field(default_factory=list)


def layered(count: int, edges: Sequence[Pair]) -> Layered:
    """Put a graph in layers.

    Args:
        count: of nodes.
        edges: from, to; none twice, none from a node to itself.
    """
    circles = _closing(count, edges)
    ahead = [(end, start) if place in circles else (start, end) for place, (start, end) in enumerate(edges)]
    depth = _depths(count, ahead)
    found = _with_bends(depth, ahead, [place in circles for place in range(len(edges))])
    _order(found)
    return found


def _closing(count: int, edges: Sequence[Pair]) -> set[int]:
    """Find the edges that lead back to where one came from, going deep from each node in turn."""
    leaving: list[list[Pair]] = [[] for _ in range(count)]
    entered = [False] * count
    for place, (start, end) in enumerate(edges):
        leaving[start].append((end, place))
        entered[end] = True
    state = bytearray(count)  # 1: on the way, 2: done
    closing: set[int] = set()
    for root in sorted(range(count), key=entered.__getitem__):  # where nothing leads to: the natural beginnings
        if state[root]:
            continue
        state[root] = 1
        way = [(root, iter(leaving[root]))]
        while way:
            node, rest = way[-1]
            for end, place in rest:
                if state[end] == 1:
                    closing.add(place)
                elif not state[end]:
                    state[end] = 1
                    way.append((end, iter(leaving[end])))
                    break
            else:
                state[node] = 2
                way.pop()
    return closing


def _depths(count: int, edges: Sequence[Pair]) -> list[int]:
    after: list[list[int]] = [[] for _ in range(count)]
    entering = [0] * count
    for start, end in edges:
        after[start].append(end)
        entering[end] += 1
    waiting = list(entering)
    line = [node for node in range(count) if not waiting[node]]
    depth = [0] * count
    for node in line:  # it grows while it is walked
        for end in after[node]:
            depth[end] = max(depth[end], depth[node] + 1)
            waiting[end] -= 1
            if not waiting[end]:
                line.append(end)
    for node in reversed(line):
        if len(after[node]) > entering[node]:
            depth[node] = min(depth[end] for end in after[node]) - 1
    return depth


def _with_bends(depth: Sequence[int], edges: Sequence[Pair], turned: list[bool]) -> Layered:
    nodes = len(depth)
    first = min(depth, default=0)
    layers: list[list[int]] = [[] for _ in range(max(depth, default=-1) - first + 1)]
    for node, one in enumerate(depth):
        layers[one - first].append(node)
    found = Layered(layers, [[] for _ in range(nodes)], [[] for _ in range(nodes)], turned=turned)
    straight = sum(depth[end] - depth[start] - 1 for start, end in edges) > _MOST_BENDS
    bends: dict[tuple[int, int, bool], int] = {}
    for place, (start, end) in enumerate(edges):
        route = [start]
        between = range(depth[start] + 1, depth[end])
        for layer in between if not straight or len(between) < _STRAIGHT else ():
            key = (end, layer, turned[place])
            bend = bends.get(key)
            if bend is None:
                bend = bends[key] = len(found.before)
                found.before.append([])
                found.after.append([])
                layers[layer - first].append(bend)
            route.append(bend)
        route.append(end)
        found.routes.append(route)
        if len(route) - 2 == len(between):
            _join(found, route)
    return found


def _join(found: Layered, route: Sequence[int]) -> None:
    for start, end in pairwise(route):
        if end not in found.after[start]:
            found.after[start].append(end)
            found.before[end].append(start)


def _order(found: Layered) -> None:
    """Order the nodes of each layer; keep the best order that was met."""
    _begin(found)
    best = [list(layer) for layer in found.layers]
    fewest = _crossings(found)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        ahead = sweep % 2 == 0
        layers = found.layers if ahead else found.layers[::-1]
        near = found.before if ahead else found.after
        place = {node: spot for layer in layers[:1] for spot, node in enumerate(layer)}
        for layer in layers[1:]:
            own = {node: spot for spot, node in enumerate(layer)}
            keys = {
                node: sum([place[one] for one in near[node]]) / len(near[node]) if near[node] else float(own[node])
                for node in layer
            }
            layer.sort(key=keys.__getitem__)
            place.update((node, spot) for spot, node in enumerate(layer))
        crossings = _crossings(found)
        if crossings < fewest:
            fewest, best = crossings, [list(layer) for layer in found.layers]
    found.layers[:] = best


def _begin(found: Layered) -> None:
    """Begin with an order in which relatives stand together: the one in which going deep meets them."""
    met: dict[int, int] = {}
    for layer in found.layers:
        for root in layer:
            stack = [root]
            while stack:
                node = stack.pop()
                if node not in met:
                    met[node] = len(met)
                    stack += reversed(found.after[node])
    for layer in found.layers:
        layer.sort(key=met.__getitem__)


def _crossings(found: Layered) -> int:
    """Count how often edges between neighbouring layers cross."""
    crossings = 0
    for left, right in pairwise(found.layers):
        place = {node: spot for spot, node in enumerate(right)}
        seen: list[int] = []
        for node in left:
            ends = sorted([place[end] for end in found.after[node]])
            for end in ends:
                crossings += len(seen) - bisect_right(seen, end)
            for end in ends:
                insort(seen, end)
    return crossings
