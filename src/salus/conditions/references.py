"""What an expression asks for: which checks, which values, which windows. Found in its tree, before it ever runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from salus.conditions.history import Window
from salus.conditions.syntax import Node
from salus.conditions.windows import MEASURES
from salus.conditions.words import COUNT_BAD, FIELDS, VARIABLES, nearest, usage
from salus.errors import ConditionError
from salus.units import Duration

Path: TypeAlias = "tuple[str, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function over a window, as an expression calls it.

    Attributes:
        function: its name.
        check: the check it asks about; None for the one that the condition belongs to.
        metric: the metric.
        seconds: length of the window.
        line: where it stands in the expression, from 1.
        column: likewise.
    """

    function: str
    check: str | None
    metric: str
    seconds: float
    line: int = 1
    column: int = 1

    @property
    def fewest(self) -> int:
        """Return how many looks the window must hold."""
        return MEASURES[self.function].fewest

    def window(self, own: str) -> Window:
        """Return the window it asks for, when the condition belongs to the check ``own``."""
        return Window(self.check or own, self.metric, self.seconds)


@dataclass(slots=True)
class References:
    """What an expression asks for.

    Attributes:
        variables: names of the variables it reads.
        values: single values that it reads, such as ``("metrics", "rss_bytes")``, in the order of the text.
        checks: other checks it names, each with where it does first.
        calls: by the arguments as they are written.
    """

    variables: set[str] = field(default_factory=set)
    values: dict[Path, None] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)
    calls: dict[tuple[str, ...], Call] = field(default_factory=dict)


def find_references(tree: Node, text: str) -> References:
    """Collect what an expression asks for.

    Args:
        tree: of the whole expression.
        text: the expression, for the places of errors.

    Raises:
        ConditionError: it asks in a way that cannot be known before it runs, or for a field that no check has.
    """
    walk = _Walk(text)
    walk.visit(tree, frozenset())
    return walk.found


class _Walk:
    def __init__(self, text: str) -> None:
        self.found = References()
        self._text = text

    def visit(self, node: Node, bound: frozenset[str]) -> None:
        """Look at a node; ``bound`` are the variables of the macros around it."""
        path = _path(node, bound)
        if path and path[0] in VARIABLES:
            self._value(path, node)
            return
        if node.kind == "call" and node.name in MEASURES:
            self._window(node)
        elif node.kind == "call" and node.name == COUNT_BAD:
            self._names(node)
        for part in node.parts:
            self.visit(part, bound)
        for part in node.inner:
            self.visit(part, bound | set(node.bound))

    def _value(self, path: Path, node: Node) -> None:
        self.found.variables.add(path[0])
        fields = path
        if path[0] == "checks":
            fields = path[2:]
            if not fields:
                problem = "checks stands here without the name of a check and what is asked of it"
                raise self.error(problem, node, "write checks.web.status or checks['web-1'].metrics.rss_bytes")
            if fields[0] not in FIELDS:
                remedy = nearest(fields[0], FIELDS) or f"known are {', '.join(FIELDS)}"
                raise self.error(f"a check has no {fields[0]!r}", node, remedy)
            self.found.checks.setdefault(path[1], _start(node))
        whole = fields[0] in {"metrics", "metadata"} and len(fields) == 1
        if not whole and not node.test:
            self.found.values[path] = None

    def _window(self, node: Node) -> None:
        written = tuple(part.name for part in node.parts if part.kind == "text")
        if len(written) != len(node.parts):
            raise self.error(f"{node.name}() takes texts that stand in the condition", node, usage(node.name))
        check = written[0] if len(written) == 3 else None
        try:
            seconds = float(Duration.parse(written[-1]))
        except ValueError as error:
            raise self.error(str(error), node.parts[-1], usage(node.name)) from None
        if seconds <= 0:
            raise self.error("a window must be longer than nothing", node.parts[-1], usage(node.name))
        line, column = place(self._text, node.at)
        if check is not None:
            self.found.checks.setdefault(check, node.parts[0].at)
        self.found.calls[node.name, *written] = Call(
            function=node.name,
            check=check,
            metric=written[-2],
            seconds=seconds,
            line=line,
            column=max(1, column - len(node.name)),  # a call stands where its bracket does
        )

    def _names(self, node: Node) -> None:
        names = node.parts[0]
        if names.kind != "list" or not names.parts or any(part.kind != "text" for part in names.parts):
            raise self.error(f"{COUNT_BAD}() takes a list of names", node, usage(COUNT_BAD))
        for part in names.parts:
            self.found.checks.setdefault(part.name, part.at)

    def error(self, problem: str, node: Node, remedy: str) -> ConditionError:
        line, column = place(self._text, _start(node))
        return ConditionError(problem, line=line, column=column, remedy=remedy)


def place(text: str, at: int) -> tuple[int, int]:
    """Return line and column, both from 1, of a character of a text."""
    before = text[:at]
    return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1


def _path(node: Node, bound: frozenset[str]) -> Path:
    """Return ``("checks", "web", "status")`` for ``checks.web.status`` and ``checks["web"].status``, or nothing."""
    if node.kind == "name":
        return () if node.name in bound else (node.name,)
    if node.kind == "select":
        operand = _path(node.parts[0], bound)
        return (*operand, node.name) if operand else ()
    if node.kind == "call" and node.name == "_[_]" and node.parts[1].kind == "text":
        operand = _path(node.parts[0], bound)
        return (*operand, node.parts[1].name) if operand else ()
    return ()


def _start(node: Node) -> int:
    """Return where the leftmost part of a path stands."""
    while node.kind != "name" and node.parts and node.kind in {"select", "call"}:
        if node.kind == "call" and node.name != "_[_]":
            return max(0, node.at - len(node.name))
        node = node.parts[0]
    return node.at
