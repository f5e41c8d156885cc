"""How numbers and label values are written: the same in the text format 0.0.4 and in OpenMetrics 1.0. Pure."""

from __future__ import annotations

import math
import re
from datetime import datetime

from salus.ports.metrics import Times

# A zero byte is the end of everything to Prometheus' own parser, escaped or not; half a character is none.
_SPECIAL = re.compile('[\\\\"\n\0\ud800-\udfff]')
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\0": "\N{REPLACEMENT CHARACTER}"})
_LONGEST_ID = 100  # OpenMetrics: names and values of an exemplar's labels are at most 128 characters together
_ODD = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def escape(text: str) -> str:
    """Write a label value, whatever is in it; there is never a zero byte in the result."""
    if _SPECIAL.search(text) is None:
        return text
    return text.encode("utf-8", "replace").decode().translate(_ESCAPES)


def number(value: float) -> str:
    """Write a number."""
    try:
        text = repr(float(value))
    except (OverflowError, TypeError, ValueError):  # of a stranger's check; too large for any float, or no number
        return "NaN"
    return text if text[-1].isdigit() else _ODD[text]


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
            line += f' # {{recovery_id="{escape(one.recovery[:_LONGEST_ID])}"}} {number(one.seconds)} {instant(one.at)}'
        lines.append(f"{line}\n")
    return [*lines, f"{name}_sum {number(times.total)}\n", f"{name}_count {count}\n"]
