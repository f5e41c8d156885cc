"""The ``threads`` check: how many threads this process has, and whether they become ever more."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable

from salus.checks._bounds import BoundedOptions, Findings, show_count
from salus.checks._growth import Growth
from salus.checks._host import text_of
from salus.model import Json, Metric, Observation, Status
from salus.ports import Check, Look, Site
from salus.units import Duration, format_duration

_NUMBERS = re.compile(r"[-_.#: ]?\d+")
_SHOWN = 5


class Threads(BoundedOptions, frozen=True, kw_only=True):
    """The threads of the process that Salus lives in, counted by the kernel: those of C libraries too.

    The metadata of a bad look says which names are the most frequent (``worker-1`` and ``worker-2`` are ``worker``).
    A leak is told as growth: a number of threads that surely grows over the whole window, however slowly.

    Metrics: ``count``, ``python_count`` (those that run Python code), ``growth_per_hour`` (once the window was seen).
    A look costs 35 us.

    Attributes:
        count_below: unhealthy unless there are fewer threads than this.
        warn_count_below: degraded unless there are fewer threads than this.
        growth_below: unhealthy unless their number grows by less than this in an hour.
        warn_growth_below: degraded unless their number grows by less than this in an hour.
        growth_window: the time over which growth is judged; not before so much was seen.
    """

    count_below: int | None = None
    warn_count_below: int | None = None
    growth_below: float | None = None
    warn_growth_below: float | None = None
    growth_window: Duration = Duration(1800)

    def build(self, site: Site) -> Check:
        """Make a check that remembers how many there were."""
        return _ThreadsCheck(self)


class _ThreadsCheck:
    """Counts threads."""

    instant = True

    def __init__(self, options: Threads) -> None:
        self._options = options
        self._growth = Growth(options.growth_window)

    async def look(self, look: Look) -> Observation:
        python = threading.active_count()
        count = _counted_by_the_kernel() or python
        metrics = {"count": Metric(count), "python_count": Metric(python)}
        findings = Findings()
        findings.judge(self._options, "count", count, f"{count} threads")
        self._growth.add(look.started, count)
        judge_growth(findings, self._options, self._growth, metrics, "threads")
        metadata: dict[str, Json] = {}
        if findings.status is not Status.HEALTHY:
            metadata["names"] = most_frequent(_NUMBERS.sub("", each.name) for each in threading.enumerate())
        return findings.answer(look, f"{count} threads", metrics=metrics, metadata=metadata)

    async def aclose(self) -> None:
        """Nothing is kept open."""


def _counted_by_the_kernel() -> int:
    try:
        return int(text_of("/proc/self/stat").rpartition(") ")[2].split()[17])
    except (OSError, IndexError, ValueError):
        return 0


def most_frequent(names: Iterable[str]) -> dict[str, Json]:
    """Count names; the most frequent first, and the others together."""
    counts = Counter(names)
    found: dict[str, Json] = dict(counts.most_common(_SHOWN))
    if rest := counts.total() - sum(count for _, count in counts.most_common(_SHOWN)):
        found["others"] = rest
    return found


def judge_growth(
    findings: Findings,
    options: BoundedOptions,
    growth: Growth,
    metrics: dict[str, Metric],
    what: str,
) -> None:
    """Hold the growth of a count in an hour against its bounds, once it is known."""
    if growth.per_hour is None:
        return
    metrics["growth_per_hour"] = Metric(growth.per_hour)
    window = format_duration(getattr(options, "growth_window", 0.0))
    said = f"{growth.per_hour:+.3g} {what} an hour over {window}"
    findings.judge(options, "growth", growth.per_hour, said, show=show_count)
