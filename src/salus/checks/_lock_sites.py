"""Where code takes locks, read from its source: what a frame waits for, and what it holds.

A plain ``threading.Lock`` does not know who holds it. So it is read where the holder stands: within ``with lock:``, or
within ``try:`` whose ``finally:`` releases it. Only names, attributes and items of plain containers are followed, and
no code of the application is run for it (no property, no ``__getattr__``).
"""

from __future__ import annotations

import ast
import dis
import linecache
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from types import CodeType, FrameType, MemberDescriptorType, ModuleType
from typing import Any, NamedTuple

_LOCK = type(threading.Lock())
_RLOCK = type(threading.RLock())
_NOT_FOUND = object()
_ENTERING = {"BEFORE_WITH"}
_ATTEMPTS = 3
# Where the standard library takes the lock of a condition, of a queue too. Its other waits are no locks.
_CONDITION_ENTERS = ("Condition.__enter__", "Condition._acquire_restore")

Position = tuple[int, int]
Extent = tuple[int, int, int, int]


class Path(NamedTuple):
    """An expression that leads to a lock: a name, then attributes and items.

    Attributes:
        name: the variable that it begins with; empty where it cannot be followed.
        steps: ``("attribute", name)``, ``("item", constant)`` or ``("item of", variable)``.
        text: the expression as it is written.
    """

    name: str
    steps: tuple[tuple[str, Any], ...]
    text: str


class Hold(NamedTuple):
    """A stretch of a function in which a lock is held; both ends belong to it."""

    first: Position
    last: Position
    path: Path


@dataclass(slots=True)
class Sites:
    """All places of one function.

    Attributes:
        waits: position (line and column of both ends) of an expression at which a lock is waited for.
        entered: those of ``with``, which nobody uses to hand over a lock as a signal.
        statements: by the position of a whole ``with``, what it enters, in order: some versions of Python give it as
            the position of every one of these.
        holds: where it holds a lock.
    """

    waits: dict[Extent, Path] = field(default_factory=dict)
    entered: set[Extent] = field(default_factory=set)
    statements: dict[Extent, list[Path]] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a frame waits for.

    Attributes:
        text: the lock as it is written there.
        entered: it is at a ``with``.
        path: where to find it.
    """

    text: str
    entered: bool
    path: Path


class _Reader(ast.NodeVisitor):
    """Collects the places of one function, without those of the functions within it."""

    def __init__(self, code: CodeType) -> None:
        self.sites = Sites()
        self._first = code.co_firstlineno
        around = code.co_qualname.split(".")[:-1]
        self._class = around[-1] if around and around[-1] != "<locals>" else ""
        self._module = code.co_name == "<module>"

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Leave it: its body is code of its own."""

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        if first == self._first and not self._module:
            self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 -- the visitor's own spelling

    def visit_With(self, node: ast.With) -> None:
        self.sites.statements[_extent(node)] = [self._path(item.context_expr) for item in node.items]
        starts = [*(_start(item.context_expr) for item in node.items[1:]), _start(node.body[0])]
        for item, first in zip(node.items, starts, strict=True):
            path = self._path(item.context_expr)
            place = _extent(item.context_expr)
            self.sites.waits[place] = path
            self.sites.entered.add(place)
            self._hold(first, _end(node.body[-1]), path)
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        for statement in node.finalbody:
            for call in ast.walk(statement):
                if isinstance(call, ast.Call) and _method(call) == "release":
                    self._hold(_start(node.body[0]), _end(node.body[-1]), self._path(_owner(call)))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if _method(node) in {"acquire", "__enter__"}:
            self.sites.waits.setdefault(_extent(node), self._path(_owner(node)))
        self.generic_visit(node)

    def _hold(self, first: Position, last: Position, path: Path) -> None:
        if path.name:
            self.sites.holds.append(Hold(first, last, path))

    def _path(self, node: ast.expr) -> Path:
        text, steps = ast.unparse(node), list[tuple[str, Any]]()
        while not isinstance(node, ast.Name):
            if isinstance(node, ast.Attribute):
                steps.append(("attribute", self._mangled(node.attr)))
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                steps.append(("item", node.slice.value))
            elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name):
                steps.append(("item of", node.slice.id))
            else:
                return Path("", (), text)
            node = node.value
        return Path(node.id, tuple(reversed(steps)), text)

    def _mangled(self, name: str) -> str:
        private = self._class and name.startswith("__") and not name.endswith("__")
        return f"_{self._class.lstrip('_')}{name}" if private else name


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _owner(call: ast.Call) -> ast.expr:
    return call.func.value if isinstance(call.func, ast.Attribute) else call.func


def _start(node: ast.stmt | ast.expr) -> Position:
    return node.lineno, node.col_offset


def _end(node: ast.stmt | ast.expr) -> Position:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _extent(node: ast.stmt | ast.expr) -> Extent:
    return (*_start(node), *_end(node))


@lru_cache(maxsize=256)
def _sites(code: CodeType) -> Sites:
    """Read one function; empty where its source is not to be had."""
    first, last = max(code.co_firstlineno, 1), _last_line(code)
    lines = _lines(code.co_filename)[first - 1 : last]
    # Under an ``if`` the columns stay as they are in the file.
    source = ("if 1:\n" if lines and lines[0][:1].isspace() else "\n") + "".join(lines)
    reader = _Reader(code)
    for _ in range(_ATTEMPTS):
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError):
            return Sites()
        except SystemError:  # Python 3.11 now and then, when several threads parse at once
            continue
        ast.increment_lineno(tree, first - 2)
        reader.visit(tree)
        break
    return reader.sites


def _lines(file: str) -> list[str]:
    known = file in linecache.cache
    lines = linecache.getlines(file)
    if not known:
        linecache.cache.pop(file, None)  # nobody else asked for it
    return lines


def _last_line(code: CodeType) -> int:
    ends = [end or 0 for _, end, _, _ in code.co_positions()]
    inner = [_last_line(each) for each in code.co_consts if isinstance(each, CodeType)]
    return max([code.co_firstlineno, *ends, *inner])


def _position(frame: FrameType) -> Extent | None:
    """Return where in its source a frame is: line and column of both ends of what it evaluates."""
    at = next(islice(frame.f_code.co_positions(), max(0, frame.f_lasti // 2), None), None)
    return None if at is None or None in at else _extent_of(at)


def _extent_of(at: tuple[int | None, int | None, int | None, int | None]) -> Extent:
    line, end_line, column, end_column = at
    return line or 0, column or 0, end_line or 0, end_column or 0


def wanted(frame: FrameType) -> Wanted | None:
    """Return the lock at whose taking a frame is, or None where it is at something else. May read a file."""
    code = frame.f_code
    if code.co_filename == threading.__file__:
        if code.co_qualname not in _CONDITION_ENTERS:
            return None
        path = Path("self", (("attribute", "_lock"),), "the lock of a condition")
        return Wanted(path.text, code.co_qualname == _CONDITION_ENTERS[0], path)
    place = _position(frame)
    if place is None:
        return None
    sites = _sites(code)
    if place in sites.statements:
        path = sites.statements[place][_entered_before(frame, place)]
        return Wanted(path.text, True, path) if _enters(frame.f_code, frame.f_lasti) else None
    path = sites.waits.get(place, Path("", (), ""))
    # An expression that makes a lock has the same position as the taking of what it made.
    if not path.text or (not path.name and not _enters(code, frame.f_lasti)):
        return None
    return Wanted(path.text, place in sites.entered, path)


def _enters(code: CodeType, instruction: int) -> bool:
    """Tell whether an instruction enters a ``with``."""
    return dis.opname[code.co_code[instruction]] in _ENTERING


def _entered_before(frame: FrameType, place: Extent) -> int:
    """Return how many of the members of a ``with`` a frame has entered by now."""
    code = frame.f_code
    before = islice(code.co_positions(), frame.f_lasti // 2)
    entered = sum(_extent_of(at) == place and _enters(code, 2 * index) for index, at in enumerate(before))
    return int(entered)


def found(frame: FrameType, path: Path) -> object | None:
    """Follow a path from a frame to a lock; None where that does not lead to one."""
    if not path.name:
        return None
    value = _variable(frame, path.name)
    for kind, key in path.steps:
        if kind == "attribute":
            value = _attribute(value, key)
        else:
            value = _item(value, key if kind == "item" else _variable(frame, key))
    if isinstance(value, threading.Condition):
        value = _attribute(value, "_lock")
    return value if isinstance(value, _LOCK | _RLOCK) else None


def held(frame: FrameType) -> Iterator[object]:
    """Yield the locks that a frame holds by its source. May read a file."""
    code = frame.f_code
    if not code.co_exceptiontable:  # neither ``with`` nor ``try``: most frames, and their files are never read
        return
    place = _position(frame)
    if place is None:
        return
    sites = _sites(code)
    paths = [each.path for each in sites.holds if each.first <= place[:2] <= each.last]
    if place in sites.statements:
        paths += sites.statements[place][: _entered_before(frame, place)]
    for path in paths:
        if (lock := found(frame, path)) is not None:
            yield lock


def _variable(frame: FrameType, name: str) -> object:
    for names in (frame.f_locals, frame.f_globals):
        if name in names:
            return names[name]
    return _NOT_FOUND


def _attribute(value: object, name: str) -> object:
    """Return what an object or its class keeps under a name, without running anything of its own."""
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        own = {}
    if isinstance(own, dict) and name in own:
        return own[name]
    if isinstance(value, ModuleType):
        return _NOT_FOUND
    for base in (*(value.__mro__ if isinstance(value, type) else ()), *type(value).__mro__):
        if name in base.__dict__:
            kept = base.__dict__[name]
            if not isinstance(kept, MemberDescriptorType):
                return kept
            try:
                return kept.__get__(value, type(value))
            except (AttributeError, TypeError):
                return _NOT_FOUND
    return _NOT_FOUND


def _item(value: object, key: object) -> object:
    if type(key) not in (str, int, bytes):
        return _NOT_FOUND
    if isinstance(value, dict):
        return dict.get(value, key, _NOT_FOUND)
    if type(value) in (list, tuple) and isinstance(key, int):
        try:
            return value[key]  # type: ignore[index]  # a list or a tuple: the line above
        except IndexError:
            return _NOT_FOUND
    return _NOT_FOUND
