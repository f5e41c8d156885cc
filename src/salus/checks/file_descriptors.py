"""The ``file_descriptors`` check: how many files and sockets this process has open, of how many it may."""

from __future__ import annotations

import os
import re
import resource
from collections import Counter

from salus.checks._bounds import BoundedOptions, Findings, show_share
from salus.checks._growth import Growth
from salus.checks._proc import open_files
from salus.checks.threads import judge_growth
from salus.errors import CheckBrokenError
from salus.model import Json, Metric, Observation, Status
from salus.ports import Check, Look, Site
from salus.units import Duration, Share

_WARN, _BAD = 0.8, 0.95
_MOST_READ = 2000
_KIND = re.compile(r"(socket|pipe|anon_inode):\[?(\w*)")
_OTHERS = {"eventfd": "eventfds", "eventpoll": "epolls", "inotify": "inotifies", "pidfd": "pidfds"}


class FileDescriptors(BoundedOptions, frozen=True, kw_only=True):
    """Files, sockets and pipes that the process that Salus lives in has open.

    At the soft limit it can open no more: no connection is accepted, no file is read. Without bounds it is degraded
    from 80% of the soft limit and unhealthy from 95%. The metadata of a bad look says what is open: sockets, files,
    pipes and so on. A leak is told as growth, long before the limit is near.

    Metrics: ``open``, ``limit`` (soft), ``used_ratio``, ``growth_per_hour`` (once the window was seen). A look costs
    30 us (before Linux 6.2: 1 us for each open file).

    Attributes:
        open_below: unhealthy unless fewer than this are open.
        warn_open_below: degraded unless fewer than this are open.
        used_below: unhealthy unless less than this share of the soft limit is open.
        warn_used_below: degraded unless less than this share of the soft limit is open.
        growth_below: unhealthy unless their number grows by less than this in an hour.
        warn_growth_below: degraded unless their number grows by less than this in an hour.
        growth_window: the time over which growth is judged; not before so much was seen.
    """

    open_below: int | None = None
    warn_open_below: int | None = None
    used_below: Share | None = None
    warn_used_below: Share | None = None
    growth_below: float | None = None
    warn_growth_below: float | None = None
    growth_window: Duration = Duration(1800)

    def build(self, site: Site) -> Check:
        """Make a check that remembers how many there were."""
        return _FileDescriptorsCheck(self)


class _FileDescriptorsCheck:
    """Counts what is open."""

    instant = True

    def __init__(self, options: FileDescriptors) -> None:
        self._options = options
        if not options.bounds("open") and not options.bounds("used"):
            self._options = _with_defaults(options)
        self._growth = Growth(options.growth_window)

    async def look(self, look: Look) -> Observation:
        count = open_files(os.getpid())
        if count is None:
            raise CheckBrokenError("cannot read /proc/self/fd", remedy="mount /proc, or leave this check out")
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        findings, metrics = Findings(), {"open": Metric(count)}
        findings.judge(self._options, "open", count, f"{count} open")
        said = f"{count} open"
        if limit != resource.RLIM_INFINITY:
            share = count / max(limit, 1)
            metrics |= {"limit": Metric(limit), "used_ratio": Metric(share, "ratio")}
            said = f"{count} of {limit} open ({show_share(share)})"
            findings.judge(self._options, "used", share, said, show=show_share)
        self._growth.add(look.started, count)
        judge_growth(findings, self._options, self._growth, metrics, "open files")
        metadata: dict[str, Json] = {} if findings.status is Status.HEALTHY else {"kinds": _kinds()}
        return findings.answer(look, said, metrics=metrics, metadata=metadata)

    async def aclose(self) -> None:
        """Nothing is kept open."""


def _with_defaults(options: FileDescriptors) -> FileDescriptors:
    from msgspec.structs import replace

    return replace(options, used_below=Share(_BAD), warn_used_below=Share(_WARN))


def _kinds() -> dict[str, Json]:
    """Count what is open by kind, of the first ``_MOST_READ``: a link each, which never waits."""
    counts: Counter[str] = Counter()
    try:
        numbers = os.listdir("/proc/self/fd")[:_MOST_READ]  # noqa: PTH208 -- in memory of the kernel
    except OSError:
        return {}
    for number in numbers:
        try:
            target = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 -- as above
        except OSError:  # closed meanwhile
            continue
        found = _KIND.match(target)
        if found is None:
            counts["devices" if target.startswith("/dev/") else "files"] += 1
        else:
            counts[_OTHERS.get(found[2], "others") if found[1] == "anon_inode" else f"{found[1]}s"] += 1
    return dict(counts.most_common())
