"""The ``process_memory`` check: what this process uses, of what it may use, and whether that grows."""

from __future__ import annotations

import os

from salus.checks import _host
from salus.checks._bounds import BoundedOptions, Findings, show_share
from salus.checks._growth import Growth
from salus.checks._host import text_of
from salus.errors import CheckBrokenError
from salus.model import Json, Metric, Observation, cause_of
from salus.ports import Check, Look, Site
from salus.units import Amount, Duration, Size, format_duration, format_size

_PAGE = os.sysconf("SC_PAGE_SIZE")
_LIMIT_HOLDS = 60.0


class ProcessMemory(BoundedOptions, frozen=True, kw_only=True):
    """Memory of the process that Salus lives in.

    Shares refer to its limit: the tightest control group's (version 2), or all of the host's memory.

    A leak is told as growth: memory that surely grows over the whole window, however slowly, and not the way up
    after a start: give it ``start_period``, or a window that is longer than that.

    Metrics: ``rss_bytes``, ``rss_ratio`` (of the limit), ``limit_bytes``, ``uss_bytes`` (where it is bounded),
    ``growth_bytes_per_hour`` (once the window was seen). A look costs 40 us, and 300 us once
    a minute for the limit; with a bound on ``uss`` the kernel walks through all pages, 0.3 ms for each 50 MiB.

    Attributes:
        rss_below: unhealthy unless less than this is resident.
        warn_rss_below: degraded unless less than this is resident.
        uss_below: unhealthy unless less than this is its own: shared with no other process, freed by its end.
        warn_uss_below: degraded unless less than this is its own.
        growth_below: unhealthy unless the resident memory grows by less than this in an hour.
        warn_growth_below: degraded unless it grows by less than this in an hour.
        growth_window: the time over which growth is judged; not before so much was seen.
    """

    rss_below: Amount | None = None
    warn_rss_below: Amount | None = None
    uss_below: Amount | None = None
    warn_uss_below: Amount | None = None
    growth_below: Size | None = None
    warn_growth_below: Size | None = None
    growth_window: Duration = Duration(1800)

    def build(self, site: Site) -> Check:
        """Make a check that remembers how much it was."""
        return _ProcessMemoryCheck(self)


class _ProcessMemoryCheck:
    """Reads the memory of this process."""

    instant = True

    def __init__(self, options: ProcessMemory) -> None:
        self._options = options
        self._growth = Growth(options.growth_window)
        self._limit = (0, "")
        self._limit_until = 0.0

    async def look(self, look: Look) -> Observation:
        rss = int(_read("/proc/self/statm").split()[1]) * _PAGE
        if look.started >= self._limit_until:  # it seldom changes, and takes a dozen files to find
            self._limit, self._limit_until = _host.memory_limit(), look.started + _LIMIT_HOLDS
        return self._judge(look, rss, _uss() if self._options.bounds("uss") else None)

    async def aclose(self) -> None:
        """Nothing is kept open."""

    def _judge(self, look: Look, rss: int, uss: int | None) -> Observation:
        findings, options = Findings(), self._options
        total, group = self._limit
        whole = max(total, 1)
        said = f"{format_size(rss)} resident ({show_share(rss / whole)} of {format_size(total)})"
        findings.judge(options, "rss", rss, said, show=format_size, whole=whole)
        metrics = {
            "rss_bytes": Metric(rss, "bytes"),
            "rss_ratio": Metric(rss / whole, "ratio"),
            "limit_bytes": Metric(total, "bytes"),
        }
        if uss is not None:
            findings.judge(options, "uss", uss, f"{format_size(uss)} of its own", show=format_size, whole=whole)
            metrics["uss_bytes"] = Metric(uss, "bytes")
        self._growth.add(look.started, rss)
        if (grown := self._growth.per_hour) is not None:
            metrics["growth_bytes_per_hour"] = Metric(grown, "bytes")
            rate = f"{'-' if grown < 0 else '+'}{format_size(abs(grown))} an hour"
            over = f"{rate} over {format_duration(options.growth_window)}"
            findings.judge(options, "growth", grown, over, show=format_size)
        metadata: dict[str, Json] = {"limited_by": group} if group else {}
        return findings.answer(look, said, metrics=metrics, metadata=metadata)


def _read(path: str) -> str:
    try:
        return text_of(path)
    except OSError as error:
        raise CheckBrokenError(f"cannot read {path}: {error.strerror}", cause=cause_of(error.errno)) from error


def _uss() -> int:
    """Add up what no other process shares."""
    lines = _read("/proc/self/smaps_rollup").splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
