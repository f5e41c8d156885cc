"""Stage 1, match: what a rule says of a check. True, False, or None: it cannot tell, and what is stays as it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from salus.model import AlertRule, CheckSpec, CheckState, Comparison, Labels, Level, Observation, Status

Judge = Callable[[AlertRule, str], tuple[bool | None, str]]
"""Says whether the condition (``when``) of a rule holds for a check, and why."""

_LONGEST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a rule says at this moment.

    Attributes:
        rule: the rule.
        labels: of the alert that it means.
        level: how much it matters.
        holds: whether its trouble is there; None when it cannot tell.
        since: since when.
        summary: one line for people.
        detail: expected against actual.
        check: what it is about, or None.
        moment: it has no duration.
    """

    rule: AlertRule
    labels: Labels
    level: Level
    holds: bool | None
    since: datetime
    summary: str = ""
    detail: str = ""
    check: str | None = None
    moment: bool = False


def watches(rule: AlertRule, spec: CheckSpec) -> bool:
    """Tell whether a rule is about a check."""
    services = (spec.service,) if spec.service else ()
    return rule.enabled and rule.members.takes(spec.name, spec.tags, services)


def about_status(rule: AlertRule, state: CheckState) -> bool | None:
    """Tell what a rule about a status says.

    1. A check that cannot tell neither raises nor ends anything, unless the rule asks for just that.
    2. A rule of ours means exactly its status, so that a check that is worse has one alert and not two.
    """
    wanted, status = rule.status, state.status
    if wanted is None:
        return None
    if wanted is Status.UNKNOWN:
        return status is Status.UNKNOWN
    if status is Status.UNKNOWN:
        return None
    return status is wanted if rule.builtin else status.at_least(wanted)


def about_metric(rule: AlertRule, seen: Observation | None) -> tuple[bool | None, str]:
    """Tell what a rule about a number says, with the number in words."""
    metric = seen.metrics.get(rule.metric) if seen is not None else None
    if metric is None or rule.comparison is None or not math.isfinite(metric.value):
        return None, ""
    value, bound = metric.value, rule.bound
    holds = {
        Comparison.ABOVE: value > bound,
        Comparison.BELOW: value < bound,
        Comparison.EQUALS: math.isclose(value, bound, rel_tol=1e-9),
        Comparison.NOT_EQUALS: not math.isclose(value, bound, rel_tol=1e-9),
    }[rule.comparison]
    unit = f" {metric.unit}" if metric.unit else ""
    relation = rule.comparison.value.replace("_", " ")
    return holds, f"{rule.metric} is {value:g}{unit}, {relation if holds else f'no longer {relation}'} {bound:g}{unit}"


def shortened(text: str) -> str:
    """Return a text as one line, bounded."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
