"""The one place for colours: drawings name classes, these rules colour them, and a page brings the palette.

Every drawing takes its colours from the CSS property ``color`` of these classes (``currentColor``):

=================  =====================================================================================================
``c-healthy`` ...  ``c-degraded``, ``c-unhealthy``, ``c-unknown``: a status
``c-none``         where nothing is known: faint
``c-axis``         the line that time runs along, and its ticks
``c-grid``         the lines across
``c-line``         the mean of a curve, and its points
``c-area``         from the lowest to the highest
``c-label``        words at an axis, at a threshold (there ``c-word`` too), in an empty drawing
``c-heading``      words at the top of a drawing
``c-limit``        a threshold, together with the class of a status
``c-edge``         a line from a check to what it depends on; with ``c-circle`` one that closes a circle
``c-node``         a box of the graph, and ``c-name`` the name in it; both inside of a group with a status
``c-hit``          what shows its title when one points at it
``c-track``        the empty part of a bar of a share
``c-back``         the ground of a picture that stands alone
``c-icon``         a small picture; with a status it has the status' colour for text
=================  =====================================================================================================

Drawings as a whole are ``c-bars``, ``c-days``, ``c-curve``, ``c-graph``, ``c-spark``, ``c-ratio`` and ``c-table``.
"""

from __future__ import annotations

from collections.abc import Mapping

from salus.surfaces.charts.svg import number

LIGHT: Mapping[str, str] = {
    "bg": "#f7f8fa",
    "surface": "#ffffff",
    "text": "#16202c",
    "muted": "#566375",
    "line": "#dfe4ea",
    "healthy": "#1a7f4b",
    "degraded": "#9a6200",
    "degraded-fill": "#e0a100",
    "unhealthy": "#c62f2f",
    "unknown": "#66707c",
    "accent": "#2457d6",
}
DARK: Mapping[str, str] = {
    "bg": "#0f141a",
    "surface": "#171e27",
    "text": "#e6ebf1",
    "muted": "#9aa7b6",
    "line": "#2a3441",
    "healthy": "#4cc38a",
    "degraded": "#f0b429",
    "degraded-fill": "#f0b429",
    "unhealthy": "#ff7b72",
    "unknown": "#9aa4af",
    "accent": "#7aa2ff",
}

RULES = """\
.c-healthy{color:var(--healthy)}
.c-degraded{color:var(--degraded-fill)}
.c-icon.c-degraded,.c-graph .c-degraded{color:var(--degraded)}
.c-unhealthy{color:var(--unhealthy)}
.c-unknown{color:var(--unknown)}
.c-none,.c-grid,.c-track{color:var(--line)}
.c-axis,.c-edge{color:var(--muted)}
.c-edge.c-unhealthy{color:var(--unhealthy)}
.c-edge{opacity:.55}
.c-edge.c-unhealthy,.c-edge.c-degraded{opacity:.9}
.c-line,.c-area,.c-ratio{color:var(--accent)}
.c-area{opacity:.18}
.c-label,.c-heading,.c-name{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
.c-label{fill:var(--muted);font-size:11px;font-variant-numeric:tabular-nums}
.c-word{paint-order:stroke;stroke:var(--surface);stroke-width:3px;stroke-linejoin:round}
.c-heading{fill:var(--text);font-size:13px;font-weight:600}
.c-name{fill:var(--text);font-size:12.5px}
.c-node{fill:var(--surface);stroke:var(--line)}
.c-degraded>.c-node,.c-unhealthy>.c-node,.c-unknown>.c-node{stroke:currentColor}
.c-degraded>.c-node+.c-node,.c-unhealthy>.c-node+.c-node{fill:currentColor;fill-opacity:.09;stroke:none}
.c-unknown>.c-node{stroke-dasharray:3 3}
.c-graph a:hover .c-node{stroke:var(--accent)}
.c-graph a:focus{outline:none}
.c-graph a:focus-visible .c-node{stroke:var(--accent);stroke-width:3}
.c-hit>:hover{fill:var(--text);fill-opacity:.08}
.c-days>:hover{opacity:.65}
.c-back{fill:var(--surface);stroke:var(--line)}
.c-bars{stroke:currentColor;stroke-width:2px;stroke-linecap:round}
.c-curve,.c-days{display:block;max-width:100%}
.c-curve{box-sizing:border-box;padding-left:52px;overflow:visible}
.c-bars,.c-graph,.c-spark,.c-ratio,.c-icon{vertical-align:middle}
"""
"""What colours the drawings on a page that brings the palette as custom properties: ``--healthy`` and so on."""

_PADDING = 16


def palette(colours: Mapping[str, str]) -> str:
    """Write a palette as custom properties."""
    return "".join(f"--{name}:{colour};" for name, colour in colours.items()).rstrip(";")


def stylesheet() -> str:
    """Write all that a drawing needs where no page helps it, by day and by night."""
    dark = f"@media (prefers-color-scheme:dark){{:root{{{palette(DARK)}}}}}"
    return f":root{{color-scheme:light dark;{palette(LIGHT)}}}\n{dark}\n{RULES}"


def standalone(drawing: str, width: float, height: float, *, left: float = 0.0) -> str:
    """Make a document of a drawing, so that it can be shown as a picture anywhere.

    Args:
        drawing: from one of the functions of this package.
        width: how wide it shall become, in pixels, its margin included.
        height: of the drawing itself.
        left: how much of the width is for what is written at the left of the drawing: ``GUTTER`` for a curve.
    """
    wide, high = number(width), number(height + 2 * _PADDING)
    room = number(width - left - 2 * _PADDING)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}">'
        f"<style>{stylesheet()}</style>"
        f'<rect class="c-back" x=".5" y=".5" width="{number(width - 1)}" height="{number(height + 31)}" rx="10"/>'
        f'<svg x="{number(_PADDING + left)}" y="{_PADDING}" width="{room}" height="{number(height)}" '
        f'overflow="visible">{drawing}</svg></svg>\n'
    )
