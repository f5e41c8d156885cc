"""What the docstring of a struct says about it and about its fields: one source for schema and reference."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"^(Attributes|Args|Returns|Raises|Example|Examples|Note|Yields):\s*$")
_ENTRY = re.compile(r"^    (\w+)(?: \([^)]*\))?: (.*)$")


def summary(struct: type) -> str:
    """Return what a docstring says before its sections, one paragraph per line."""
    paragraphs: list[str] = []
    for line in _lines(struct):
        if _SECTION.match(line):
            break
        if not line.strip() or not paragraphs:
            paragraphs.append(line.strip())
        else:
            paragraphs[-1] = f"{paragraphs[-1]} {line.strip()}".strip()
    return "\n".join(part for part in paragraphs if part)


def attributes(struct: type) -> dict[str, str]:
    """Return the description of each field; what a subclass does not describe comes from its bases."""
    described: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        described |= _own_attributes(base)
    return described


def _own_attributes(struct: type) -> dict[str, str]:
    described: dict[str, str] = {}
    inside, name = False, ""
    for line in _lines(struct):
        if heading := _SECTION.match(line):
            inside, name = heading[1] == "Attributes", ""
        elif inside and (entry := _ENTRY.match(line)):
            name = entry[1]
            described[name] = entry[2].strip()
        elif inside and name and line.startswith("        "):
            described[name] += f" {line.strip()}"
        elif line.strip():
            name = ""
    return described


def _lines(struct: type) -> list[str]:
    # Not inspect.getdoc: that would take the docstring of a base for one's own.
    return inspect.cleandoc(struct.__dict__.get("__doc__") or "").splitlines()
