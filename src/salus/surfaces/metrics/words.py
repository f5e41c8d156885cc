"""How numbers and label values are written: the same in the text format 0.0.4 and in OpenMetrics 1.0. Pure."""

from __future__ import annotations

import math
from datetime import datetime

from salus.ports.metrics import Times

# A zero byte is the end of everything to Prometheus' own parser, escaped or not.
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\0": "\N{REPLACEMENT CHARACTER}"})


def escape(text: str) -> str:
    """Write a label value, whatever is in it."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # half a character is none
    return text.translate(_ESCAPES)


def number(value: float) -> str:
    """Write a number."""
    try:
        value = float(value)
    except (OverflowError, TypeError, ValueError):  # of a stranger's check; too large for any float, or no number
        return "NaN"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


def instant(at: datetime) -> str:
    """Write an instant: seconds since 1970, to the millisecond."""
    return f"{at.timestamp():.3f}"


def histogram(name: str, times: Times, *, examples: bool) -> list[str]:
    """Write a histogram; each bucket holds those before it. Examples are OpenMetrics' alone."""
    lines, count = [], 0
    for place, bound in enumerate((*times.bounds, math.inf)):
        count += times.counts[place]
        line = f'{name}_bucket{{le="{number(bound)}"}} {count}'
        if examples and (one := times.examples.get(place)) is not None:
            line += f' # {{recovery_id="{escape(one.recovery)[:100]}"}} {number(one.seconds)} {instant(one.at)}'
        lines.append(f"{line}\n")
    return [*lines, f"{name}_sum {number(times.total)}\n", f"{name}_count {count}\n"]
