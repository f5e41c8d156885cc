"""Start background tasks so that none is lost: kept alive while it runs, its failure reported, its end awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

Result = TypeVar("Result")


def begin(work: Coroutine[object, object, Result]) -> asyncio.Task[Result]:
    """Start something beside the caller, who holds it and awaits it before it returns."""
    return asyncio.get_running_loop().create_task(work)


class Nursery:
    """The tasks one owner has started. Ends them all, bounded, when the owner stops.

    Unlike ``asyncio.TaskGroup`` the failure of one task does not end the others: a broken recovery must not stop the
    checks. It is handed to ``on_error`` instead.
    """

    def __init__(self, on_error: Callable[[str, BaseException], None]) -> None:
        """Report failures to ``on_error(task name, exception)``."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._on_error = on_error

    def __len__(self) -> int:
        """Return how many tasks run."""
        return len(self._tasks)

    def start(self, name: str, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Start a task and keep it until it ends."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._on_error(task.get_name(), error)

    async def stop(self, grace: float) -> list[str]:
        """Wait ``grace`` seconds for the tasks, cancel the rest, wait as long again; return what is left."""
        current = asyncio.current_task()
        if tasks := {task for task in self._tasks if task is not current}:
            _, pending = await asyncio.wait(tasks, timeout=grace)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending, timeout=max(grace, 1.0))
        return [task.get_name() for task in tasks if not task.done()]
