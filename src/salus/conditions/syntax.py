"""The tree of a compiled expression, read from the form in which the CEL library serialises it.

That form is the published protocol buffer ``cel.expr.CheckedExpr`` (google/cel-spec, ``proto/cel/expr``), so its field
numbers are a contract. Reading a dozen of them here spares a dependency on the protocol buffer library.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = "int | bytes"
Fields: TypeAlias = "dict[int, list[Value]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One part of an expression.

    Attributes:
        kind: ``text`` (a text constant), ``name``, ``select`` (``operand.name``), ``call``, ``list``, ``macro`` (what
            ``all``, ``exists``, ``map`` or ``filter`` became) or ``other`` (any other constant, a map).
        at: where it stands in the text, counted in characters from 0.
        name: the text, the name, the field or the function.
        parts: what it is made of: the operand, the receiver and the arguments, the elements.
        inner: of a macro, the parts that see its variables.
        bound: of a macro, the names of those variables.
        test: a select that only asks whether the field is there: ``has(a.b)``.
    """

    kind: str
    at: int = 0
    name: str = ""
    parts: tuple[Node, ...] = ()
    inner: tuple[Node, ...] = ()
    bound: tuple[str, ...] = ()
    test: bool = False


def read_tree(serialised: bytes) -> Node:
    """Read the tree of a compiled and checked expression."""
    checked = _fields(_bytes(_fields(serialised), 2))  # google.protobuf.Any: type_url = 1, value = 2
    source = _fields(_bytes(checked, 5))
    places: dict[int, int] = {}
    for entry in source.get(4, []):
        pair = _fields(entry)
        places[_number(pair, 1)] = _number(pair, 2)
    return _node(_bytes(checked, 4), places)


def _node(raw: Value, places: dict[int, int]) -> Node:
    fields = _fields(raw)
    at = places.get(_number(fields, 2), 0)
    if 3 in fields and 6 in (constant := _fields(fields[3][0])):
        return Node(kind="text", at=at, name=_text(constant, 6))
    if 4 in fields:
        return Node(kind="name", at=at, name=_text(_fields(fields[4][0]), 1))
    for number, read in _READERS.items():
        if number in fields:
            return read(_fields(fields[number][0]), at, places)
    return Node(kind="other", at=at)


def _select(fields: Fields, at: int, places: dict[int, int]) -> Node:
    operand = _node(_bytes(fields, 1), places)
    return Node(kind="select", at=at, name=_text(fields, 2), parts=(operand,), test=bool(_number(fields, 3)))


def _call(fields: Fields, at: int, places: dict[int, int]) -> Node:
    raw = [*fields.get(1, []), *fields.get(3, [])]
    return Node(kind="call", at=at, name=_text(fields, 2), parts=tuple(_node(one, places) for one in raw))


def _list(fields: Fields, at: int, places: dict[int, int]) -> Node:
    return Node(kind="list", at=at, parts=tuple(_node(one, places) for one in fields.get(1, [])))


def _map(fields: Fields, at: int, places: dict[int, int]) -> Node:
    entries = [_fields(entry) for entry in fields.get(2, [])]
    raw = [one for entry in entries for number in (3, 4) for one in entry.get(number, [])]
    return Node(kind="other", at=at, parts=tuple(_node(one, places) for one in raw))


def _macro(fields: Fields, at: int, places: dict[int, int]) -> Node:
    return Node(
        kind="macro",
        at=at,
        parts=tuple(_node(_bytes(fields, number), places) for number in (2, 4)),
        inner=tuple(_node(_bytes(fields, number), places) for number in (5, 6, 7)),
        bound=tuple(_text(fields, number) for number in (1, 3, 8) if number in fields),
    )


# The number of each form of an expression in `cel.expr.Expr`; 3 is a constant, 4 is a name.
_READERS = {5: _select, 6: _call, 7: _list, 8: _map, 9: _macro}


def _fields(raw: Value) -> Fields:
    """Read the fields of one message. See "Encoding" in the documentation of protocol buffers."""
    found: Fields = {}
    if isinstance(raw, bytes):
        for number, value in _wire(raw):
            found.setdefault(number, []).append(value)
    return found


def _wire(raw: bytes) -> Iterator[tuple[int, Value]]:
    place = 0
    while place < len(raw):
        tag, place = _varint(raw, place)
        kind = tag & 7
        if kind == 0:
            value: Value
            value, place = _varint(raw, place)
        elif kind == 2:
            length, place = _varint(raw, place)
            value, place = raw[place : place + length], place + length
        else:  # fixed: eight bytes, or four
            width = 8 if kind == 1 else 4
            value, place = raw[place : place + width], place + width
        yield tag >> 3, value


def _varint(raw: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while raw[place] & 0x80:
        value |= (raw[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
    return value | raw[place] << shift, place + 1


def _bytes(fields: Fields, number: int) -> bytes:
    value = fields.get(number, [b""])[-1]
    return value if isinstance(value, bytes) else b""


def _text(fields: Fields, number: int) -> str:
    return _bytes(fields, number).decode()


def _number(fields: Fields, number: int) -> int:
    value = fields.get(number, [0])[-1]
    return value if isinstance(value, int) else 0
