"""The verbs of a scenario: what each does to the world."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from tests.acceptance.salus_process import eventually, nothing_may_happen_for
from tests.scenarios.scenario import Command, Condition, Seconds, Strict, counts, seconds
from tests.scenarios.world import CLOCK, World


class File(Strict, frozen=True, kw_only=True):
    """A file to write, in the folder of the scenario."""

    file: str
    text: str = ""


class Again(Strict, frozen=True, kw_only=True):
    """Steps to do more than once."""

    times: int
    steps: list[str | dict[str, Any]]


class Verb(NamedTuple):
    """What a step does, what it needs, and whether it does something to the world (or only waits)."""

    do: Callable[[World, Any], None]
    needs: Any = None
    acts: bool = True


def play(world: World, steps: list[str | dict[str, Any]]) -> None:
    """Do one step after the other."""
    for step in steps:
        word, need = (step, None) if isinstance(step, str) else next(iter(step.items()))
        assert isinstance(step, str) or len(step) == 1, f"one verb a step: {step}"
        assert word in VERBS, f"{word!r} is no verb; there are {', '.join(sorted(VERBS))}"
        verb = VERBS[word]
        argument = msgspec.convert(need, verb.needs) if verb.needs is not None else None
        if verb.acts:
            world.mark()
        verb.do(world, argument)


def lacks(world: World, wanted: Condition) -> list[str]:
    """Return what of a condition does not hold now, a line each.

    The books are read first: a copy that has begun is in its book before Salus can find that all is well again.
    """
    told = world.since_mark()
    begun = _wrong(wanted.starts, world.starts, "began")
    status = world.salus.status()
    if status is None:
        return ["Salus does not answer"]
    checks = {check["name"]: check["status"] for check in status["checks"]}
    refusals = {rule["name"]: (rule["last_refusal"] or {}).get("reason") for rule in status["rules"]}
    services = {service["name"]: service["state"] for service in status["services"]}
    said = {(event.rule, event.reason) for event in told if event.kind == "recovery_refused"}
    well = checks.keys() - {"salus"} if wanted.healthy == "all" else wanted.healthy
    return [
        *(f"{name} is {checks.get(name)}, not healthy" for name in well if checks.get(name) != "healthy"),
        *(f"{name} is {checks.get(name)}, not {is_}" for name, is_ in wanted.status.items() if checks.get(name) != is_),
        *(
            f"{name} is {services.get(name)}, not {is_}"
            for name, is_ in wanted.service.items()
            if services[name] != is_
        ),
        *(
            f"{rule} is not refused with {reason}, but with {refusals.get(rule)}"
            for rule, reason in wanted.refused.items()
            if reason != refusals.get(rule) and (rule, reason) not in said
        ),
        *_wrong(wanted.told, lambda kind: sum(event.kind == kind for event in told), "was told"),
        *begun,
    ]


def _wrong(wanted: Mapping[Any, Any], number: Callable[[Any], int], verb: str) -> list[str]:
    found = {name: number(name) for name in wanted}
    return [
        f"{name} {verb} {found[name]} times, not {bound}"
        for name, bound in wanted.items()
        if not counts(bound, found[name])
    ]


def wait_until(world: World, wanted: Condition) -> None:
    """Wait until a condition holds."""
    left: list[str] = []

    def holds() -> bool:
        left[:] = lacks(world, wanted)
        return not left

    try:
        eventually(holds, within=seconds(wanted.within))
    except AssertionError:
        raise AssertionError(f"waited {wanted.within} in vain: {'; '.join(left)}") from None


def _salus(world: World, command: Command | str) -> None:
    """Call the command line."""
    asked = Command(run=command) if isinstance(command, str) else command
    done = world.command(world.filled(asked.run))
    output = done.stdout + done.stderr
    assert done.returncode == asked.exits, (
        f"salus {asked.run} ended with {done.returncode}, not {asked.exits}:\n{output}"
    )
    assert re.search(asked.says, output), f"salus {asked.run} does not say {asked.says!r}:\n{output}"


def _shift_clock(world: World, by: str) -> None:
    """Set the wall clock of Salus that far forward or back, whatever it was set to before."""
    world.write(CLOCK, str(world.clock_offset + seconds(by)))


def _to_salus(number: signal.Signals) -> Callable[[World, None], None]:
    def send(world: World, _: None) -> None:
        assert world.salus.process is not None
        world.salus.process.send_signal(number)

    return send


def _start_salus(world: World, _: None) -> None:
    world.salus.start()
    world.salus.ready()


def _restart_salus(world: World, _: None) -> None:
    assert world.salus.stop() == 0
    _start_salus(world, None)


def _again(world: World, again: Again) -> None:
    for _ in range(again.times):
        play(world, again.steps)


VERBS: dict[str, Verb] = {
    # to the world
    "kill": Verb(lambda world, name: world.signal(name, signal.SIGKILL), str),
    "stop": Verb(lambda world, name: world.signal(name, signal.SIGSTOP), str),
    "cont": Verb(lambda world, name: world.signal(name, signal.SIGCONT), str),
    "start": Verb(World.start_program, str),
    "end": Verb(World.end_program, str),
    "write": Verb(lambda world, file: world.write(file.file, file.text), File),
    "remove": Verb(lambda world, name: (world.folder / name).unlink(), str),
    # to Salus
    "salus": Verb(_salus, Command | str),
    "kill salus": Verb(lambda world, _: world.salus.kill()),
    "start salus": Verb(_start_salus),
    "restart salus": Verb(_restart_salus),
    "freeze salus": Verb(_to_salus(signal.SIGSTOP)),
    "thaw salus": Verb(_to_salus(signal.SIGCONT)),
    "shift clock": Verb(_shift_clock, Seconds),
    # to nobody
    "wait until": Verb(wait_until, Condition, acts=False),
    "let pass": Verb(lambda _, time: nothing_may_happen_for(seconds(time)), Seconds, acts=False),
    "repeat": Verb(_again, Again, acts=False),
}
