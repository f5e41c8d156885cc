"""The ``tasks`` check: how many asyncio tasks the application has, and whether they become ever more."""

from __future__ import annotations

import asyncio
from functools import partial

from salus.checks._bounds import BoundedOptions, Findings
from salus.checks._growth import Growth
from salus.checks.threads import judge_growth, most_frequent
from salus.model import Json, Metric, Observation, Status
from salus.ports import Check, Look, Site
from salus.stacks import coroutine_name, tasks_of
from salus.units import Duration

_SHARE_OF_TIMEOUT = 0.8


class Tasks(BoundedOptions, frozen=True, kw_only=True):
    """The asyncio tasks of the application that Salus lives in; of an agent by itself, Salus' own.

    They are counted on the application's loop, between two of its own steps: 0.3 us for each task there is. When that
    loop is blocked the look is ``unknown`` (the ``event_loop`` check says what blocks it). The metadata of a bad look
    says which coroutines the tasks run.

    Metrics: ``count``, ``growth_per_hour`` (once the window was seen). A look costs 125 us, a third of it on the
    application's loop.

    Attributes:
        count_below: unhealthy unless there are fewer tasks than this.
        warn_count_below: degraded unless there are fewer tasks than this.
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
        return _TasksCheck(self)


class _TasksCheck:
    """Counts tasks on the loop that has them."""

    def __init__(self, options: Tasks) -> None:
        self._options = options
        self._growth = Growth(options.growth_window)

    async def look(self, look: Look) -> Observation:
        counted = await self._there(look, named=False)
        if counted is None:
            return look.unknown("the application's event loop does not answer, so its tasks cannot be counted")
        count, _ = counted
        metrics = {"count": Metric(count)}
        findings = Findings()
        findings.judge(self._options, "count", count, f"{count} tasks")
        self._growth.add(look.started, count)
        judge_growth(findings, self._options, self._growth, metrics, "tasks")
        metadata: dict[str, Json] = {}
        if findings.status is not Status.HEALTHY and (named := await self._there(look, named=True)):
            metadata["coroutines"] = named[1]
        return findings.answer(look, f"{count} tasks", metrics=metrics, metadata=metadata)

    async def aclose(self) -> None:
        """Nothing is kept open."""

    async def _there(self, look: Look, *, named: bool) -> tuple[int, dict[str, Json]] | None:
        """Count on the application's loop; None when that does not get to it in time."""
        deadline = asyncio.timeout(look.remaining * _SHARE_OF_TIMEOUT)
        try:
            async with deadline:
                return await look.site.home.run(partial(_count, named=named))
        except TimeoutError:
            if not deadline.expired():
                raise
            return None


async def _count(*, named: bool) -> tuple[int, dict[str, Json]]:
    """Count the tasks of this loop, but for the one that counts."""
    tasks = tasks_of(asyncio.get_running_loop())
    if not named:
        return len(tasks) - 1, {}
    own = asyncio.current_task()
    return len(tasks) - 1, most_frequent(coroutine_name(task) for task in tasks if task is not own)
