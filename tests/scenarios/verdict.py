"""Compares what a scenario expects with what the ledger, the services' own books and the process table say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate, pairwise
from typing import Any

from salus.model import Event, EventKind, RecoveryRecord
from tests.scenarios.scenario import Expectation, counts, seconds
from tests.scenarios.steps import wait_until
from tests.scenarios.world import World


def judge(world: World, expected: Expectation) -> None:
    """Fail with everything that is not as it must be; ends Salus, which must go in peace."""
    wait_until(world, expected.in_the_end)
    code = world.salus.stop()
    events, recoveries = world.events(), world.recoveries()
    wrong = [
        *_acts(recoveries, expected),
        *_numbers("copies of", expected.starts, world.starts),
        *_numbers("times", expected.told, lambda kind: sum(event.kind == kind for event in events)),
        *_numbers("recoveries", expected.outcomes, lambda outcome: sum(one.outcome == outcome for one in recoveries)),
        *_numbers("lines in", expected.lines, world.lines),
        *_too_soon(world, expected),
        *_too_many(recoveries, expected),
        *_reasons(events, expected),
        *_sayings(events, expected.says),
        *_always(world, recoveries, code),
    ]
    assert not wrong, "\n".join(wrong)


def acting_steps(recoveries: Iterable[RecoveryRecord]) -> Counter[str]:
    """Count the steps that could change something, for every target. After each of them there was a look."""
    return Counter(
        target.partition(":")[2]
        for recovery in recoveries
        for step in recovery.steps
        if step.verified is not None and step.action != "wait"
        for target in recovery.targets
    )


def _acts(recoveries: list[RecoveryRecord], expected: Expectation) -> list[str]:
    done = acting_steps(recoveries)
    bounds = dict.fromkeys(done, 0) | dict(expected.acting_steps)
    return _numbers("acting steps on", bounds, lambda name: done[name])


def _numbers(what: str, bounds: Mapping[Any, Any], number: Callable[[Any], int]) -> list[str]:
    found = {name: number(name) for name in bounds}
    return [
        f"{what} {name}: {found[name]}, expected {bound}"
        for name, bound in bounds.items()
        if not counts(bound, found[name])
    ]


def _too_soon(world: World, expected: Expectation) -> list[str]:
    wrong = []
    for name, apart in expected.restarts_apart.items():
        closest = min((after - before for before, after in pairwise(world.restarted_at(name))), default=float("inf"))
        wrong += [f"{name} was restarted again after {closest:.2f} s"] if closest < seconds(apart) else []
    return wrong


def _too_many(recoveries: list[RecoveryRecord], expected: Expectation) -> list[str]:
    changes = sorted(
        change
        for one in recoveries
        if one.finished_at and one.steps
        for change in ((one.steps[0].started_at, 1), (one.finished_at, -1))
    )
    most = max(accumulate(change for _, change in changes), default=0)
    bound = expected.at_once
    return [f"{most} recoveries ran at the same time"] if bound is not None and most > bound else []


def _reasons(events: list[Event], expected: Expectation) -> list[str]:
    given = {(event.rule, event.reason) for event in events if event.kind is EventKind.RECOVERY_REFUSED}
    wanted = [(rule, reason) for rule, reasons in expected.refused.items() for reason in reasons]
    return [
        *(f"{rule} was never refused with {reason}" for rule, reason in wanted if (rule, reason) not in given),
        *(f"{rule} was refused with {reason}" for rule, reason in given if reason in expected.never_refused),
    ]


def _sayings(events: list[Event], sayings: Mapping[str, str]) -> list[str]:
    wrong = []
    for word, pattern in sayings.items():
        told = [event.message for event in events if word in (event.kind, event.reason)]
        wrong += [
            f"{word} says {message!r}, not {pattern!r}" for message in set(told) if not re.search(pattern, message)
        ]
        wrong += [] if told else [f"{word} was never said"]
    return wrong


def _always(world: World, recoveries: list[RecoveryRecord], code: int) -> list[str]:
    """Check what holds in every scenario."""
    left = world.salus.children()
    return [
        *(f"two copies of {name} ran at the same time" for name in world.second_copies()),
        *(f"recovery {one.id} of {one.rule} has no outcome" for one in recoveries if one.outcome is None),
        *([f"Salus ended with {code}"] if code else []),
        *([f"Salus left processes behind: {left}"] if left else []),
        *(["the log of Salus has a traceback"] if "Traceback" in world.salus.log else []),
    ]
