"""What stands in a row beside words: a tiny line, and a share as a bar."""

from __future__ import annotations

import math
from collections.abc import Sequence

from salus.model import Status
from salus.surfaces.charts.svg import frame, number
from salus.surfaces.charts.words import amount, percent

_WIDE, _HIGH, _EDGE = 96, 24, 3
_MOST = 120


def spark(values: Sequence[float | None], unit: str = "", name: str = "") -> str:
    """Draw numbers as a tiny line, the oldest at the left.

    Args:
        values: None where nothing is known; of more than 120 the newest are drawn.
        unit: of the numbers, to say them in words.
        name: what they are, for the same.
    """
    shown = [value if value is not None and math.isfinite(value) else None for value in values[-_MOST:]]
    known = [value for value in shown if value is not None]
    size = f'width="{_WIDE}" height="{_HIGH}" viewBox="0 0 {_WIDE} {_HIGH}" fill="none" stroke="currentColor"'
    before = f"{name}: " if name else ""
    if not known:
        line = f'<path class="c-none" stroke-dasharray="2 3" d="M{_EDGE} {_HIGH // 2}H{_WIDE - _EDGE}"/>'
        return frame([line], label=f"{before}no numbers yet", kind="c-spark", size=size)
    low, high = min(known), max(known)
    path = dots = last = ""
    pen = False
    for place, value in enumerate(shown):
        if value is None:
            pen = False
            continue
        x = _EDGE + (_WIDE - 2 * _EDGE) * (place / (len(shown) - 1) if len(shown) > 1 else 1.0)
        share = (value / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else 0.5
        last = f"{number(x)} {number(_EDGE + (_HIGH - 2 * _EDGE) * (1 - share))}"
        path += f"L{last}" if pen else f"M{last}"
        if not pen and (place + 1 == len(shown) or shown[place + 1] is None):
            dots += f"M{last}h0"
        pen = True
    drawn = [
        f'<path class="c-line" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round" d="{path}"/>',
        f'<path class="c-line" stroke-width="2.5" stroke-linecap="round" d="{dots}"/>' if dots else "",
        f'<path class="c-line" stroke-width="4.5" stroke-linecap="round" d="M{last}h0"/>',
    ]
    words = f"{before}{amount(low, unit)} to {amount(high, unit)}, {amount(known[-1], unit)} at last"
    return frame(drawn, label=words, kind="c-spark", size=size)


def ratio_bar(share: float | None, status: Status | None = None, name: str = "") -> str:
    """Draw a share from 0 to 1 as a bar that is as wide as there is room.

    Args:
        share: what lies outside of 0 to 1 is drawn as the nearer end; None: it is not known.
        status: whose colour it has; without one it has the accent's.
        name: what it is a share of, to say it in words.
    """
    size = 'width="100%" height="8" stroke="none" fill="currentColor"'
    track = '<rect class="c-track" width="100%" height="8" rx="4"/>'
    before = f"{name}: " if name else ""
    if share is None or not math.isfinite(share):
        return frame([track], label=f"{before}not known", kind="c-ratio", size=size)
    wide = number(min(1.0, max(0.0, share)) * 100)
    colour = f' class="c-{status.value}"' if status else ""
    full = f'<rect{colour} width="{wide}%" height="8" rx="4"/>' if wide != "0" else ""
    return frame([track, full], label=f"{before}{percent(share)}", kind="c-ratio", size=size)
