"""The shapes of answers, for OpenAPI: what ``wire`` writes, field by field. Loaded when somebody asks for the document.

A test reads real answers with these structs, which know no other field: so they cannot drift apart.
"""

from __future__ import annotations

from salus.surfaces.api.answers import base, healing, incidents, telling
from salus.surfaces.api.answers.base import Answer


def shape(name: str) -> type[Answer]:
    """Return the shape of that name."""
    found: type[Answer] = next(
        getattr(room, name) for room in (base, healing, telling, incidents) if hasattr(room, name)
    )
    return found
