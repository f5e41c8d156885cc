"""Which components there are."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VARIANTS = "variants.json"

_INCLUDED = re.compile(r"""\{%[-+]?\s*(?:include|import|from|extends)\s+["'](\w[\w-]*)/""")


@dataclass(frozen=True, slots=True)
class Component:
    """A folder with a template of its name, and perhaps a style sheet and variants.

    Attributes:
        name: of the folder, of ``<name>.html`` and ``<name>.css`` in it.
        style: its style sheet.
        variants: from ``variants.json``: a name, and what the template is given.
        uses: the components that its template includes.
        styles: the style sheets of these, and its own.
        fingerprint: changes when anything in the folder does, or in a component that it uses.
    """

    name: str
    style: str
    variants: Mapping[str, Mapping[str, Any]]
    uses: tuple[str, ...]
    fingerprint: str
    styles: tuple[str, ...] = ()


class Registry:
    """The components of a folder, as they were when it was last read (a ``RefreshableRegistry``)."""

    def __init__(self, folder: Path) -> None:
        """Know nothing yet."""
        self._folder = folder
        self._lock = threading.Lock()
        self._components: dict[str, Component] = {}
        self.problems: dict[str, str] = {}
        self.last_refreshed: datetime | None = None

    def all(self) -> list[Component]:
        """Return every component, by name."""
        return sorted(self._components.values(), key=lambda component: component.name)

    def get(self, name: str) -> Component | None:
        """Return one of them."""
        return self._components.get(name)

    def count(self) -> int:
        """Return how many there are."""
        return len(self._components) + len(self.problems)

    def names(self) -> list[str]:
        """Return their names, those that cannot be read included."""
        return [*self._components, *self.problems]

    def expected(self) -> list[str]:
        """Return the names that the folder itself would give."""
        return [folder.name for folder in self._folder.iterdir() if (folder / f"{folder.name}.html").is_file()]

    def refresh(self) -> int:
        """Read the folder anew, and return how many components it has."""
        found: dict[str, Component] = {}
        problems: dict[str, str] = {}
        for name in self.expected():
            try:
                found[name] = _read(self._folder / name)
            except (OSError, ValueError) as error:
                problems[name] = f"{type(error).__name__}: {error}"
        with self._lock:
            self._components, self.problems = _with_what_they_use(found), problems
            self.last_refreshed = datetime.now(UTC)
        return self.count()

    def forget(self) -> None:
        """Forget everything: a fault, for those who like to see it healed."""
        self._components, self.problems = {}, {}


def _read(folder: Path) -> Component:
    template, style, variants = (folder / name for name in (f"{folder.name}.html", f"{folder.name}.css", VARIANTS))
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    said = json.loads(variants.read_text(encoding="utf-8")) if variants.is_file() else {"plain": {}}
    if not isinstance(said, dict) or not all(isinstance(given, dict) for given in said.values()):
        message = f"{VARIANTS} must hold an object of objects: a name, and what the template is given"
        raise ValueError(message)
    return Component(
        name=folder.name,
        style=style.read_text(encoding="utf-8") if style.is_file() else "",
        variants=said,
        uses=tuple(sorted(set(_INCLUDED.findall(template.read_text(encoding="utf-8"))) - {folder.name})),
        fingerprint=digest.hexdigest(),
    )


def _with_what_they_use(found: Mapping[str, Component]) -> dict[str, Component]:
    """Let the fingerprint of each component change with those of all that it is made of."""
    whole: dict[str, Component] = {}
    for name, component in found.items():
        uses = _closure(name, found)
        prints = [component.fingerprint, *(found[used].fingerprint for used in uses)]
        digest = hashlib.sha256("".join(prints).encode()).hexdigest()
        styles = tuple(part.style for part in (*(found[used] for used in uses), component))
        whole[name] = replace(component, uses=uses, fingerprint=digest, styles=styles)
    return whole


def _closure(name: str, found: Mapping[str, Component]) -> tuple[str, ...]:
    seen, coming = {name}, [name]
    while coming:
        new = [used for used in found[coming.pop()].uses if used in found and used not in seen]
        seen.update(new)
        coming += new
    return tuple(sorted(seen - {name}))
