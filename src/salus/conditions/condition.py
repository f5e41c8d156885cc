"""A condition: compiled once, judged at every look."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from salus.conditions.faults import explain
from salus.conditions.history import Window
from salus.conditions.language import environment
from salus.conditions.references import Call, Path, References, find_references, place
from salus.conditions.syntax import read_tree
from salus.conditions.windows import CannotTellError, measure
from salus.conditions.words import COUNT_BAD
from salus.errors import ConditionError
from salus.model import CheckState

MAX_TEXT = 2000
_LONGEST_VALUE = 80
_LONGEST_TEXT = 200
_MOST_NAMES = 10
# How the library begins and ends what it says of an error: a status code.
_CODES = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")

Samples: TypeAlias = "Callable[[Window], Sequence[tuple[float, float]]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a condition may look at.

    Attributes:
        check: name of the check that it belongs to.
        state: that check's state.
        state_of: the state of another check, or None where there is none of that name.
        samples: what was observed in a window: ``(monotonic seconds, value)``, oldest first (``History.samples``).
        now: monotonic seconds.
    """

    check: str
    state: CheckState
    state_of: Callable[[str], CheckState | None]
    samples: Samples
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a condition says of some facts.

    Attributes:
        holds: whether it holds; None when it cannot tell.
        text: the condition.
        values: what it looked at: the name as people would write it, and the value.
        why: why it cannot tell, or an empty string.
    """

    holds: bool | None
    text: str
    values: tuple[tuple[str, object], ...] = ()
    why: str = ""

    @property
    def detail(self) -> str:
        """Say it in one line: the condition, and the values it used or why it cannot tell."""
        text = _shorten(" ".join(self.text.split()), _LONGEST_TEXT)
        seen = ", ".join(f"{name} = {_show(value)}" for name, value in self.values)
        if self.holds is None:
            return f"{text}: cannot tell: {self.why}" + (f" ({seen})" if seen else "")
        return f"{text}: {seen}" if seen else text


@dataclass(slots=True)
class _Trial:
    """One evaluation under way, for the functions that it calls."""

    facts: Facts
    calls: Mapping[tuple[str, ...], Call]
    answers: dict[tuple[str, ...], float | CannotTellError] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def answer(self, function: str, arguments: tuple[Any, ...]) -> float:
        if function == COUNT_BAD:
            return self._count(arguments[0])
        key = (function, *arguments)
        if key not in self.answers:  # once, however often a macro asks
            self.answers[key] = self._measure(self.calls[key])
        answer = self.answers[key]
        if isinstance(answer, CannotTellError):
            raise answer
        return answer

    def _measure(self, call: Call) -> float | CannotTellError:
        samples = self.facts.samples(call.window(self.facts.check))
        try:
            return float(measure(call.function, samples, call.seconds, self.facts.now))
        except CannotTellError as error:
            return error

    def _count(self, names: Sequence[str]) -> int:
        states = [self.facts.state_of(str(name)) for name in dict.fromkeys(names)]
        number = sum(1 for state in states if state and state.status.bad)
        self.counts[f"{COUNT_BAD}({', '.join(map(str, names))})"] = number
        return number


_trial: ContextVar[_Trial] = ContextVar("salus_condition")


def _answer(function: str, arguments: tuple[Any, ...]) -> float:
    return _trial.get().answer(function, arguments)


def compile_condition(text: str) -> Condition:
    """Compile a condition.

    Args:
        text: a CEL expression that is true or false.

    Raises:
        ConditionError: it cannot be understood, or names what there is not.
        MissingExtraError: CEL is not installed.
    """
    if not text.strip():
        raise ConditionError("the condition is empty", remedy="write one, such as metrics.rss_bytes > 1e9")
    if len(text) > MAX_TEXT:
        problem = f"the condition is longer than {MAX_TEXT} characters"
        raise ConditionError(problem, remedy="split it over several rules")
    try:
        expression = environment(_answer).compile(text)
    except RuntimeError as error:
        raise explain(str(error), text) from None
    references = find_references(read_tree(expression.serialize()), text)
    if (result := expression.return_type().name()) not in {"BOOL", "DYN"}:
        problem = f"a condition is true or false, and this is of type {result.lower()}"
        raise ConditionError(problem, remedy="compare it with something, as in metrics.rss_bytes > 1e9")
    return Condition(text, expression, references)


class Condition:
    """A compiled condition. Hold it and judge with it as often as needed; it keeps nothing between two judgements."""

    __slots__ = ("_expression", "_references", "calls", "checks", "text")

    def __init__(self, text: str, expression: Any, references: References) -> None:
        """Use ``compile_condition``."""
        self._expression = expression
        self._references = references
        self.text = text
        self.checks = frozenset(references.checks)
        self.calls = tuple(references.calls.values())

    def __repr__(self) -> str:
        """Show the text."""
        return f"Condition({self.text!r})"

    def windows(self, own: str) -> frozenset[Window]:
        """Return the windows it asks history of, when it belongs to the check ``own``."""
        return frozenset(call.window(own) for call in self.calls)

    def place_of(self, check: str) -> tuple[int, int]:
        """Return line and column, both from 1, at which it first names a check."""
        return place(self.text, self._references.checks.get(check, 0))

    def evaluate(self, facts: Facts) -> Judgement:
        """Judge. Never raises; costs a few microseconds, and more where it looks back over a window."""
        trial = _Trial(facts, self._references.calls)
        data: dict[str, object] = {}
        token = _trial.set(trial)
        holds, problem = None, ""
        try:
            data = self._data(facts)
            result = self._expression.eval(data=data)
            value = result.value()
            if isinstance(value, bool):
                holds = value
            else:
                problem = _problem(result.type().name(), value)
        except Exception as error:  # noqa: BLE001 - whatever it is, a condition that cannot tell heals nothing
            problem = _problem("ERROR", error)
        finally:
            _trial.reset(token)
        why = self._why(problem, facts, data, trial) if holds is None else ""
        return Judgement(holds=holds, text=self.text, values=self._values(data, trial), why=why)

    def _data(self, facts: Facts) -> dict[str, object]:
        wanted = self._references.variables
        data = _fields(facts.state, wanted)
        if "checks" in wanted:
            states = ((name, facts.state_of(name)) for name in self.checks)
            data["checks"] = {name: _fields(state, _READERS) for name, state in states if state}
        return data

    def _values(self, data: Mapping[str, object], trial: _Trial) -> tuple[tuple[str, object], ...]:
        found = ((path, _look_up(data, path)) for path in self._references.values)
        values = [(_name(path), value) for path, value in found if value is not _MISSING]
        asked = [(_written(key), value) for key, value in trial.answers.items() if isinstance(value, float)]
        return (*values, *asked, *trial.counts.items())

    def _why(self, problem: str, facts: Facts, data: Mapping[str, object], trial: _Trial) -> str:
        for key, answer in trial.answers.items():
            if isinstance(answer, CannotTellError):
                return f"{_written(key)}: {answer}"
        for path in self._references.values if _NO_KEY in problem else ():
            if _look_up(data, path) is _MISSING:
                return _missing(path, facts, data)
        return problem


_MISSING = object()
_NO_KEY = "Key not found in map"
_BUDGET = "Iteration budget exceeded"

_READERS: dict[str, Callable[[CheckState], object]] = {
    "status": lambda state: state.status.value,
    "message": lambda state: state.last.message if state.last else "",
    "metrics": lambda state: {n: float(m.value) for n, m in state.last.metrics.items()} if state.last else {},
    "metadata": lambda state: dict(state.last.metadata) if state.last else {},
    "cause": lambda state: state.last.cause if state.last else "",
    "failures": lambda state: state.consecutive_failures,
    "flapping": lambda state: state.flapping,
}


def _fields(state: CheckState, wanted: set[str] | Mapping[str, object]) -> dict[str, object]:
    return {name: read(state) for name, read in _READERS.items() if name in wanted}


def _look_up(data: Mapping[str, object], path: Path) -> object:
    found: object = data
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return _MISSING
        found = found[key]
    return found


def _missing(path: Path, facts: Facts, data: Mapping[str, object]) -> str:
    """Say what is not there, and what is there instead."""
    name = path[1] if path[0] == "checks" else facts.check
    state = facts.state_of(name) if path[0] == "checks" else facts.state
    if state is None:
        return f"there is no check {name!r}"
    if state.last is None:
        return f"{name!r} has not been looked at yet"
    there = _look_up(data, path[:-1])
    known = ", ".join(sorted(map(str, there))[:_MOST_NAMES]) if isinstance(there, Mapping) else ""
    return f"the last look at {name!r} saw no {_name(path)}" + (f", only {known}" if known else "")


def _problem(kind: str, value: object) -> str:
    """Say why the result is neither true nor false, in the library's words where it failed."""
    if kind != "ERROR":
        return f"it comes to {_show(value)}, which is neither true nor false"
    text = _CODES.sub("", str(value))
    if _BUDGET in text:
        return "it goes through more elements than a condition may"
    return _shorten(" ".join(text.split()), _LONGEST_TEXT)


def _name(path: Path) -> str:
    rest = path[1:] if path[0] == "metrics" and len(path) > 1 else path
    name = rest[0]
    for word in rest[1:]:
        name += f".{word}" if word.isidentifier() else f"[{word!r}]"
    return name


def _written(key: tuple[str, ...]) -> str:
    return f"{key[0]}({', '.join(map(repr, key[1:]))})"


def _show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.4g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")
    return _shorten(repr(value), _LONGEST_VALUE)


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
