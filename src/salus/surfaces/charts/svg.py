"""What every drawing is made of: text that can do no harm, numbers without a tail, and the frame around them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import east_asian_width

from salus.model import Status

ORDER = (Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY, Status.UNKNOWN)
WORST = {Status.HEALTHY: 0, Status.UNKNOWN: 1, Status.DEGRADED: 2, Status.UNHEALTHY: 3}

# No XML document may hold these (nor half a surrogate pair), and what turns the direction of text can make a name lie.
_UNFIT = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u061b\u061d-\u200d\u2010-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})

# How wide signs are in the fonts of screens, in parts of the font's size; with a little to spare.
_NARROW, _USUAL, _BROAD, _WIDE = 0.38, 0.62, 0.8, 1.05
_NARROW_SIGNS = frozenset("iljtfrI.,:;'|!()[]{} -")
_BROAD_SIGNS = frozenset("mwMW@%ABCDEGHKNOQRUVXYZ_")


def text(raw: str) -> str:
    """Escape a text for an element or an attribute of HTML and of XML."""
    return _UNFIT.sub("\ufffd", raw).translate(_ESCAPED)


def number(value: float) -> str:
    """Write a coordinate: one digit behind the point, and none where it is zero."""
    rounded = round(value, 1)
    return str(int(rounded)) if rounded == int(rounded) else f"{rounded:.1f}"


def frame(body: Iterable[str], *, label: str, kind: str, size: str, role: str = "img") -> str:
    """Put a frame around a drawing.

    Args:
        body: what is drawn.
        label: what it shows, in words; it is escaped here.
        kind: its class.
        size: the attributes that say how large it is.
        role: what it is for who cannot see it; a drawing with links in it is no ``img``.
    """
    return f'<svg class="{kind}" {size} role="{role}" aria-label="{text(label)}">{"".join(body)}</svg>'


def elide(raw: str, room: float, size: float) -> str:
    """Shorten a name in its middle, for beginning and end tell names apart.

    Args:
        raw: the name.
        room: how wide it may become, in pixels.
        size: of the font, in pixels.
    """
    widths = [_width(sign) * size for sign in raw[:400]]
    if len(raw) <= 400 and sum(widths) <= room:
        return raw
    room -= size  # of the three dots
    head = tail = 0
    last = [_width(sign) * size for sign in reversed(raw[-200:])]
    while head + tail < len(raw):
        width = widths[head] if head <= tail else last[tail]
        if width > room:
            break
        room -= width
        if head <= tail:
            head += 1
        else:
            tail += 1
    return f"{raw[:head]}…{raw[len(raw) - tail :]}"


def counted(statuses: Iterable[Status]) -> str:
    """Say how many there are of each: ``29 healthy, 2 unhealthy``."""
    found = list(statuses)
    return ", ".join(f"{count} {status.value}" for status in ORDER if (count := found.count(status)))


def _width(sign: str) -> float:
    if sign in _NARROW_SIGNS:
        return _NARROW
    if sign in _BROAD_SIGNS:
        return _BROAD
    return _USUAL if sign.isascii() or east_asian_width(sign) not in "WF" else _WIDE
