"""The last looks at a check as bars, the oldest at the left. The taller, the worse: it reads without colours too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from salus.model import LOOKS_KEPT, Observation, Status
from salus.surfaces.charts.svg import ORDER, counted, frame, text
from salus.units import format_duration

_PITCH, _HEIGHT, _FOOT = 4, 12, 11  # in halves of what they are in pixels: fewer digits
_TALL = {Status.HEALTHY: 3, Status.DEGRADED: 6, Status.UNHEALTHY: 9, Status.UNKNOWN: 4}
_LONGEST = 300


def bars(statuses: Sequence[Status], count: int = LOOKS_KEPT) -> str:
    """Draw the statuses of the last looks, in few bytes.

    Args:
        statuses: the oldest first; of more than ``count`` the newest are drawn.
        count: how many there is room for; where there are fewer, the rest stays empty.
    """
    shown = statuses[max(0, len(statuses) - count) :]
    empty = count - len(shown)
    drawn = [_bars("c-none", range(empty), 0)] if empty else []
    for status in ORDER:
        places = [place for place, one in enumerate(shown, empty) if one is status]
        if places:
            drawn.append(_bars(f"c-{status.value}", places, _TALL[status], split=status is Status.UNKNOWN))
    return frame(drawn, label=_label(shown), kind="c-bars", size=_size(count))


def look_bars(observations: Sequence[Observation], count: int = LOOKS_KEPT) -> str:
    """Draw the last looks; whoever points at one reads when it was, and what it saw.

    Args:
        observations: the oldest first; of more than ``count`` the newest are drawn.
        count: how many there is room for.
    """
    shown = observations[max(0, len(observations) - count) :]
    empty = count - len(shown)
    drawn = [_bars("c-none", range(empty), 0)] if empty else []
    hits = []
    for place, look in enumerate(shown, empty):
        split = look.status is Status.UNKNOWN
        drawn.append(_bars(f"c-{look.status.value}", [place], _TALL[look.status], split=split))
        hits.append(f'<path d="M{place * _PITCH} 0h{_PITCH}v{_HEIGHT}h-{_PITCH}z"><title>{_title(look)}</title></path>')
    drawn.append(f'<g class="c-hit" fill="none" stroke="none" pointer-events="all">{"".join(hits)}</g>')
    return frame(drawn, label=_label([look.status for look in shown]), kind="c-bars", size=_size(count))


def _size(count: int) -> str:
    width = max(count, 1) * _PITCH
    return f'width="{2 * width}" height="{2 * _HEIGHT}" viewBox="0 0 {width} {_HEIGHT}"'


def _bars(kind: str, places: Iterable[int], tall: int, *, split: bool = False) -> str:
    """Draw bars of one height in one path: from the foot up, over to the next foot, and up again.

    A bar that is split shows the round ends of dashes without a length: two dots.
    """
    up = f"v-{tall}" if tall else "v0"
    path, before = "", -1
    for place in places:
        path += (
            f"M{_PITCH // 2 + place * _PITCH} {_FOOT}{up}" if before < 0 else f"m{(place - before) * _PITCH} {tall}{up}"
        )
        before = place
    dots = f' stroke-dasharray="0 {tall - 0.5:g}"' if split else ""
    return f'<path class="{kind}"{dots} d="{path}"/>'


def _label(statuses: Sequence[Status]) -> str:
    if not statuses:
        return "no looks yet"
    return f"last {len(statuses)} looks: {counted(statuses)}" if len(statuses) > 1 else f"one look: {statuses[0].value}"


def _title(look: Observation) -> str:
    message = look.message if len(look.message) <= _LONGEST else look.message[: _LONGEST - 1] + "…"
    words = f"{look.at:%Y-%m-%d %H:%M:%S} UTC: {look.status.value}, {format_duration(look.duration)}"
    return text(f"{words}\n{message}" if message else words)
