"""Record where every thread and every task of this process is."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from salus.bounds import bounded
from salus.model import Effect, Json
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene
from salus.stacks import TaskStack, task_stacks, tasks_of, thread_stacks
from salus.units import Duration, Size, format_duration


class DumpStacks(ActionOptions, frozen=True, kw_only=True):
    """Record the stacks of all threads and asyncio tasks of the process that Salus lives in.

    It heals nothing, so it never counts as success. It works while the application's event loop is blocked: its tasks
    are then read from outside. For another process, ``capture_evidence`` with ``py-spy`` as its command or with a
    signal for ``faulthandler`` does the same.

    Attributes:
        threads: record the threads.
        tasks: record the tasks of the application's event loop (of Salus' own, where there is no application).
        frames: how many frames of each stack, the innermost ones.
        most: how many threads and how many tasks at most; tasks that wait at the same place count once.
        loop_timeout: how long the loop may take to answer before its tasks are read from outside.
        limit: characters of JSON to which everything together is cut down.
    """

    effect: ClassVar[Effect] = Effect.RECORDS

    threads: bool = True
    tasks: bool = True
    frames: int = 20
    most: int = 100
    loop_timeout: Duration = Duration(0.5)
    limit: Size = Size(32768)

    def problems(self) -> list[tuple[str, str]]:
        """Find what would record nothing, or too much."""
        found: list[tuple[str, str]] = []
        if not self.threads and not self.tasks:
            found.append(("threads", "neither threads nor tasks: nothing would be recorded"))
        if not 1 <= self.frames <= 200:
            found.append(("frames", "must be from 1 to 200"))
        if not 1 <= self.most <= 1000:
            found.append(("most", "must be from 1 to 1000"))
        if not 256 <= self.limit <= 1 << 20:
            found.append(("limit", "must be from 256 B to 1 MiB"))
        return found

    async def run(self, scene: Scene) -> ActionResult:
        """Read them, the threads first: they move."""
        found: dict[str, Json] = {}
        said = []
        if self.threads:
            stacks = thread_stacks(self.frames)
            found["threads"] = [
                {"name": each.name, "daemon": each.daemon, "stack": [*each.lines]} for each in stacks[: self.most]
            ]
            said.append(f"{len(stacks)} threads")
        if self.tasks:
            tasks, outside = await self._tasks(scene)
            found["tasks"] = _grouped(tasks, self.most)
            said.append(f"{len(tasks)} tasks")
            if outside:
                found["event_loop"] = f"did not answer within {format_duration(self.loop_timeout)}"
        return ActionResult(message=f"recorded {' and '.join(said)}", evidence=bounded(found, self.limit))

    async def _tasks(self, scene: Scene) -> tuple[list[TaskStack], bool]:
        """Read tasks on their loop, or from outside when that does not answer."""
        home = scene.site.home
        deadline = asyncio.timeout(self.loop_timeout)
        try:
            async with deadline:
                return await home.run(partial(_there, self.frames)), False
        except TimeoutError:
            if not deadline.expired() or home.loop is None:
                raise
            return task_stacks(tasks_of(home.loop), self.frames), True


async def _there(frames: int) -> list[TaskStack]:
    own = asyncio.current_task()
    return task_stacks([task for task in tasks_of(asyncio.get_running_loop()) if task is not own], frames)


def _grouped(tasks: list[TaskStack], most: int) -> list[Json]:
    """Put together what waits at the same place: a thousand connections are one entry. The most frequent first."""
    groups: dict[tuple[str, ...], list[TaskStack]] = {}
    for task in tasks:
        groups.setdefault((task.coroutine, *task.lines), []).append(task)
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [
        {"name": alike[0].name, "coroutine": alike[0].coroutine, "count": len(alike), "stack": [*alike[0].lines]}
        for alike in ordered[:most]
    ]
