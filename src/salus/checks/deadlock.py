"""The ``deadlock`` check: threads that wait for each other's locks, and threads that wait for a lock for too long."""

from __future__ import annotations

from collections import Counter

from salus.bounds import bounded
from salus.checks._bounds import BoundedOptions, Findings
from salus.checks._waiting import Found, Standstill, Waiter
from salus.model import Json, Metric, Observation
from salus.ports import Check, Look, Site
from salus.threads import Threads
from salus.units import Duration, format_duration

_THREADS = Threads(2, "salus-deadlock-check")
_UNDISTURBED = 0.1
_MOST_TOLD = 10
_LARGEST = 12 * 1024


class Deadlock(BoundedOptions, frozen=True, kw_only=True):
    """Threads of the process that Salus lives in that cannot go on, each with its stack.

    *Proven* is a deadlock when threads wait in a circle for locks that the others hold, or one for a lock that it holds
    itself, and none of them moves: unhealthy, by the second look after it began. A thread that has only *waited* for a
    lock for ``longer_than`` is degraded: whoever holds the lock may still let go.

    Seen are ``threading.Lock``, ``RLock`` and ``Condition`` (so ``queue.Queue`` too) where they are taken by ``with``
    or ``acquire()``; idle threads, which wait for work, for an event or for another's end, are not at a lock.

    Limits: whether and for what a thread waits is read from the source, which must be there and be the one that runs.
    An ``RLock`` knows its holder; that of a plain ``Lock`` is found where it stands within ``with lock:``, or within
    ``try:`` whose ``finally:`` releases it, and where the lock is a variable, an attribute or an item of a plain
    container. Else the circle cannot be proven, and the threads are told as waiting. A plain ``acquire()`` of a lock
    without a known holder is taken for a signal between threads, and left alone unless two wait there. Code of C,
    locks between processes and ``asyncio.Lock`` are not seen.

    Metrics: ``waiting`` (threads that wait for a lock and have not run since the last look), ``deadlocked``,
    ``waited_seconds`` (the longest). A look costs 20 us and 1 us for each thread; some ms when threads wait for locks.

    Attributes:
        longer_than: degraded when a thread has waited for one lock for longer than this.
        waiting_below: unhealthy unless every thread has waited for one lock for less than this, proven or not.
    """

    scalar = "longer_than"

    longer_than: Duration = Duration(30)
    waiting_below: Duration | None = None

    def problems(self) -> list[tuple[str, str]]:
        """See that it is told before it is bad."""
        found = super().problems()
        if self.waiting_below is not None and self.waiting_below < self.longer_than:
            found.append(("waiting_below", "is less than longer_than, from which a wait is told at all"))
        return found

    def build(self, site: Site) -> Check:
        """Make a check that remembers where every thread was."""
        return _DeadlockCheck(self)


class _DeadlockCheck:
    """Compares where threads are from look to look."""

    def __init__(self, options: Deadlock) -> None:
        self._options = options
        self._standstill = Standstill()

    async def look(self, look: Look) -> Observation:
        now = look.started
        suspects = self._standstill.suspects(now)
        seen = Found()
        if suspects:
            seen = await _THREADS.run(self._standstill.examine, suspects, now)
            if seen.undecided:
                await look.site.clock.sleep(min(_UNDISTURBED, look.remaining / 2))
                seen = await _THREADS.run(self._standstill.examine, suspects, now)
        return self._judge(look, seen)

    async def aclose(self) -> None:
        """Nothing is kept open."""

    def _judge(self, look: Look, seen: Found) -> Observation:
        findings, options = Findings(), self._options
        for circle in seen.circles:
            findings.unhealthy(_circle(circle))
        waiting = [each for each in seen.waiters if not each.proven and _meant(each, seen)]
        too_long = [each for each in waiting if each.waited > options.longer_than]
        longest = max((each.waited for each in seen.waiters), default=0.0)
        for waiter in sorted(too_long, key=lambda each: -each.waited)[:_MOST_TOLD]:
            limit = options.waiting_below
            note = findings.unhealthy if limit is not None and waiter.waited >= limit else findings.degraded
            note(_wait(waiter, seen))
        proven = [each for each in seen.waiters if each.proven]
        metrics = {
            "waiting": Metric(len(seen.waiters)),
            "deadlocked": Metric(len(proven)),
            "waited_seconds": Metric(longest, "seconds"),
        }
        told = [*proven, *too_long][:_MOST_TOLD]
        metadata = bounded({"threads": _stacks(told, seen)}, _LARGEST) if told else {}
        said = "no thread waits for a lock" if not seen.waiters else f"{len(seen.waiters)} threads wait for a lock"
        return findings.answer(look, said, metrics=metrics, metadata=metadata)


def _meant(waiter: Waiter, seen: Found) -> bool:
    """Tell a wait for a lock from a lock that is used as a signal: nobody holds that, and nobody enters it."""
    if waiter.entered or waiter.holder is not None:
        return True
    together = Counter(each.locked for each in seen.waiters if each.locked is not None)
    return waiter.locked is not None and together[waiter.locked] > 1


def _circle(circle: list[Waiter]) -> str:
    lasted = format_duration(min(each.waited for each in circle))
    places = " and ".join(f"{each.name} ({each.place}, for {each.lock})" for each in circle)
    what = "wait for each other's locks" if len(circle) > 1 else "waits for a lock that it holds itself"
    return f"deadlock: {places} {what}, for at least {lasted}"


def _wait(waiter: Waiter, seen: Found) -> str:
    waits = f"{waiter.name} has waited {format_duration(waiter.waited)} for {waiter.lock} ({waiter.place})"
    if waiter.holder is None:
        return waits
    if waiter.holder in seen.holders:
        name, place, _ = seen.holders[waiter.holder]
        return f"{waits}, held by {name} ({place})"
    holder = next((each.name for each in seen.waiters if each.identifier == waiter.holder), "")
    return f"{waits}, held by {holder or 'a thread that has ended'}"


def _stacks(waiters: list[Waiter], seen: Found) -> list[Json]:
    names = {each.identifier: each.name for each in seen.waiters}
    names |= {identifier: holder[0] for identifier, holder in seen.holders.items()}
    told: list[Json] = [
        {
            "name": each.name,
            "waits_for": each.lock,
            "held_by": names.get(each.holder, "") if each.holder is not None else "",
            "waited_seconds": round(each.waited, 3),
            "stack": [*each.lines],
        }
        for each in waiters
    ]
    wanted = {each.holder for each in waiters}
    told += [{"name": name, "stack": [*lines]} for holder, (name, _, lines) in seen.holders.items() if holder in wanted]
    return told
