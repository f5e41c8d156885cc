"""What a check says, in the words of its page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from salus.model import CheckSpec, Json, Metric, Observation, Status
from salus.surfaces import wire
from salus.surfaces.dashboard.words import counted, duration

_GOT = re.compile(r"expected (?P<expected>.+?), got (?P<actual>.+)", re.DOTALL)
_IT = re.compile(r"expected (?P<expected>.+?), (?P<actual>it (?:is|was|took|does|expires|has) .+)", re.DOTALL)
_LAST = re.compile(r"(?P<actual>.+?), expected (?P<expected>.+)", re.DOTALL)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_UNITS = {"bytes": ("_bytes",), "seconds": ("_seconds",), "ratio": ("_ratio", "_share"), "celsius": ("_celsius",)}
_LONG = 200
DURATION = "duration"


@dataclass(frozen=True, slots=True)
class Against:
    """What a bad look expected, and what it saw."""

    expected: str
    actual: str


def against(look: Observation) -> Against | None:
    """Read what was expected, and what was there, out of the message of a bad look; None where it does not say so."""
    if look.status is Status.HEALTHY or _has_several_parts(look.message):
        return None
    for pattern in (_GOT, _IT, _LAST):
        if found := pattern.fullmatch(look.message):
            return Against(found["expected"], found["actual"])
    return None


def _has_several_parts(message: str) -> bool:
    """Tell whether what was expected belongs to one part of several; "expected A, got B; C" has one, and says more."""
    bare = _QUOTED.sub("", message)
    return "; " in bare and (not bare.startswith("expected ") or bare.count("expected ") > 1)


def name_of(metric: str, unit: str) -> str:
    """Return the name of a number for people: its unit stands behind the number already.

    What a check itself calls ``duration_seconds`` keeps its unit: ``duration`` is how long the look took.
    """
    short = metric
    for ending in _UNITS.get(unit, ()):
        short = short.removesuffix(ending) or short
    return (metric if short == DURATION else short).replace("_", " ")


def numbers(metrics: Mapping[str, Metric]) -> list[tuple[str, float, str]]:
    """Return the numbers of a look: name, value, unit."""
    return [(name_of(name, metric.unit), metric.value, metric.unit) for name, metric in metrics.items()]


def facts(metadata: Mapping[str, Json]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return what else a look saw: what is short, and what is long."""
    told = [(name.replace("_", " "), _plain(value)) for name, value in metadata.items()]
    short = [one for one in told if len(one[1]) <= _LONG and "\n" not in one[1]]
    return short, [one for one in told if one not in short]


def _plain(value: Json) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(str(one) for one in value) or "none"
    return str(value) if isinstance(value, str | int | float) else wire.pretty(value)


def thresholds(spec: CheckSpec) -> list[tuple[str, str]]:
    """Say when a check is believed."""
    bad = counted(spec.failure_threshold, "bad look")
    bad += (
        f" among the last {spec.failure_window}"
        if spec.failure_window
        else " in a row"
        if spec.failure_threshold > 1
        else ""
    )
    good = counted(spec.success_threshold, "good look")
    good += " in a row" if spec.success_threshold > 1 else ""
    told = [
        ("Bad after", bad),
        ("Well after", good),
        ("Looked at again, until that is clear", f"every {duration(spec.retry_interval)}"),
    ]
    if spec.start_period:
        told.append(("Bad looks do not count for the first", duration(spec.start_period)))
    if spec.high_flap_threshold:
        low, high = spec.low_flap_threshold, spec.high_flap_threshold
        told.append(("Flapping", f"from {high:.0%} changes among the last looks, until under {low:.0%}"))
    return told
