"""Nodes -> plain data, with the place of every key and value."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf

from salus.config import nodes
from salus.config.interpolation import interpolate
from salus.config.nodes import Node, Scalar, Sequence
from salus.config.scalars import OCTAL, OLD_FALSE, OLD_TRUE, plain_value
from salus.config.sources import Keys, Place, Sources, dotted_path, one_line
from salus.errors import ConfigError, Problem
from salus.model import Json

MAX_NODES = 250_000


class Reader:
    """Reads the texts of a config into data, and collects what is wrong with them."""

    def __init__(self, sources: Sources, environ: MappingOf[str, str]) -> None:
        """Read into these sources, with the variables of this environment."""
        self.sources = sources
        self.problems: list[Problem] = []
        self._environ = environ
        self._file = ""
        self._count = 0

    def read(self, text: str, file: str) -> Json:
        """Read one text.

        Raises:
            ConfigError: it is not YAML, or goes beyond the bounds.
        """
        self._file = file
        self._count = 0
        root = nodes.parse(text, file)
        if root is None:
            return None
        self._put((), Place(file, root.line, root.column, root.line, root.column))
        return self._value(root, ())

    def _value(self, node: Node, path: Keys) -> Json:
        self._count += 1
        if self._count > MAX_NODES:
            raise ConfigError(
                (self._problem(node, path, f"this holds more than {MAX_NODES} entries", "use aliases less"),)
            )
        if len(path) > nodes.MAX_DEPTH:
            what = f"this is nested deeper than {nodes.MAX_DEPTH} levels"
            raise ConfigError((self._problem(node, path, what, "write it flatter"),))
        if isinstance(node, Scalar):
            return self._scalar(node, path)
        if isinstance(node, Sequence):
            return [self._element(item, (*path, index)) for index, item in enumerate(node.items)]
        return self._mapping(node, path)

    def _element(self, node: Node, path: Keys) -> Json:
        inset = node.inset if isinstance(node, nodes.Scalar) else None
        self._put(path, Place(self._file, node.line, node.column, node.line, node.column, inset))
        return self._value(node, path)

    def _put(self, path: Keys, place: Place) -> None:
        self.sources.places[path] = place

    def _mapping(self, mapping: nodes.Mapping, path: Keys) -> Json:
        data: dict[str, Json] = {}
        for name, (key, node) in self._entries(mapping, path).items():
            inset = node.inset if isinstance(node, nodes.Scalar) else None
            self._put((*path, name), Place(self._file, key.line, key.column, node.line, node.column, inset))
            data[name] = self._value(node, (*path, name))
        return data

    def _entries(self, mapping: nodes.Mapping, path: Keys) -> dict[str, tuple[Node, Node]]:
        """Return the pairs by key: merged ones (``<<``) first, each key once."""
        own: dict[str, tuple[Node, Node]] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        for key, node in mapping.pairs:
            if not isinstance(key, Scalar) or (key.plain and not key.text):
                self.problems.append(self._problem(key, path, "a key must be text", "write `key: value`"))
            elif key.plain and key.text == "<<":
                merged = {**self._merged(node, path), **merged}
            elif key.text in own:
                first = own[key.text][0]
                what = f"{key.text!r} stands here twice; the first is at line {first.line}, column {first.column}"
                self.problems.append(self._problem(key, (*path, key.text), what, "keep one of them"))
            else:
                own[key.text] = (key, node)
        return {**merged, **own}

    def _merged(self, node: Node, path: Keys) -> dict[str, tuple[Node, Node]]:
        parts = node.items if isinstance(node, Sequence) else [node]
        entries: dict[str, tuple[Node, Node]] = {}
        for part in parts:
            self._count += len(part.pairs) if isinstance(part, nodes.Mapping) else 1
            if not isinstance(part, nodes.Mapping):
                self.problems.append(self._problem(part, path, "<< merges mappings only", "write `<<: *anchor`"))
            elif self._count <= MAX_NODES and len(path) < nodes.MAX_DEPTH:  # beyond them, _value refuses it all
                entries = {**self._entries(part, (*path, "<<")), **entries}
        return entries

    def _scalar(self, scalar: Scalar, path: Keys) -> Json:
        text = scalar.text
        if scalar.plain and OCTAL.fullmatch(text):
            what = f"{text} is one number to some readers of YAML and another to others"
            remedy = f'quote text as "{text}"; write a number without the leading zero, an octal one as 0o...'
            self.problems.append(self._problem(scalar, path, what, remedy))
            return text
        if "$" in text:
            try:
                return interpolate(text, self._environ, plain=scalar.plain)
            except ValueError as error:
                what, remedy = error.args
                self.problems.append(self._problem(scalar, path, what, remedy))
                return text
        if not scalar.plain:
            return text
        if text in OLD_TRUE or text in OLD_FALSE:
            self.sources.words[path] = text
        return plain_value(text)

    def _problem(self, node: Node, path: Keys, what: str, remedy: str) -> Problem:
        return Problem(
            file=self._file,
            line=node.line,
            column=node.column,
            path=dotted_path(path),
            what=one_line(what),
            remedy=remedy,
        )
