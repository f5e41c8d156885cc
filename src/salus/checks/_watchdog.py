"""A thread that sees when an event loop is blocked, and by what, while it still is.

1. Every ``beat`` seconds it sees whether the loop's thread waits for events: then the loop is idle, and left asleep.
   Else, and every fifth time, it puts a call on the loop that notes the time: how late that is run is the loop's lag.
2. A call that has not been run after ``blocked_after`` seconds means that the loop is blocked. The stack of its thread
   is read then, and again ever more seldom until the loop answers: it may be blocked by one thing after another.
3. Those who want to know are told at once: when a block begins, when it gets as long as they asked for, when it ends.

There is one such thread for each loop, for as long as somebody watches. Beside an idle loop it costs 0.03% of a core:
most of it is the system's own work to wake a thread two and a half times a second. An idle loop is woken every two
seconds, a busy one is awake anyway.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from salus.clock import SystemClock
from salus.stacks import Place, Stack, coroutine_name, stack_of_thread, thread_waits

_monotonic = SystemClock().monotonic
_MOST_PLACES = 8
_SHORTEST_BEAT = 0.02
_LONGEST_BEAT = 0.4
_RESTS = 5
_LONGEST_BETWEEN_STACKS = 5.0


@dataclass(slots=True)
class Block:
    """A time in which a loop answered nobody.

    Attributes:
        since: monotonic time at which it was seen not to answer; it may have begun up to one beat before.
        until: when it answered again; None while it has not.
        stack: the first one that was seen; None when it was never seen in the act.
        places: how often each culprit was seen, for a loop that is blocked by one thing after another.
        task: name and coroutine of the task that ran, or an empty string.
        stalled: the watching thread stood still too: code that held the GIL, or a starved machine.
    """

    since: float
    until: float | None = None
    stack: Stack | None = None
    places: Counter[Place] = field(default_factory=Counter)
    task: str = ""
    stalled: bool = False

    def lasted(self, now: float) -> float:
        """Return how long it lasted, or has lasted by now."""
        return max(0.0, (now if self.until is None else self.until) - self.since)

    @property
    def culprit(self) -> Place | None:
        """Return the place that was seen most often."""
        return self.places.most_common(1)[0][0] if self.places else None


@dataclass(slots=True, eq=False)
class Watcher:
    """Somebody who wants to know about one loop.

    Attributes:
        marks: seconds of a block after which to be told; the smallest is where a block begins.
        tell: is called, in the watching thread, at each mark and at the end of a block that reached the first.
        worst: longest lag since it was last asked for, in seconds.
        total: all lags since then.
        beats: how many there were.
    """

    marks: tuple[float, ...]
    tell: Callable[[], None]
    worst: float = 0.0
    total: float = 0.0
    beats: int = 0
    told: int = 0

    def take(self) -> tuple[float, float]:
        """Return the worst and the mean lag since the last time."""
        worst, mean = self.worst, self.total / self.beats if self.beats else 0.0
        self.worst, self.total, self.beats = 0.0, 0.0, 0
        return worst, mean


class Watchdog:
    """Watches one loop from a thread of its own.

    Attributes:
        block: the block that goes on now, or None.
        last: the last one that ended, or None.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        """Watch a loop that runs on a thread; nothing runs before somebody joins."""
        self.loop = loop
        self.block: Block | None = None
        self.last: Block | None = None
        self._on = thread
        self._watchers: list[Watcher] = []
        self._stop = threading.Event()
        self._sent = 0.0
        self._answered: float | None = None
        self._rested = _RESTS
        self._thread: threading.Thread | None = None

    @property
    def unanswered(self) -> float:
        """Return for how long the newest call has been waiting on the loop; 0 when none does."""
        return max(0.0, _monotonic() - self._sent) if self._answered is None and self._sent else 0.0

    @property
    def alive(self) -> bool:
        """Tell whether it watches. It ends with the loop, and does not survive a fork."""
        return self._thread is not None and self._thread.is_alive()

    def join(self, watcher: Watcher) -> None:
        """Take one more who wants to know."""
        self._watchers = [*self._watchers, watcher]
        if not self.alive:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="salus-loop-watchdog", daemon=True)
            self._thread.start()

    def leave(self, watcher: Watcher) -> bool:
        """Let one go; tells whether nobody is left, and ends then."""
        self._watchers = [each for each in self._watchers if each is not watcher]
        if not self._watchers:
            self._stop.set()
        return not self._watchers

    # ── In its thread ─────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while not self._stop.is_set() and not self.loop.is_closed():
            watchers = self._watchers
            blocked_after = min((each.marks[0] for each in watchers), default=1.0)
            beat = min(max(0.8 * blocked_after, _SHORTEST_BEAT), _LONGEST_BEAT)
            # Where it has not begun, or rests between two runs, nobody is kept waiting.
            if not self.loop.is_running() or self._idle():
                self._stop.wait(beat)
                continue
            self._sent = self._asked()
            try:
                self.loop.call_soon_threadsafe(self._answer, self._sent)
            except RuntimeError:  # it has closed in this very moment
                return
            self._stop.wait(beat)
            late = _monotonic() - self._sent - beat
            if self._waits():
                self._watch(blocked_after)
            elif late >= blocked_after:
                self._stalled(late)
            if (answered := self._answered) is not None:
                self._note(max(answered - self._sent, late if late >= blocked_after else 0.0))

    def _idle(self) -> bool:
        """Tell whether the loop need not be asked: it waits for events, and was asked not long ago."""
        self._rested += 1
        if self._rested < _RESTS and thread_waits(self._on):
            return True
        self._rested = 0
        return False

    def _asked(self) -> float:
        """Forget the last answer, and return the time."""
        self._answered = None
        return _monotonic()

    def _waits(self) -> bool:
        """Tell whether the newest call has not been run yet."""
        return self._answered is None

    def _answer(self, sent: float) -> None:
        """Note when the loop got to it. Runs on the loop."""
        if sent == self._sent:  # and not one of a run of the loop that ended meanwhile
            self._answered = _monotonic()

    def _watch(self, blocked_after: float) -> None:
        """Wait until the loop answers; from ``blocked_after`` on, say so and read stacks."""
        pause = max(blocked_after / 10, _SHORTEST_BEAT)
        self._wait(self._sent + blocked_after, pause)
        if not self._waits() or self._gone():
            return
        self.block = block = Block(since=self._sent)
        between = max(blocked_after / 2, _SHORTEST_BEAT)
        while self._waits() and not self._gone():
            self._read(block)
            self._tell(block)
            self._wait(min(_monotonic() + between, self._next_mark(block)), pause)
            between = min(between * 1.5, _LONGEST_BETWEEN_STACKS)
        self._end(block)

    def _wait(self, until: float, pause: float) -> None:
        """Wait until then, or shortly after the loop has answered."""
        while self._waits() and not self._gone() and (left := until - _monotonic()) > 0:
            self._stop.wait(min(left, pause))

    def _gone(self) -> bool:
        return self._stop.is_set() or not self.loop.is_running()

    def _read(self, block: Block) -> None:
        stack = stack_of_thread(self._on, of_loop=True)
        if stack is None:  # it waits for events: free again, or starved rather than blocked
            return
        if block.stack is None:
            block.stack = stack
            block.task = self._task()
        if stack.culprit in block.places or len(block.places) < _MOST_PLACES:
            block.places[stack.culprit] += 1

    def _task(self) -> str:
        with suppress(RuntimeError):
            if task := asyncio.current_task(self.loop):
                return f"{task.get_name()} ({coroutine_name(task)})"
        return ""

    def _stalled(self, late: float) -> None:
        """Note that this thread itself could not run. What the loop's thread is at now is the likeliest reason."""
        now = _monotonic()
        block = Block(since=now - late, stalled=True)
        self._read(block)
        self._tell(block, now)
        self._end(block)

    def _tell(self, block: Block, now: float | None = None) -> None:
        lasted = block.lasted(_monotonic() if now is None else now)
        for watcher in self._watchers:
            reached = sum(lasted >= mark for mark in watcher.marks)
            if reached > watcher.told:
                watcher.told = reached
                watcher.tell()

    def _next_mark(self, block: Block) -> float:
        marks = (each.marks[each.told] for each in self._watchers if each.told < len(each.marks))
        return block.since + min(marks, default=float("inf"))

    def _end(self, block: Block) -> None:
        block.until = _monotonic() if self._answered is None or block.stalled else self._answered
        self.last, self.block = block, None
        for watcher in self._watchers:
            if watcher.told:
                watcher.told = 0
                watcher.tell()

    def _note(self, lag: float) -> None:
        for watcher in self._watchers:
            watcher.worst = max(watcher.worst, lag)
            watcher.total += lag
            watcher.beats += 1


_dogs: dict[asyncio.AbstractEventLoop, Watchdog] = {}
_lock = threading.Lock()


def watch(loop: asyncio.AbstractEventLoop, thread: int, watcher: Watcher) -> Watchdog:
    """Join the watchdog of a loop; the first one to do so starts it."""
    with _lock:
        for closed in [each for each in _dogs if each.is_closed()]:
            del _dogs[closed]
        dog = _dogs.get(loop)
        if dog is None:
            dog = _dogs[loop] = Watchdog(loop, thread)
        dog.join(watcher)
        return dog


def unwatch(dog: Watchdog, watcher: Watcher) -> None:
    """Leave a watchdog; the last one to do so ends it."""
    with _lock:
        if dog.leave(watcher) and _dogs.get(dog.loop) is dog:
            del _dogs[dog.loop]
