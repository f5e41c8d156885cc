"""Bodies of what people seldom ask for; loaded when somebody does."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from salus.model import Mode
from salus.surfaces.bodies import Body


class HealBody(Body, frozen=True, kw_only=True):
    """Run a rule now.

    Attributes:
        rule: its name.
    """

    example: ClassVar[str] = '{"rule": "web"}'

    rule: Annotated[str, msgspec.Meta(max_length=200)]


class ModeBody(Body, frozen=True, kw_only=True):
    """Say how far a rule may go.

    Attributes:
        mode: ``observe``, ``approve`` or ``auto``; null: as the config says.
    """

    example: ClassVar[str] = '{"mode": "observe"}'

    mode: Mode | None
