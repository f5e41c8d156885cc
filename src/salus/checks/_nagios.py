"""What a Nagios plugin prints: one line of text, more lines, and numbers after ``|``.

The grammar is that of the Nagios plugin guidelines: ``'label'=value[unit];[warn];[crit];[min];[max]``. Units are read
as Icinga 2 does: ``KB`` is 1000 bytes and ``KiB`` 1024.
"""

from __future__ import annotations

import math
import re

from salus.model import Metric

_MOST = 100
_LONGEST_NAME = 80
_LABEL = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^'=\s|][^=\s|]*))=")
_VALUE = re.compile(r"([-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?)([^\d\s;]*)", re.ASCII)
_UNITS: dict[str, tuple[float, str]] = {
    "": (1, ""),
    "c": (1, ""),
    "%": (0.01, "ratio"),
    "ns": (1e-9, "seconds"),
    "us": (1e-6, "seconds"),
    "ms": (1e-3, "seconds"),
    "s": (1, "seconds"),
    "m": (60, "seconds"),
    "h": (3600, "seconds"),
    "d": (86400, "seconds"),
    "b": (1, "bytes"),
    "kb": (1e3, "bytes"),
    "mb": (1e6, "bytes"),
    "gb": (1e9, "bytes"),
    "tb": (1e12, "bytes"),
    "pb": (1e15, "bytes"),
    "kib": (2.0**10, "bytes"),
    "mib": (2.0**20, "bytes"),
    "gib": (2.0**30, "bytes"),
    "tib": (2.0**40, "bytes"),
    "pib": (2.0**50, "bytes"),
}


def split(output: str) -> tuple[str, str]:
    """Take a plugin's output apart.

    Returns:
        The first line's text, and all performance data: of the first line, and of everything after a ``|`` in the
        lines below it.
    """
    first, _, rest = output.partition("\n")
    text, _, numbers = first.partition("|")
    _, bar, more = rest.partition("|")
    return text.strip(), f"{numbers} {more}" if bar else numbers


def metrics(perfdata: str) -> dict[str, Metric]:
    """Read performance data; what cannot be read is left out.

    Returns:
        At most 100 metrics in base units, named in lower case with the unit at the end: ``/var=20%`` is
        ``var_ratio`` 0.2.
    """
    found: dict[str, Metric] = {}
    position = 0
    while len(found) < _MOST and (label := _LABEL.search(perfdata, position)):
        position = label.end()
        value = _VALUE.match(perfdata, position)
        if value is None:  # "U": the plugin does not know
            continue
        position = value.end()
        name = (label[1] if label[1] is not None else label[2]).replace("''", "'")
        if metric := _metric(value[1], value[2]):
            found.setdefault(_name(name, metric.unit), metric)
    return found


def _metric(number: str, unit: str) -> Metric | None:
    factor, base = _UNITS.get(unit.lower(), (1.0, ""))
    value = float(number.replace(",", ".")) * factor
    return Metric(value, base) if math.isfinite(value) else None


def _name(label: str, unit: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")[:_LONGEST_NAME] or "value"
    return name if not unit or name.endswith(f"_{unit}") else f"{name}_{unit}"
