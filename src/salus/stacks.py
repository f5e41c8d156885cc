"""Where the threads and tasks of this process are, as text: read from outside, so it works while they are blocked.

Nothing here keeps a frame: a kept frame keeps its local variables, and whatever they refer to.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import sys
import sysconfig
import threading
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FrameType
from typing import NamedTuple

FRAMES = 30
"""How many frames of a stack are kept: the innermost ones."""

_DEEPEST = 200

_LIBRARIES = tuple(
    {
        os.path.join(form, "")  # noqa: PTH118 -- compared as text with the names in code objects
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
        if (path := sysconfig.get_paths().get(name))
        for form in (path, os.path.realpath(path))
    }
)
_OURS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")  # noqa: PTH100, PTH118, PTH120 -- as above
_INSTALLED = ("/site-packages/", "/dist-packages/")


class Place(NamedTuple):
    """One line of code.

    Attributes:
        file: as the code object names it.
        line: the first is 1.
        function: with the classes and functions around it.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        """Say it as a person would: ``app/jobs.py:12 in crunch``."""
        return f"{short(self.file)}:{self.line} in {self.function}"


class Stack(NamedTuple):
    """Where one thread is.

    Attributes:
        culprit: the innermost place that belongs neither to Python nor to an installed package.
        innermost: where it is exactly.
        lines: the stack, outermost first, as in a traceback; only its innermost ``FRAMES``.
    """

    culprit: Place
    innermost: Place
    lines: tuple[str, ...]


def short(file: str) -> str:
    """Return a file name as it is imported, such as ``shop/orders.py``: without the folder on the path it lies in."""
    bases = (os.path.join(base, "") for base in sys.path if base)  # noqa: PTH118 -- text
    longest = max((base for base in bases if file.startswith(base)), key=len, default="")
    return file.removeprefix(longest)


@lru_cache(maxsize=512)
def is_library(file: str) -> bool:
    """Tell whether a file belongs to Python, to an installed package, or to Salus."""
    if file.startswith("<frozen "):
        return True
    return file.startswith((_OURS, *_LIBRARIES)) or any(part in file for part in _INSTALLED)


def frames_of_others() -> dict[int, FrameType]:
    """Return the innermost frame of every thread but this one.

    The caller's own would refer to itself, by the variable that holds this: then nothing here, neither it nor what
    other threads had in their variables, would be let go of before the garbage collector finds the circle.
    """
    frames = sys._current_frames()  # noqa: SLF001 -- its documented purpose
    frames.pop(threading.get_ident(), None)
    return frames


def place_of(frame: FrameType) -> Place:
    """Return where a frame is."""
    code = frame.f_code
    return Place(code.co_filename, frame.f_lineno or code.co_firstlineno, code.co_qualname)


def walk(frame: FrameType | None, limit: int) -> Iterator[FrameType]:
    """Yield a frame and its callers, innermost first."""
    while frame is not None and limit:
        yield frame
        frame, limit = frame.f_back, limit - 1


def stack_of(frame: FrameType, *, below: CodeType | None = None, limit: int = FRAMES) -> Stack:
    """Read a stack.

    Args:
        frame: the innermost one.
        below: the code that runs an event loop in this thread: only what it runs is of interest, and not whoever
            started it.
        limit: how many frames to keep.
    """
    places: list[Place] = []
    culprit: Place | None = None
    for each in walk(frame, _DEEPEST):
        if below is not None and places and each.f_code is below:
            break
        if culprit is None and not is_library(each.f_code.co_filename):
            culprit = place_of(each)
        if len(places) < limit:
            places.append(place_of(each))
        elif culprit is not None:
            break
    lines = tuple(f"{place.file}:{place.line} in {place.function}" for place in reversed(places))
    return Stack(culprit or places[0], places[0], lines)


def stack_on_loop(thread: int, runs: CodeType | None) -> Stack | None:
    """Read what runs on the event loop of a thread now; None when there is no such thread, or the loop runs nothing.

    The frames are those of one moment: all threads are read together, between two steps of any of them.

    Args:
        thread: its identifier.
        runs: the code that calls back what the loop runs (see ``loop_runner``), where it is known.
    """
    frame = sys._current_frames().get(thread)  # noqa: SLF001 -- its documented purpose
    return None if frame is None or _waits(frame, runs) else stack_of(frame, below=runs)


def loop_rests(thread: int, runs: CodeType) -> bool:
    """Tell whether the event loop of a thread has nothing to run and waits for events."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 -- its documented purpose
    return frame is not None and _waits(frame, runs)


def loop_runner() -> CodeType | None:
    """Return the code that called the function that calls this: in a callback of an event loop, what runs the loop.

    That is ``Handle._run`` where the loop is Python's own, and whoever started the loop where it is made in C (uvloop).
    """
    caller = sys._getframe(1).f_back  # noqa: SLF001 -- nothing public tells
    return None if caller is None else caller.f_code


def _waits(frame: FrameType, runs: CodeType | None) -> bool:
    code = frame.f_code
    if code is runs:  # made in C: it runs nothing of Python
        return code.co_filename != asyncio.events.__file__
    return code.co_name == "select" and code.co_filename == selectors.__file__


class ThreadStack(NamedTuple):
    """One thread and where it is."""

    name: str
    identifier: int
    daemon: bool
    lines: tuple[str, ...]


def thread_stacks(limit: int = FRAMES) -> list[ThreadStack]:
    """Read the stacks of all threads that run Python code, the main thread first; without the caller's own."""
    known = {thread.ident: thread for thread in threading.enumerate()}
    main = threading.main_thread().ident
    found = []
    for identifier, frame in frames_of_others().items():
        thread = known.get(identifier)
        name, daemon = (thread.name, thread.daemon) if thread else (f"thread {identifier}", False)
        found.append(ThreadStack(name, identifier, daemon, stack_of(frame, limit=limit).lines))
    return sorted(found, key=lambda each: (each.identifier != main, each.name))


class TaskStack(NamedTuple):
    """One task and where it waits."""

    name: str
    coroutine: str
    lines: tuple[str, ...]


def tasks_of(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[object]]:
    """Return the tasks of a loop that have not ended. Call it on that loop, or while it is blocked.

    Elsewhere tasks can come and go while they are listed; then the list may be empty.
    """
    for _ in range(3):
        try:
            return list(asyncio.all_tasks(loop))
        except RuntimeError:  # one came or went while they were listed
            continue
    return []


def task_stacks(tasks: list[asyncio.Task[object]], limit: int = FRAMES) -> list[TaskStack]:
    """Read where tasks wait: the stack of each from its coroutine to what it awaits at last."""
    return [TaskStack(task.get_name(), coroutine_name(task), _awaited(task, limit)) for task in tasks]


def coroutine_name(task: asyncio.Task[object]) -> str:
    """Return the name of what a task runs, such as ``Consumer.poll``."""
    inner = task.get_coro()
    return getattr(inner, "__qualname__", None) or type(inner).__name__


def _awaited(task: asyncio.Task[object], limit: int) -> tuple[str, ...]:
    lines: list[str] = []
    inner: object = task.get_coro()
    while inner is not None and len(lines) < limit:
        frame = getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None) or getattr(inner, "ag_frame", None)
        if frame is None:
            break
        place = place_of(frame)
        lines.append(f"{place.file}:{place.line} in {place.function}")
        inner = getattr(inner, "cr_await", None) or getattr(inner, "gi_yieldfrom", None)
    return tuple(lines)
