"""Small pictures, 16 by 16, all by one hand: lines of 1.5 with round ends."""

from __future__ import annotations

from functools import cache

from salus.model import Status

_CIRCLE = "M8 1.75a6.25 6.25 0 1 0 0 12.5a6.25 6.25 0 1 0 0-12.5z"

STATUS_PATHS = {
    Status.HEALTHY: f"{_CIRCLE}M5.25 8.25l2 2l3.75-4",
    Status.DEGRADED: "M8 2.1a.8.8 0 0 1 .7.4l5.7 10a.8.8 0 0 1-.7 1.2H2.3a.8.8 0 0 1-.7-1.2l5.7-10a.8.8 0 0 1 .7-.4z"
    "M8 6.25v3M8 11.4v.1",
    Status.UNHEALTHY: "M5.4 1.75h5.2l3.65 3.65v5.2l-3.65 3.65H5.4l-3.65-3.65V5.4zM5.9 5.9l4.2 4.2M10.1 5.9l-4.2 4.2",
    Status.UNKNOWN: f"{_CIRCLE}M6.1 6.4a1.95 1.95 0 1 1 2.9 1.75c-.65.35-1 .7-1 1.35M8 11.4v.1",
}
"""The four statuses differ in shape, not in colour alone: circle, triangle, octagon, and a question."""

_PATHS: dict[str, str] = {
    **{status.value: path for status, path in STATUS_PATHS.items()},
    "pause": "M5.25 3v10M10.75 3v10",
    "play": "M4.75 3.1v9.8a.5.5 0 0 0 .77.42l7.5-4.9a.5.5 0 0 0 0-.84l-7.5-4.9a.5.5 0 0 0-.77.42z",
    "stop": "M4 3.25h8a.75.75 0 0 1 .75.75v8a.75.75 0 0 1-.75.75H4a.75.75 0 0 1-.75-.75V4A.75.75 0 0 1 4 3.25z",
    "clock": f"{_CIRCLE}M8 4.5V8l2.4 1.6",
    "wrench": "M10.1 5.9l2.9-2.9a3.9 3.9 0 0 1-5.1 5.1L3.9 12.1a1.4 1.4 0 0 1-2-2L5.9 6.1A3.9 3.9 0 0 1 11 1"
    "L8.1 3.9l.3 1.7z",
    "bell": "M8 1.75A4.25 4.25 0 0 0 3.75 6c0 3.5-1.5 4.75-1.5 5.5h11.5c0-.75-1.5-2-1.5-5.5A4.25 4.25 0 0 0 8 1.75z"
    "M6.5 13.75a1.75 1.75 0 0 0 3 0",
    "silence": "M5.1 2.85A4.25 4.25 0 0 1 12.25 6c0 1.1.15 2 .4 2.75M11.5 11.5H2.25c0-.75 1.5-2 1.5-5.5"
    "M6.5 13.75a1.75 1.75 0 0 0 3 0M2 2l12 12",
    "search": "M7 2.25a4.75 4.75 0 1 0 0 9.5a4.75 4.75 0 1 0 0-9.5zM10.5 10.5l3.25 3.25",
    "menu": "M2.25 4h11.5M2.25 8h11.5M2.25 12h11.5",
    "sun": "M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0-6zM8 1.25v1M8 13.75v1M1.25 8h1M13.75 8h1M3.2 3.2l.7.7M12.1 12.1l.7.7"
    "M3.2 12.8l.7-.7M12.1 3.9l.7-.7",
    "moon": "M13.5 9.75A6 6 0 0 1 6.25 2.5a6 6 0 1 0 7.25 7.25z",
    "refresh": "M13.75 8a5.75 5.75 0 1 1-1.7-4.1L13.75 5.5M13.75 2.25V5.5H10.5",
    "link": "M6.75 9.25a2.75 2.75 0 0 0 3.9 0l2.6-2.6a2.75 2.75 0 0 0-3.9-3.9l-.9.9"
    "M9.25 6.75a2.75 2.75 0 0 0-3.9 0l-2.6 2.6a2.75 2.75 0 0 0 3.9 3.9l.9-.9",
    "external": "M9.5 2.5h4v4M13.5 2.5L7.5 8.5M12 9.5v3a1 1 0 0 1-1 1H3.5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1h3",
    "graph": "M2 2h4v3.5H2zM10 2h4v3.5h-4zM10 10.5h4V14h-4zM6 3.75h4M8 3.75v6.5a2 2 0 0 0 2 2",
    "user": "M8 2.25a2.75 2.75 0 1 0 0 5.5a2.75 2.75 0 1 0 0-5.5zM2.75 13.75a5.25 5.25 0 0 1 10.5 0",
    "leave": "M6.25 2.5h-2.5a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1h2.5M6.5 8h7.25M10.75 5l3 3l-3 3",
    "home": "M2.25 7.5L8 2.5l5.75 5M4 6.25v7.25h8V6.25",
    "server": "M2.5 2.75h11v4h-11zM2.5 9.25h11v4h-11zM5 4.75v.1M5 11.25v.1",
    "chart": "M2.25 13.5h11.5M4.25 11V8M8 11V3.5M11.75 11V6",
    "flag": "M3.5 14V2.25M3.5 3h9l-2 3l2 3h-9",
    "book": "M3 12V4a1.5 1.5 0 0 1 1.5-1.5H13v11H4.5A1.5 1.5 0 0 1 3 12a1.5 1.5 0 0 1 1.5-1.5H13M6 5.5h4",
    "key": "M5.25 7.75a2.75 2.75 0 1 0 0 5.5a2.75 2.75 0 1 0 0-5.5zM7.25 8.5l6-6M10.75 5l2 2",
    "chip": "M4.25 4.25h7.5v7.5h-7.5zM6.5 1.75v2.5M9.5 1.75v2.5M6.5 11.75v2.5M9.5 11.75v2.5M1.75 6.5h2.5M1.75 9.5h2.5"
    "M11.75 6.5h2.5M11.75 9.5h2.5",
    "list": "M2.25 4.25L3.5 5.5l2-2.25M2.25 10.75L3.5 12l2-2.25M8 4.5h5.75M8 11h5.75",
    "tick": "M3 8.5l3.25 3.25L13 4.75",
    "cross": "M3.75 3.75l8.5 8.5M12.25 3.75l-8.5 8.5",
    "chevron-up": "M3.5 10.25L8 5.75l4.5 4.5",
    "chevron-down": "M3.5 5.75L8 10.25l4.5-4.5",
    "chevron-left": "M10.25 3.5L5.75 8l4.5 4.5",
    "chevron-right": "M5.75 3.5L10.25 8l-4.5 4.5",
}

ICONS = tuple(_PATHS)
"""The names of all of them."""

_STATUSES = frozenset(status.value for status in Status)


@cache
def icon(name: Status | str, size: int = 16) -> str:
    """Draw one; a status has its colour, everything else that of the text around it.

    It says nothing to who cannot see it: a word stands beside it, always.

    Args:
        name: a status, or one of ``ICONS``.
        size: how large it is shown, in pixels.

    Raises:
        KeyError: there is none of this name.
    """
    path = _PATHS[str(name)]
    kind = f"c-icon c-{name}" if name in _STATUSES else "c-icon"
    return (
        f'<svg class="{kind}" width="{size}" height="{size}" viewBox="0 0 16 16" fill="none" stroke="currentColor" '
        f'stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="{path}"/></svg>'
    )
