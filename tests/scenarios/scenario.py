"""What a scenario file may say. README.md explains the words to whoever writes one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from salus.model import EventKind, RefusalReason, Status

_RANGE = re.compile(r"<(\d+)\.\.(\d+)>")
_COUNT = re.compile(r"(?:(at most|at least) )?(\d+)|(\d+) to (\d+)")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

Seconds = Annotated[str, msgspec.Meta(pattern=r"^-?\d+(\.\d+)?(ms|s|m|h)$")]
Count = int | Annotated[str, msgspec.Meta(pattern=r"^((at most|at least) \d+|\d+ to \d+)$")]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping of a file, in which every key is known."""


class Condition(Strict, frozen=True, kw_only=True):
    """What must hold, all of it at the same moment.

    Attributes:
        healthy: these checks, or all.
        status: what Salus believes of a check.
        refused: the reason that a rule gives now, or has given since the last step that did something.
        told: events of a kind since the last step that did something.
        starts: copies of a program that have begun, by its own book, since the scenario began.
        service: the state of a service, as Salus shows it.
        within: how long to wait for it.
    """

    healthy: Literal["all"] | list[str] = []
    status: dict[str, Status] = {}
    refused: dict[str, RefusalReason] = {}
    told: dict[EventKind, Count] = {}
    starts: dict[str, Count] = {}
    service: dict[str, str] = {}
    within: Seconds = "40s"


class Command(Strict, frozen=True, kw_only=True):
    """A call of the command line.

    Attributes:
        run: the arguments, as one would type them after ``salus``.
        says: a regular expression that its output must contain.
        exits: its exit code.
    """

    run: str
    says: str = ""
    exits: int = 0


class Program(Strict, frozen=True, kw_only=True):
    """A process beside Salus, which Salus does not look after.

    Attributes:
        run: program and arguments.
        start: false leaves its start to a step.
        niceness: as of ``nice``; below zero only where that is permitted.
    """

    run: list[str]
    start: bool = True
    niceness: int = 0


class Expectation(Strict, frozen=True, kw_only=True, rename=lambda name: name.replace("_", " ")):
    """What must have happened when the last step is done.

    Attributes:
        acting_steps: steps of recoveries that could change something, per target; none for a target not named here.
        starts: copies of a program, by its own book.
        told: events of a kind.
        refused: reasons that a rule must have given at least once.
        never_refused: reasons that no rule may have given.
        outcomes: how recoveries ended.
        restarts_apart: the least time between the beginnings of two copies, the first copy left aside.
        lines: lines in a file that something else writes.
        at_once: recoveries that ran at the same time, at most.
        says: what every event of a kind, or every refusal of a reason, must say (a regular expression).
        in_the_end: what must hold at last.
    """

    acting_steps: dict[str, Count]
    starts: dict[str, Count] = {}
    told: dict[EventKind, Count] = {}
    refused: dict[str, list[RefusalReason]] = {}
    never_refused: list[RefusalReason] = []
    outcomes: dict[str, Count] = {}
    restarts_apart: dict[str, Seconds] = {}
    lines: dict[str, Count] = {}
    at_once: int | None = None
    says: dict[str, str] = {}
    in_the_end: Condition = Condition(healthy="all")


class Scenario(Strict, frozen=True, kw_only=True):
    """One file.

    Attributes:
        title: one line.
        story: what happens and what must come of it, for people.
        config: the config of Salus.
        steps: what is done, in order: a verb, or a verb and what it needs.
        expect: the outcome.
        programs: processes beside Salus.
        files: files that are there from the beginning.
    """

    title: str
    story: str
    config: dict[str, Any]
    steps: list[str | dict[str, Any]]
    expect: Expectation
    programs: dict[str, Program] = {}
    files: dict[str, str] = {}


def read(path: Path) -> Scenario:
    """Read a file."""
    return msgspec.convert(expand(yaml.safe_load(path.read_text(encoding="utf-8"))), Scenario)


def expand(tree: Any) -> Any:
    """Write out what stands for several: ``web-<1..3>: {port: <n>}`` becomes three entries."""
    if isinstance(tree, Mapping):
        return {key: value for word, below in tree.items() for key, value in _entries(word, expand(below))}
    if isinstance(tree, list):
        return [each for item in tree for each, _ in _entries(expand(item), None)]
    return tree


def _entries(word: Any, below: Any) -> list[tuple[Any, Any]]:
    if not isinstance(word, str) or not (found := _RANGE.search(word)):
        return [(word, below)]
    numbers = range(int(found[1]), int(found[2]) + 1)
    return [(_RANGE.sub(str(number), word, count=1), _numbered(below, number)) for number in numbers]


def _numbered(tree: Any, number: int) -> Any:
    if isinstance(tree, str):
        return tree.replace("<n>", str(number))
    if isinstance(tree, Mapping):
        return {_numbered(key, number): _numbered(value, number) for key, value in tree.items()}
    return [_numbered(item, number) for item in tree] if isinstance(tree, list) else tree


def seconds(text: str) -> float:
    """Read a duration such as ``1.5s``, ``-2h``."""
    sign = -1.0 if text.startswith("-") else 1.0
    found = _SECONDS.fullmatch(text.lstrip("-"))
    assert found, f"{text!r} is no duration"
    return sign * float(found[1]) * _UNITS[found[2]]


def counts(count: Count, number: int) -> bool:
    """Tell whether a number is as it is expected to be: ``3``, ``at most 3``, ``at least 1``, ``2 to 4``."""
    found = _COUNT.fullmatch(str(count))
    assert found, f"{count!r} is no count"
    if found[3]:
        return int(found[3]) <= number <= int(found[4])
    bound = int(found[2])
    return number <= bound if found[1] == "at most" else number >= bound if found[1] == "at least" else number == bound
