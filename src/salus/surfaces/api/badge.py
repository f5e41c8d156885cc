"""The status of a check as a small picture."""

from __future__ import annotations

from salus.model import Status
from salus.surfaces.http import Response

SVG = "image/svg+xml"
_COLOURS = {
    Status.HEALTHY: "#1a7f37",
    Status.DEGRADED: "#9a6700",
    Status.UNHEALTHY: "#cf222e",
    Status.UNKNOWN: "#59636e",
}
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_SIGN, _EDGE = 7, 10
_LONGEST = 40


def badge(name: str, status: Status) -> Response:
    """Draw it: the name on the left, the status in its colour and in words on the right."""
    label = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
    left, right = (len(text) * _SIGN + _EDGE for text in (label, status.value))
    width = left + right
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" '
        f'aria-label="{name.translate(_ESCAPED)}: {status.value}">'
        f'<rect width="{width}" height="20" rx="3" fill="#24292f"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right - 3}z" fill="{_COLOURS[status]}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14" textLength="{left - _EDGE}">{label.translate(_ESCAPED)}</text>'
        f'<text x="{left + right / 2:g}" y="14" textLength="{right - _EDGE}">{status.value}</text></g></svg>\n'
    )
    # A badge is there to be shown on other pages.
    return Response(200, SVG, text.encode(), ((b"cross-origin-resource-policy", b"cross-origin"),))
