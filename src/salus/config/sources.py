"""Where every key and value of a config stands, so that each complaint can point at it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

from salus.errors import Problem

Key: TypeAlias = "str | int"
Keys: TypeAlias = "tuple[Key, ...]"

MEMORY = "<memory>"


class Place(NamedTuple):
    """Where an entry stands: its file (as the user named it), its key and its value; lines and columns from 1.

    ``inset`` is where in the value its text begins, when that stands letter by letter on one line.
    """

    file: str
    line: int
    column: int
    value_line: int
    value_column: int
    inset: int | None = None


@dataclass(slots=True)
class Sources:
    """A map from the path of an entry, such as ``("checks", "web", "http", "url")``, to its place.

    Attributes:
        places: path -> place; list elements are counted from 0.
        words: path -> the word as written, for plain words that YAML reads as true or false (``on``, ``no``).
        folders: file -> the folder that its relative paths start from.
        credentials: folder of the secrets that the service manager handed over, or None.
        code: files that are code of a program, which declares.
    """

    places: dict[Keys, Place] = field(default_factory=dict)
    words: dict[Keys, str] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    credentials: Path | None = None
    aliases: dict[Keys, Keys] = field(default_factory=dict)
    code: set[str] = field(default_factory=set)

    def alias(self, path: Keys, original: Keys) -> None:
        """Let an entry that was made from another one point at its place; ``path`` is two or three keys deep."""
        self.aliases[path] = original

    def place(self, path: Keys) -> tuple[Place | None, bool]:
        """Find the place of ``path`` or, where it has none, of the nearest entry that holds it.

        Returns:
            The place (None when nothing is known), and whether it is the one of ``path`` itself.
        """
        path = self.original(path)
        for end in range(len(path), -1, -1):
            if place := self.places.get(path[:end]):
                return place, end == len(path)
        return None, False

    def in_code(self, path: Keys) -> bool:
        """Tell whether an entry stands in the code of a program."""
        place, _ = self.place(path)
        return place is not None and place.file in self.code

    def original(self, path: Keys) -> Keys:
        """Return the path as it stands in the file."""
        for depth in (2, 3):
            if path[:depth] in self.aliases:
                path = (*self.aliases[path[:depth]], *path[depth:])
        return path

    def problem(self, path: Keys, what: str, remedy: str = "", *, value: bool = False) -> Problem:
        """Make a problem that points at an entry.

        Args:
            path: the entry; one that is missing points at the value of what should hold it.
            what: what is wrong, one sentence without a full stop.
            remedy: what to do.
            value: point at the value instead of the key.
        """
        what, remedy = one_line(what), one_line(remedy)
        place, own = self.place(path)
        dotted = dotted_path(self.original(path))
        if place is None:
            return Problem(file=self._only_file(), line=0, column=0, path=dotted, what=what, remedy=remedy)
        line, column = (place.line, place.column) if own and not value else (place.value_line, place.value_column)
        return Problem(file=place.file, line=line, column=column, path=dotted, what=what, remedy=remedy)

    def problem_inside(self, path: Keys, what: str, remedy: str, *, line: int, column: int) -> Problem:
        """Make a problem that points into the text of an entry.

        Args:
            path: the entry.
            what: what is wrong, one sentence without a full stop.
            remedy: what to do.
            line: of the text, from 1.
            column: of the text, from 1.
        """
        problem = self.problem(path, what, remedy, value=True)
        place, own = self.place(path)
        if own and place and place.inset is not None and line == 1:
            return replace(problem, column=place.value_column + place.inset + column - 1)
        inside = f"line {line}, column {column}" if line > 1 else f"column {column}"
        return replace(problem, what=f"{problem.what}, in {inside} of the text")

    def folder(self, path: Keys) -> Path:
        """Return the folder from which a relative path at this entry starts."""
        place, _ = self.place(path)
        return self.folders.get(place.file if place else self._only_file()) or Path.cwd()

    def _only_file(self) -> str:
        return next(iter(self.folders), MEMORY)


def dotted_path(path: Iterable[Key]) -> str:
    """Write a path for people: ``rules.web.actions[1].wait``."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return one_line(text)


def one_line(text: str) -> str:
    """Write out line breaks and control characters, so that a problem is one line and moves no terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """Return ``did you mean 'x'?`` for the known word that is nearest, or an empty string."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else ""


def nearest(word: str, known: Collection[str], likeness: float = 0.6) -> str:
    """Return the known word that is nearest to a misspelled one and at least so like it, or an empty string."""
    from difflib import get_close_matches

    folded = {one.casefold(): one for one in known}
    matches = get_close_matches(word[:100].casefold(), folded, n=1, cutoff=likeness)
    return folded[matches[0]] if matches else ""


def known_words(words: Iterable[str], most: int = 16) -> str:
    """Write ``known are a, b, c`` for a remedy, bounded; empty when nothing is known."""
    names = sorted(words)
    if not names:
        return ""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return f"known are {', '.join(names[:most])}{rest}"
