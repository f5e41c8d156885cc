"""Fold observations into the truth about a check. Pure: ``now`` is an argument.

The rules, in the words of Nagios (hard and soft states), Docker (start period) and Kubernetes (a prober's own trouble
moves nothing):

1. ``failure_threshold`` bad looks in a row make the verdict bad, ``success_threshold`` healthy looks in a row make it
   healthy. From degraded to unhealthy takes ``failure_threshold`` unhealthy looks; back from unhealthy to degraded
   takes ``success_threshold`` looks that are not unhealthy. With a ``failure_window`` the bad looks are counted among
   that many looks (m of n), and a healthy verdict also needs fewer than ``failure_threshold`` of them.
   Looks that come out of turn, because somebody asks or something else has changed, prove nothing twice: bad looks in a
   row that are in within half a ``retry_interval`` (or half an ``interval``, if that is shorter) count as one.
2. A look that could not tell leaves every other counter as it is. ``failure_threshold`` of them in a row make the
   verdict ``unknown``.
3. In the start period bad looks do not count. It ends with the first healthy look, and begins again when a new
   incarnation of the target is seen, at once or after a while in which there was none. It excuses a copy, and not that
   there is none any more. Bad looks at a copy do not count against the one that took its place at once.
4. Flapping, as Nagios weighs it: of the last 21 looks at one incarnation, each of the 20 changes between good and bad
   counts from 0.75 (the oldest) to 1.25 (the newest). The sum over 20 is the share of change; flapping begins at
   ``high_flap_threshold`` and ends under ``low_flap_threshold``.

``CheckState.recent`` packs the last looks, two bits each, the newest lowest: 1 healthy, 2 degraded, 3 unhealthy, and 0
where there was none. So bit 1 of a look says that it was bad.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from salus.model import LOOKS_KEPT, CheckSpec, CheckState, Observation, Overall, Status

STALE_INTERVALS = 3
FLAP_LOOKS = 21

_HEALTHY, _DEGRADED, _UNHEALTHY = 1, 2, 3
_CODE = {Status.HEALTHY: _HEALTHY, Status.DEGRADED: _DEGRADED, Status.UNHEALTHY: _UNHEALTHY}
_STATUSES = (Status.UNKNOWN, Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY)
_LETTERS = "?hdu"
_KEPT = (1 << 2 * LOOKS_KEPT) - 1
_FULL = 1 << 2 * (LOOKS_KEPT + 1)
_BAD_BITS = int("10" * LOOKS_KEPT, 2)
_NEWEST_WEIGHT, _OLDEST_WEIGHT = 1.25, 0.75
_WEIGHTS = tuple(
    _NEWEST_WEIGHT - place * (_NEWEST_WEIGHT - _OLDEST_WEIGHT) / (FLAP_LOOKS - 2) for place in range(FLAP_LOOKS - 1)
)


@dataclass(frozen=True, slots=True)
class Transition:
    """The verdict changed."""

    old: Status
    new: Status


def fold(state: CheckState, seen: Observation, spec: CheckSpec, now: datetime) -> tuple[CheckState, Transition | None]:
    """Return the state after one more look, and the change of verdict if there is one.

    Args:
        state: the state before.
        seen: what the look saw.
        spec: thresholds and start period.
        now: when the look was in.
    """
    state = _begun(state, seen, now)
    if seen.status is Status.UNKNOWN:
        counted = replace(state, consecutive_unknown=state.consecutive_unknown + 1, last=seen)
    elif seen.status is Status.HEALTHY:
        counted = _count_good(state, seen, spec)
    elif spec.start_period and in_start_period(after := replace(state, last=seen), spec, now):
        counted = after
    else:
        counted = _count_bad(state, seen, spec, now)
    verdict = _verdict(counted, spec, now)
    if verdict is state.status:
        return counted, None
    return replace(counted, status=verdict, since=now), Transition(state.status, verdict)


def _begun(state: CheckState, seen: Observation, now: datetime) -> CheckState:
    """Begin counting: with the first look, and with every new copy of the target."""
    copy, known, last = seen.incarnation, state.incarnation, state.last
    if state.started is None:
        return replace(state, started=now, since=state.since or now, incarnation=copy or known)
    if copy is None or copy == known:
        return state
    if known is not None and last is not None and last.incarnation == known:
        return replace(renewed(state, now), incarnation=copy)  # it must fail by itself before anybody acts on it
    # There was none for a while. What is bad through all of that is bad, however often it comes back.
    return replace(state, started=now, settled=False, incarnation=copy)


def renewed(state: CheckState, now: datetime) -> CheckState:
    """Return the state when the target has been replaced: a clean sheet, and a new start period."""
    return replace(state, started=now, settled=False, consecutive_failures=0, consecutive_unhealthy=0, recent=0)


def forgiven(state: CheckState) -> CheckState:
    """Return the state after Salus itself changed the target: what was seen before says nothing about flapping.

    Where it flaps, that ends with the next look, and is told then.
    """
    return replace(state, recent=0) if state.recent else state


def _count_good(state: CheckState, seen: Observation, spec: CheckSpec) -> CheckState:
    recent = (state.recent << 2 | _HEALTHY) & _KEPT
    return CheckState(
        status=state.status,
        since=state.since,
        started=state.started,
        settled=True,
        consecutive_successes=state.consecutive_successes + 1,
        consecutive_better=state.consecutive_better + 1,
        recent=recent,
        flapping=_flaps(recent, spec, flapping=state.flapping),
        incarnation=state.incarnation,
        last=seen,
    )


def _count_bad(state: CheckState, seen: Observation, spec: CheckSpec, now: datetime) -> CheckState:
    unhealthy = seen.status is Status.UNHEALTHY
    if _counted_just_now(state, seen, spec, now):
        if not unhealthy or state.recent & 3 == _UNHEALTHY:
            return replace(state, consecutive_unknown=0, last=seen)
        # It is worse than the one that counted, and takes its place.
        return replace(
            state,
            consecutive_unhealthy=state.consecutive_unhealthy + 1,
            consecutive_better=0,
            consecutive_unknown=0,
            recent=state.recent | _UNHEALTHY,
            last=seen,
        )
    recent = (state.recent << 2 | _CODE[seen.status]) & _KEPT
    return CheckState(
        status=state.status,
        since=state.since,
        started=state.started,
        settled=state.settled,
        consecutive_failures=state.consecutive_failures + 1,
        consecutive_unhealthy=state.consecutive_unhealthy + 1 if unhealthy else 0,
        consecutive_better=0 if unhealthy else state.consecutive_better + 1,
        failing_since=state.failing_since or now,
        counted=now,
        recent=recent,
        flapping=_flaps(recent, spec, flapping=state.flapping),
        incarnation=state.incarnation,
        last=seen,
    )


def _counted_just_now(state: CheckState, seen: Observation, spec: CheckSpec, now: datetime) -> bool:
    if not state.consecutive_failures or not state.recent or state.last is None:
        return False
    # That a copy is not there any more is another fact than what it did.
    return seen.incarnation == state.last.incarnation and out_of_turn(state.counted, spec, now)


def out_of_turn(counted: datetime | None, spec: CheckSpec, now: datetime) -> bool:
    """Tell whether a look is in sooner after one that counted than any look that was due."""
    if counted is None:
        return False
    return timedelta(0) <= now - counted < timedelta(seconds=min(spec.interval, spec.retry_interval) / 2)


def _verdict(state: CheckState, spec: CheckSpec, now: datetime) -> Status:
    seen = state.last
    if seen is None:
        return state.status
    if seen.status is Status.UNKNOWN:
        return Status.UNKNOWN if state.consecutive_unknown >= spec.failure_threshold else state.status
    if seen.status is Status.HEALTHY:
        well = state.consecutive_successes >= spec.success_threshold
        if well and spec.failure_window:
            well = state.bad_looks(spec.failure_window) < spec.failure_threshold
        return Status.HEALTHY if well else state.status
    if in_start_period(state, spec, now) or state.bad_looks(spec.failure_window) < spec.failure_threshold:
        return state.status
    if state.bad_looks(spec.failure_window, Status.UNHEALTHY) >= spec.failure_threshold:
        return Status.UNHEALTHY
    if state.status is Status.UNHEALTHY and state.consecutive_better < spec.success_threshold:
        return Status.UNHEALTHY
    return Status.DEGRADED


def change_share(recent: int) -> float:
    """Return the weighted share of changes (0 to 1) between good and bad among the last 21 looks.

    Nagios, "Detection and Handling of State Flapping": twenty possible changes, the newest weighing most.
    """
    changes = (recent ^ recent >> 2) & _BAD_BITS
    looks = (recent.bit_length() + 1) // 2
    changes &= (1 << 2 * min(looks - 1, FLAP_LOOKS - 1)) - 1 if looks > 1 else 0
    if not changes:
        return 0.0
    total = sum(weight for place, weight in enumerate(_WEIGHTS) if changes >> 2 * place & 2)
    return total / (FLAP_LOOKS - 1)


def looked(ring: int, status: Status) -> int:
    """Return the last looks with one more.

    Args:
        ring: the last ``LOOKS_KEPT`` looks for people to see, whatever they were looks at: two bits each, the newest
            lowest, 0 where it could not tell, below a 1 that tells how many they are. ``NO_LOOKS`` is none.
        status: what the next one saw.
    """
    ring = ring << 2 | _CODE.get(status, 0)
    return ring if ring < _FULL else ring & _KEPT | _FULL >> 2


def looks(ring: int) -> list[Status]:
    """Return the last looks, the oldest first."""
    count = (ring.bit_length() - 1) // 2
    return [_STATUSES[ring >> 2 * place & 3] for place in range(count - 1, -1, -1)]


def letters(ring: int) -> str:
    """Return the last looks as letters, the newest last: ``h``, ``d``, ``u``, and ``?`` where one could not tell."""
    count = (ring.bit_length() - 1) // 2
    return "".join(_LETTERS[ring >> 2 * place & 3] for place in range(count - 1, -1, -1))


def ring_of(state: CheckState) -> int:
    """Return the last looks as far as a state remembers them."""
    count = (state.recent.bit_length() + 1) // 2
    return 1 << 2 * count | state.recent


def _flaps(recent: int, spec: CheckSpec, *, flapping: bool) -> bool:
    if not spec.high_flap_threshold or not recent & _BAD_BITS:
        return False
    share = change_share(recent)
    return share >= spec.low_flap_threshold if flapping else share >= spec.high_flap_threshold


def in_start_period(state: CheckState, spec: CheckSpec, now: datetime) -> bool:
    """Tell whether bad looks do not count yet."""
    return state.start_period_left(spec, now) > 0


def undecided(state: CheckState, spec: CheckSpec, now: datetime, looks_to_act: int = 1) -> bool:
    """Tell whether the next look should come after ``retry_interval`` instead of ``interval``.

    Args:
        state: the state after the last look.
        spec: thresholds.
        now: when that look was in.
        looks_to_act: the largest ``min_failure_count`` among the rules of this check.
    """
    seen = state.last
    if seen is None:
        return False
    if seen.status is Status.UNKNOWN:
        return state.consecutive_unknown < spec.failure_threshold
    if seen.status is Status.HEALTHY:
        if spec.failure_window and 0 < state.bad_looks(spec.failure_window) < spec.failure_threshold:
            return True
        return state.status is not Status.HEALTHY and state.consecutive_successes < spec.success_threshold
    worst_run = state.bad_looks(spec.failure_window, seen.status)
    return in_start_period(state, spec, now) or worst_run < max(spec.failure_threshold, looks_to_act)


def stale(state: CheckState, spec: CheckSpec, now: datetime) -> bool:
    """Tell whether the last look is too old to be believed: three intervals and a time-out."""
    if state.last is None:
        return True
    return now - state.last.at > timedelta(seconds=STALE_INTERVALS * spec.interval + spec.timeout)


def overall(checks: Iterable[tuple[CheckSpec, CheckState]], now: datetime, *, paused: int = 0) -> Overall:
    """Give all checks in one word and one sentence.

    A critical unhealthy check makes the whole ``unhealthy``. Any degraded check, or an unhealthy one that is not
    critical, makes it ``degraded``; so does a critical check that could not tell once its start period is over. A good
    verdict that is too old says nothing; a bad one stays until a look says otherwise.
    Ready: started, and not unhealthy, and no critical check unknown. Started: every check has been looked at once.
    Live: no check marked ``liveness`` is unhealthy. ``paused`` further ones were set aside, and only counted.
    """
    critical: list[str] = []
    lesser: list[str] = []
    unsure: list[str] = []
    waiting: list[str] = []
    live = True
    count = 0
    for spec, state in checks:
        count += 1
        # What was bad and not looked at since, as while an action of its recovery runs, has not become better.
        status = state.status if state.status.bad or not stale(state, spec, now) else Status.UNKNOWN
        if state.started is None:
            waiting.append(spec.name)
        elif status is Status.UNHEALTHY:
            (critical if spec.critical else lesser).append(spec.name)
            live = live and not spec.liveness
        elif status is Status.DEGRADED:
            lesser.append(spec.name)
        elif status is Status.UNKNOWN and spec.critical:
            unsure.append(spec.name)
            if not in_start_period(state, spec, now):
                lesser.append(spec.name)
    status, message = _sentence(count, critical, lesser, waiting)
    if paused:
        message = f"{message} ({paused} paused)"
    ready = not waiting and not critical and not unsure
    return Overall(
        status=status,
        message=message,
        ready=ready,
        live=live,
        started=not waiting,
        culprits=tuple(critical + lesser),
        paused=paused,
    )


def _sentence(count: int, critical: list[str], lesser: list[str], waiting: list[str]) -> tuple[Status, str]:
    if critical:
        return Status.UNHEALTHY, f"Down: {_names(critical)}"
    if lesser:
        return Status.DEGRADED, f"Degraded: {_names(lesser)}"
    if waiting and len(waiting) == count:
        return Status.UNKNOWN, "Starting: nothing has been looked at yet"
    if waiting:
        return Status.HEALTHY, f"Starting: waiting for the first look at {_names(waiting)}"
    return Status.HEALTHY, "All systems operational" if count else "Nothing to check"


def _names(names: list[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
