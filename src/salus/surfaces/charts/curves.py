"""A number over time: from the lowest to the highest, the mean, and below how the looks ended.

The plot is stretched to the room there is and its lines are not (``vector-effect``), and words stand at shares of the
width: so one drawing reads on a phone and on a wall, without a script.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter
from statistics import median

from salus.model import Status
from salus.model.history import Point, Series
from salus.surfaces.charts.axes import Axis, time_axis, value_axis
from salus.surfaces.charts.svg import counted, elide, frame, number, text
from salus.surfaces.charts.words import amount, moment

GUTTER = 52
"""How much room there is for numbers at the left, in pixels; the rules of ``style`` keep it free."""

_ACROSS = 1000.0  # the width of the plot in its own units
_TOP, _HEADING, _BOTTOM = 8.0, 28.0, 34.0
_UNIT = 12.0
_TICK = 6  # how wide what was over at once is in it
_BAND = 8  # how tall the band of statuses is
_TALL = {Status.HEALTHY: 3, Status.DEGRADED: 5, Status.UNHEALTHY: _BAND, Status.UNKNOWN: 3}
_GAP = 2.5  # so many usual distances without a look are a gap
_FAR = 4.0  # a threshold that would make the curve that much flatter is told, not drawn
_FIXED = 'vector-effect="non-scaling-stroke"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A threshold.

    Attributes:
        value: where it lies.
        status: what lies beyond it.
        name: a word or two at it.
    """

    value: float
    status: Status = Status.UNHEALTHY
    name: str = ""


@dataclass(frozen=True, slots=True)
class _Plot:
    """Where things are: in the plot's own units across, in pixels down."""

    series: Series
    points: Sequence[Point]
    runs: Sequence[Sequence[Point]]
    step: float
    axis: Axis
    high: float

    def x(self, at: datetime, later: float = 0.0) -> float:
        length = max(1.0, (self.series.until - self.series.since).total_seconds())
        share = ((at - self.series.since).total_seconds() + later) / length
        return _ACROSS * min(1.0, max(0.0, share))

    def y(self, value: float) -> float:
        return self.high * (1 - self.axis.share(value))

    def spot(self, at: datetime, value: float) -> str:
        return f"{number(self.x(at))} {number(self.y(value))}"


def curve(
    series: Series,
    *,
    limits: Sequence[Limit] = (),
    height: int = 200,
    heading: str = "",
    titles: bool = True,
    width: int = 360,
) -> str:
    """Draw a series, as wide as there is room.

    Args:
        series: what is drawn; times without looks are gaps.
        limits: thresholds, as dashed lines.
        height: in pixels.
        heading: words at the top, beside the newest value; nothing stands there without them.
        titles: whoever points at the curve reads the numbers there.
        width: the least room there will be, in pixels: a longer heading is shortened.
    """
    points = _drawable(series)
    step = _usual(series, points)
    near = _near(limits, points)
    axis = value_axis(*_ends(points, near), series.unit)
    top = _TOP + (_HEADING if heading else 0.0) + (_UNIT if axis.unit else 0.0)
    plot = _Plot(series, points, _runs(points, step), step, axis, max(20.0, height - top - _BOTTOM))
    inside = [_grid(plot), *_areas(plot), *(_limit(plot, one) for one in near), *_lines(plot), *_band(plot)]
    if titles:
        inside.append(_hits(plot))
    foot = number(plot.high + _BAND + 6)
    stretched = (
        f'<svg y="{number(top)}" width="100%" height="{foot}" overflow="visible" '
        f'viewBox="0 0 {_ACROSS:.0f} {foot}" preserveAspectRatio="none">'
    )
    body = [
        _heading(series, points, heading, width) if heading else "",
        stretched,
        *inside,
        "</svg>",
        *_words(plot, near, top, height),
    ]
    size = f'width="100%" height="{height}" fill="none" stroke="none" overflow="visible"'
    return frame(body, label=describe(series, limits), kind="c-curve", size=size)


def describe(series: Series, limits: Sequence[Limit] = ()) -> str:
    """Say in words what a curve shows."""
    when = f"{moment(series.since)} to {moment(series.until)} UTC"
    points = _drawable(series)
    what = f"{series.metric} of {series.check}, {when}"
    if not points:
        return f"{what}: nothing was seen"
    low, high = min(point.low for point in points), max(point.high for point in points)
    words = f"{what}: between {amount(low, series.unit)} and {amount(high, series.unit)}"
    words += f", {amount(_mean(points), series.unit)} on average, {amount(points[-1].mean, series.unit)} at last"
    words += f"; {len(points)} points: {counted(point.status for point in points)}"
    for limit in limits:
        words += f"; {limit.name or limit.status.value} from {amount(limit.value, series.unit)}"
    return words


# ── what is drawn ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _drawable(series: Series) -> list[Point]:
    """Return the points that have numbers."""
    return [one for one in series.points if all(math.isfinite(value) for value in (one.low, one.mean, one.high))]


def _usual(series: Series, points: Sequence[Point]) -> float:
    """Return how far apart points usually are, in seconds."""
    length = max(1.0, (series.until - series.since).total_seconds())
    if len(points) < 2:
        return length / 120
    return max(median((after.at - before.at).total_seconds() for before, after in pairwise(points)), length / 1000)


def _runs(points: Sequence[Point], step: float) -> list[list[Point]]:
    """Part the points where there was no look for long."""
    runs: list[list[Point]] = []
    for point in points:
        if runs and (point.at - runs[-1][-1].at).total_seconds() <= _GAP * step:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _near(limits: Sequence[Limit], points: Sequence[Point]) -> list[Limit]:
    """Return the thresholds that can be drawn without making the curve flat."""
    low, high = _ends(points, ())
    far = _FAR * max(abs(low), abs(high))
    return [one for one in limits if not points or high - far <= one.value <= low + far]


def _ends(points: Sequence[Point], limits: Sequence[Limit]) -> tuple[float, float]:
    lows = [*(point.low for point in points), *(limit.value for limit in limits)]
    highs = [*(point.high for point in points), *(limit.value for limit in limits)]
    return min(lows, default=0.0), max(highs, default=1.0)


def _mean(points: Sequence[Point]) -> float:
    looks = sum(point.looks for point in points)
    return sum(point.mean * (point.looks / looks) for point in points) if looks else points[-1].mean


# ── in the plot ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _grid(plot: _Plot) -> str:
    heights = [plot.y(tick) for tick in plot.axis.ticks]
    lines = "".join(f"M0 {number(height)}H{_ACROSS:.0f}" for height in heights[1:])
    ticks = "".join(
        f"M{number(plot.x(at))} {number(heights[0])}v4" for at, _ in time_axis(plot.series.since, plot.series.until)
    )
    return (
        f'<path class="c-grid" stroke="currentColor" {_FIXED} d="{lines}"/>'
        f'<path class="c-axis" stroke="currentColor" {_FIXED} d="M0 {number(heights[0])}H{_ACROSS:.0f}{ticks}"/>'
    )


def _areas(plot: _Plot) -> Iterator[str]:
    """Draw from the lowest to the highest, where they differ."""
    path = bare = ""
    for run in plot.runs:
        if len(run) == 1 and run[0].low < run[0].high:
            bare += f"M{plot.spot(run[0].at, run[0].low)}V{number(plot.y(run[0].high))}"
        elif any(point.low < point.high for point in run):
            up = "L".join(plot.spot(point.at, point.high) for point in run)
            back = "L".join(plot.spot(point.at, point.low) for point in reversed(run))
            path += f"M{up}L{back}z"
    if path:
        yield f'<path class="c-area" fill="currentColor" d="{path}"/>'
    if bare:
        yield f'<path class="c-area" stroke="currentColor" stroke-width="4" {_FIXED} d="{bare}"/>'


def _lines(plot: _Plot) -> Iterator[str]:
    """Draw the mean, and a dot where a look stands alone and at the newest."""
    path = "".join(
        "M" + "L".join(plot.spot(point.at, point.mean) for point in run) for run in plot.runs if len(run) > 1
    )
    dots = [run[0] for run in plot.runs if len(run) == 1]
    if plot.points and plot.points[-1] not in dots:
        dots.append(plot.points[-1])
    if path:
        yield f'<path class="c-line" stroke="currentColor" stroke-width="1.75" stroke-linejoin="round" {_FIXED} '
        yield f'd="{path}"/>'
    if dots:
        spots = "".join(f"M{plot.spot(point.at, point.mean)}h0" for point in dots)
        yield f'<path class="c-line" stroke="currentColor" stroke-width="6" stroke-linecap="round" {_FIXED} '
        yield f'd="{spots}"/>'


def _band(plot: _Plot) -> Iterator[str]:
    """Draw the worst status of each point along the foot: the taller, the worse.

    What was over before the next point is a tick, and what it was left as holds from there: looks at what is well are
    kept seldom, so that a second of trouble would otherwise seem to last for a minute.
    """
    paths: dict[Status, str] = {}
    foot = plot.high + _BAND + 6
    for run in plot.runs:
        stretches = [stretch for place in range(len(run)) for stretch in _stretches(plot, run, place)]
        for status, some in groupby(stretches, key=itemgetter(0)):
            held = list(some)
            start, end = min(held[0][1], _ACROSS - 2), held[-1][2]
            y = number(foot - _TALL[status] / 2)
            paths[status] = paths.get(status, "") + f"M{number(start)} {y}H{number(max(end, start + 2))}"
    for status, path in paths.items():
        dashes = ' stroke-dasharray="2 2"' if status is Status.UNKNOWN else ""
        yield f'<path class="c-{status.value}" stroke="currentColor" stroke-width="{_TALL[status]}"{dashes} {_FIXED} '
        yield f'd="{path}"/>'


def _stretches(plot: _Plot, run: Sequence[Point], place: int) -> Iterator[tuple[Status, float, float]]:
    """Yield which status holds from where to where, from one point to the next."""
    point = run[place]
    start = plot.x(point.at)
    end = plot.x(run[place + 1].at) if place + 1 < len(run) else plot.x(point.at, plot.step)
    turn = end if point.left in (None, point.status) else min(start + _TICK, end)
    yield point.status, start, turn
    if turn < end and point.left is not None:
        yield point.left, turn, end


def _limit(plot: _Plot, limit: Limit) -> str:
    return (
        f'<path class="c-limit c-{limit.status.value}" stroke="currentColor" stroke-width="1.25" '
        f'stroke-dasharray="5 4" {_FIXED} d="M0 {number(plot.y(limit.value))}H{_ACROSS:.0f}"/>'
    )


def _hits(plot: _Plot) -> str:
    """Lay a column over each point that shows its numbers to whoever points at it."""
    columns = []
    for run in plot.runs:
        for place, point in enumerate(run):
            middle = plot.x(point.at)
            left = (plot.x(run[place - 1].at) + middle) / 2 if place else middle - 5
            right = (plot.x(run[place + 1].at) + middle) / 2 if place + 1 < len(run) else middle + 5
            path = f"M{number(left)} 0H{number(right)}V{number(plot.high + _BAND + 6)}H{number(left)}z"
            columns.append(f'<path d="{path}"><title>{text(_title(point, plot.series.unit))}</title></path>')
    return f'<g class="c-hit" pointer-events="all">{"".join(columns)}</g>'


def _title(point: Point, unit: str) -> str:
    words = f"{moment(point.at)} UTC: {amount(point.mean, unit)}"
    if point.low < point.high:
        words += f" ({amount(point.low, unit)} to {amount(point.high, unit)})"
    looks = "one look" if point.looks == 1 else f"{point.looks} looks"
    return f"{words}, {looks}, {point.status.value}"


# ── words around it ───────────────────────────────────────────────────────────────────────────────────────────────────


def _heading(series: Series, points: Sequence[Point], heading: str, width: int) -> str:
    last = amount(points[-1].mean, series.unit) if points else ""
    shown = text(elide(heading, width - 130.0, 13.0))
    value = f'<text class="c-heading" x="100%" y="13" text-anchor="end">{text(last)}</text>' if last else ""
    return f'<text class="c-heading" x="-{GUTTER}" y="13">{shown}</text>{value}'


def _words(plot: _Plot, limits: Sequence[Limit], top: float, height: int) -> Iterator[str]:
    if not plot.points:
        yield f'<text class="c-label c-word" x="50%" y="{number(top + plot.high / 2 + 4)}" text-anchor="middle">'
        yield "nothing was seen in this time</text>"
    else:
        for tick, label in zip(plot.axis.ticks, plot.axis.labels, strict=True):
            yield f'<text class="c-label" x="-8" y="{number(top + plot.y(tick) + 4)}" text-anchor="end">'
            yield f"{text(label)}</text>"
        if plot.axis.unit:
            unit = text(elide(plot.axis.unit, 200.0, 11.0))
            yield f'<text class="c-label" x="-{GUTTER}" y="{number(top - 10)}">{unit}</text>'
    for limit in limits:
        if limit.name:
            yield f'<text class="c-label c-word" x="100%" y="{number(top + plot.y(limit.value) - 4)}" '
            yield f'text-anchor="end">{text(elide(limit.name, 160.0, 11.0))}</text>'
    yield f'<text class="c-label" x="-{GUTTER}" y="{height - 3}">UTC</text>'
    for at, label in time_axis(plot.series.since, plot.series.until):
        share = plot.x(at) / _ACROSS
        anchor = "end" if share > 0.95 else "middle"
        yield f'<text class="c-label" x="{number(share * 100)}%" y="{height - 3}" text-anchor="{anchor}">'
        yield f"{label}</text>"
