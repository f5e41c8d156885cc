"""The numbers of a curve as a small table, for who cannot see it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import NamedTuple

from salus.model import Status
from salus.model.history import Point, Series
from salus.surfaces.charts.svg import WORST, text
from salus.surfaces.charts.words import amount, moment


class Row(NamedTuple):
    """Some points together: when they began, their numbers, and the worst of their statuses."""

    at: datetime
    low: float
    mean: float
    high: float
    status: Status


def rows(series: Series, most: int = 24) -> list[Row]:
    """Sum a series up in at most so many rows, the oldest first."""
    points = [one for one in series.points if all(map(math.isfinite, (one.low, one.mean, one.high)))]
    each = max(1, -(-len(points) // most))
    return [_row(points[start : start + each]) for start in range(0, len(points), each)]


def curve_table(series: Series, most: int = 24) -> str:
    """Write the rows as a table of HTML."""
    caption = f"<caption>{text(f'{series.metric} of {series.check}')}, times are UTC</caption>"
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Time", "Lowest", "Mean", "Highest", "Worst status"))
    body = "".join(_written(row, series.unit) for row in rows(series, most))
    body = body or '<tr><td colspan="5">nothing was seen in this time</td></tr>'
    return f'<table class="c-table">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _row(points: list[Point]) -> Row:
    looks = sum(point.looks for point in points) or 1
    mean = sum(point.mean * (point.looks / looks) for point in points)
    worst = max((point.status for point in points), key=WORST.__getitem__)
    return Row(points[0].at, min(one.low for one in points), mean, max(one.high for one in points), worst)


def _written(row: Row, unit: str) -> str:
    numbers = "".join(f"<td>{text(amount(value, unit))}</td>" for value in (row.low, row.mean, row.high))
    when = f'<time datetime="{row.at:%Y-%m-%dT%H:%M:%SZ}">{moment(row.at)}</time>'
    return f'<tr><th scope="row">{when}</th>{numbers}<td>{row.status.value}</td></tr>'
