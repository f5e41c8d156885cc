"""Drawings: pure functions from what is known to SVG as text, every text in them escaped.

Colours come from classes alone; ``style`` lists them. Every drawing says in words what it shows.
"""

from salus.surfaces.charts.curves import GUTTER, Limit, curve, describe
from salus.surfaces.charts.daily import days
from salus.surfaces.charts.icons import ICONS, icon
from salus.surfaces.charts.looks import bars, look_bars
from salus.surfaces.charts.network import Node, graph
from salus.surfaces.charts.small import ratio_bar, spark
from salus.surfaces.charts.style import DARK, LIGHT, RULES, palette, standalone, stylesheet
from salus.surfaces.charts.tables import Row, curve_table, rows

__all__ = [
    "DARK",
    "GUTTER",
    "ICONS",
    "LIGHT",
    "RULES",
    "Limit",
    "Node",
    "Row",
    "bars",
    "curve",
    "curve_table",
    "days",
    "describe",
    "graph",
    "icon",
    "look_bars",
    "palette",
    "ratio_bar",
    "rows",
    "spark",
    "standalone",
    "stylesheet",
]
