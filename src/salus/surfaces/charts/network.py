"""What depends on what, as a graph: at the left what people see, to the right what it stands on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from salus.model import Status
from salus.surfaces.charts.icons import STATUS_PATHS
from salus.surfaces.charts.placing import Placed, Route, Sizes, place
from salus.surfaces.charts.svg import WORST, counted, elide, frame, number, text

_EDGE = 2.0  # room for the lines of the boxes
_TIP, _HALF = 7.0, 3.5
_NAME, _ICON = 12.5, 34.0
_PHONE = 560.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box.

    Attributes:
        name: unique among them.
        status: its colour and its icon.
        href: where it leads to; empty: nowhere.
    """

    name: str
    status: Status
    href: str = ""


def graph(nodes: Sequence[Node], edges: Iterable[tuple[str, str]], width: float = 1100.0) -> str:
    """Draw what depends on what.

    Args:
        nodes: in the order that decides where there is a choice.
        edges: name of a node, name of what it depends on; such with names that are not there are left out.
        width: how wide it should become; what hangs together may be wider, and parts are wrapped to it.
    """
    numbers = {node.name: place for place, node in enumerate(nodes)}
    known = [(numbers[one], numbers[other]) for one, other in edges if one in numbers and other in numbers]
    pairs = list(dict.fromkeys(pair for pair in known if pair[0] != pair[1]))
    sizes = Sizes(wide=168.0) if width >= _PHONE else Sizes(wide=118.0, across=34.0)
    placed = place(len(nodes), pairs, sizes, width - 2 * _EDGE)
    below: dict[int, list[str]] = {}
    for start, end in pairs:
        below.setdefault(start, []).append(nodes[end].name)
    body = [f'<g transform="translate({_EDGE:.0f} {_EDGE:.0f})">', *_edges(nodes, pairs, placed, sizes)]
    body += [_box(node, below.get(at, []), placed.spots[at], sizes) for at, node in enumerate(nodes)]
    wide, high = number(placed.width + 2 * _EDGE), number(placed.height + 2 * _EDGE)
    role = "group" if any(node.href for node in nodes) else "img"
    size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    return frame([*body, "</g>"], label=_label(nodes, len(pairs)), kind="c-graph", size=size, role=role)


def _label(nodes: Sequence[Node], edges: int) -> str:
    if not nodes:
        return "no checks"
    checks = "1 check" if len(nodes) == 1 else f"{len(nodes)} checks"
    lines = {0: "no dependencies", 1: "1 dependency"}.get(edges, f"{edges} dependencies")
    return f"{checks}, {lines}: {counted(node.status for node in nodes)}"


# ── edges ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _edges(nodes: Sequence[Node], pairs: Sequence[tuple[int, int]], placed: Placed, sizes: Sizes) -> Iterator[str]:
    """Draw the lines in the colour of what they lead to, where that is in trouble; the worst on top."""
    drawn: dict[tuple[int, bool], dict[str, None]] = {}
    tips: dict[int, dict[str, None]] = {}
    for route in placed.routes:
        status = nodes[pairs[route.edge][1]].status
        rank = WORST[status] if status.bad else 0
        drawn.setdefault((rank, route.turned), {}).update(dict.fromkeys(_pieces(route, sizes)))
        tips.setdefault(rank, {})[_tip(route, sizes)] = None
    colours = {rank: f" c-{status.value}" if status.bad else "" for status, rank in WORST.items()}
    for (rank, turned), pieces in sorted(drawn.items()):
        circle = ' stroke-dasharray="4 4"' if turned else ""
        kind = f"c-edge c-circle{colours[rank]}" if turned else f"c-edge{colours[rank]}"
        yield f'<path class="{kind}" fill="none" stroke="currentColor" stroke-width="1.5"{circle} '
        yield f'd="{"".join(pieces)}"/>'
    for rank, paths in sorted(tips.items()):
        yield f'<path class="c-edge{colours[rank]}" fill="currentColor" d="{"".join(paths)}"/>'


def _pieces(route: Route, sizes: Sizes) -> Iterator[str]:
    """Draw from the right side of a box through the bends to the left side of another.

    Edges that share bends give the same text for the pieces they share.
    """
    half = sizes.high / 2
    (x, y), *bends, (end, foot) = route.spots
    x, y = x + sizes.wide + (_TIP if route.turned else 0.0), y + half
    for left, middle in bends:
        yield _swing(x, y, left, middle)
        yield f"M{number(left)} {number(middle)}h{number(sizes.wide)}"
        x, y = left + sizes.wide, middle
    yield _swing(x, y, end - (0.0 if route.turned else _TIP), foot + half)


def _swing(x: float, y: float, end: float, foot: float) -> str:
    """Leave and arrive level."""
    start = f"M{number(x)} {number(y)}"
    if abs(y - foot) < 0.05:
        return f"{start}H{number(end)}"
    middle = number((x + end) / 2)
    return f"{start}C{middle} {number(y)} {middle} {number(foot)} {number(end)} {number(foot)}"


def _tip(route: Route, sizes: Sizes) -> str:
    (left, top), right = route.spots[0], route.spots[-1]
    if route.turned:
        x, y, back = left + sizes.wide + 1, top + sizes.high / 2, _TIP
    else:
        x, y, back = right[0] - 1, right[1] + sizes.high / 2, -_TIP
    return f"M{number(x)} {number(y)}l{number(back)} -{_HALF}v{2 * _HALF:.0f}z"


# ── boxes ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _box(node: Node, below: Sequence[str], spot: tuple[float, float], sizes: Sizes) -> str:
    words = f"{node.name}: {node.status.value}"
    more = f" and {len(below) - 5} more" if len(below) > 5 else ""
    title = text(f"{words}, depends on {', '.join(below[:5])}{more}" if below else words)
    rect = f'<rect class="c-node" width="{number(sizes.wide)}" height="{number(sizes.high)}" rx="8"/>'
    body = (
        f"<title>{title}</title>{rect}{rect if node.status.bad else ''}"
        f'<path fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" '
        f'transform="translate(11 {number(sizes.high / 2 - 8)})" d="{STATUS_PATHS[node.status]}"/>'
        f'<text class="c-name" x="{number(_ICON)}" y="{number(sizes.high / 2 + 4.5)}">'
        f"{text(elide(node.name, sizes.wide - _ICON - 10, _NAME))}</text>"
    )
    at = f'class="c-{node.status.value}" transform="translate({number(spot[0])} {number(spot[1])})"'
    if not node.href:
        return f"<g {at}>{body}</g>"
    return f'<a href="{text(node.href)}" aria-label="{title}" {at}>{body}</a>'
