"""What programs wrote is for those who may act: secrets stand in outputs, whatever one tells programs."""

from __future__ import annotations

from salus.model import Json, Role
from salus.surfaces.access.caller import Caller

_NAME = "evidence"


def told_to(caller: Caller, told: Json) -> Json:
    """Return an answer as it may be told to somebody: with its evidence, or with that left empty."""
    return told if caller.may(Role.OPERATOR) else _without(told)


def _without(told: Json) -> Json:
    if isinstance(told, dict):
        return {name: {} if name == _NAME else _without(value) for name, value in told.items()}
    if isinstance(told, list):
        return [_without(one) for one in told]
    return told
