"""What every answer is, and the small ones."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

Instant: TypeAlias = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
Seconds: TypeAlias = float
Facts: TypeAlias = dict[str, Any]


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer."""


class Problem(Answer, frozen=True, kw_only=True):
    """What went wrong (RFC 9457), and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str | msgspec.UnsetType = msgspec.UNSET
    problems: list[Facts] | msgspec.UnsetType = msgspec.UNSET
    column: int | msgspec.UnsetType = msgspec.UNSET


class Said(Answer, frozen=True, kw_only=True):
    """It was done."""

    message: str


class Retried(Said, frozen=True, kw_only=True):
    """A notification is tried again."""

    id: str
