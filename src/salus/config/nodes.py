"""YAML text -> a tree of nodes that know their line and column. Bounded, and safe: no tag ever becomes an object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from salus.errors import ConfigError, Problem

MAX_DEPTH = 32
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAGS = frozenset({None, "!", "tag:yaml.org,2002:str"})
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Scalar:
    """One text; ``plain`` when it stands without quotes and may be a number, a truth value or nothing.

    ``inset`` is how many characters after its place the text begins, where it then stands letter by letter on that
    line; None where it is folded, escaped or a block.
    """

    text: str
    plain: bool
    line: int
    column: int
    inset: int | None = None


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """Pairs in the order of the file, duplicates and all."""

    line: int
    column: int
    pairs: list[tuple[Node, Node]] = field(default_factory=list)


Node: TypeAlias = "Scalar | Sequence | Mapping"


def parse(text: str, file: str) -> Node | None:
    """Parse one YAML document.

    Args:
        text: the whole text.
        file: the name that problems carry.

    Returns:
        The root, or None when the text holds nothing.

    Raises:
        ConfigError: it is not YAML, holds a second document, or goes beyond the bounds.
    """
    if bad := _UNPRINTABLE.search(text):
        what = f"the character U+{ord(bad[0]):04X} cannot stand in a YAML file"
        raise _error(file, *_line_and_column(text, bad.start()), what, "remove it, or write it as an escape in quotes")
    try:
        return _Parser(file, yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        raise _explain(error, text, file) from None
    except yaml.YAMLError as error:
        raise _error(file, 1, 1, f"this is not YAML: {error}".splitlines()[0], "") from None


class _Parser:
    def __init__(self, file: str, events: Iterator[Any]) -> None:
        self._file = file
        self._events = events
        self._anchors: dict[str, Node] = {}

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(event, "a second document begins here", "keep one document per file")
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event, 1)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._refuse(event, f"this is nested deeper than {MAX_DEPTH} levels", "write it flatter")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                # Not by its name: it may be a password that begins with a star.
                what, remedy = "there is no such anchor above this alias", "put text that begins with * in quotes"
                raise self._refuse(event, what, f"{remedy}, or set the anchor first")
            return self._anchors[event.anchor]
        if event.tag not in _TEXT_TAGS:
            what = f"the tag {event.tag} is not understood"
            raise self._refuse(event, what, "remove the tag, or quote text that begins with !")
        node = self._content(event, depth)
        # Registered only now, so that an anchor can never hold itself.
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _content(self, event: Any, depth: int) -> Node:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, not event.style and event.tag is None, line, column, _inset(event))
        if isinstance(event, yaml.SequenceStartEvent):
            sequence = Sequence(line, column)
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                sequence.items.append(self._node(item, depth + 1))
            return sequence
        mapping = Mapping(line, column)
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            key_node = self._node(key, depth + 1)
            mapping.pairs.append((key_node, self._node(next(self._events), depth + 1)))
        return mapping

    def _refuse(self, event: Any, what: str, remedy: str) -> ConfigError:
        return _error(self._file, event.start_mark.line + 1, event.start_mark.column + 1, what, remedy)


def _inset(event: Any) -> int | None:
    inset = {None: 0, "": 0, "'": 1, '"': 1}.get(event.style)
    start, end = event.start_mark, event.end_mark
    verbatim = inset is not None and (start.line, start.column + len(event.value) + 2 * inset) == (end.line, end.column)
    return inset if verbatim and event.tag is None and event.anchor is None else None


def _error(file: str, line: int, column: int, what: str, remedy: str) -> ConfigError:
    return ConfigError((Problem(file=file, line=line, column=column, path="", what=what, remedy=remedy),))


# What the two parsers of PyYAML say (a part of it), what it means, and what to do about it. First match wins.
_LESSONS = (
    ("mapping values are not allowed", "a ':' stands where no key can be",
     "put text that holds ': ' in quotes, and look whether the line above is complete"),
    ("unexpected end of stream", "this quoted text is never closed", "close the quote"),
    ("could not find expected ':'", "this line is neither a key nor part of the text above", "add ':' after the key"),
    ("expected ',' or ']'", "this list is not closed, or a comma is missing", "close it with ]"),
    ("expected ',' or '}'", "this mapping is not closed, or a comma is missing", "close it with }"),
    ("expected node content", "a value is missing here, or a bracket is not closed", "add it, or close the bracket"),
    ("cannot start any token", "no text can begin with this character", "put the text in quotes"),
    ("unknown escape character", "this escape is unknown", "double the backslash, or use single quotes"),
    ("did not find expected key", "this line fits no level above it",
     "indent it like its siblings, and check quotes and brackets before it"),
    ("expected <block end>", "this line fits no level above it",
     "indent it like its siblings, and check quotes and brackets before it"),
    ("did not find expected '-'", "a list ends here without its level having ended",
     "indent it like its siblings, or begin it with '- '"),
    ("<document start>", "something stands after the end of the document", "remove it"),
)  # fmt: skip


def _explain(error: yaml.MarkedYAMLError, text: str, file: str) -> ConfigError:
    problem = str(error.problem or error.context or "this is not YAML")
    mark = error.problem_mark or error.context_mark
    opened = error.context_mark
    # What is never closed is found at its beginning, not where the parser gave up.
    if opened and ("end of stream" in problem or "expected ',' or" in problem):
        mark = opened
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if tab := _tab(text, line):
        return _error(file, line, tab, "a tab cannot indent YAML", "indent with spaces")
    for part, what, remedy in _LESSONS:
        if part in problem:
            return _error(file, line, column, what, remedy)
    return _error(file, line, column, f"this is not YAML: {problem}", "")


def _tab(text: str, line: int) -> int:
    """Return the column of a tab in the indentation of a line, or 0."""
    lines = text.splitlines()
    if line > len(lines):
        return 0
    indent = re.match(r"[ \t]*", lines[line - 1])
    return indent[0].find("\t") + 1 if indent else 0


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
