"""Say that a check is failing, in the log."""

from __future__ import annotations

import logging
from typing import ClassVar, Literal

from salus.actions._facts import fill, unknown_words, words
from salus.model import Effect
from salus.options import ActionOptions
from salus.ports import ActionResult, Scene

_log = logging.getLogger("salus.action")


class Log(ActionOptions, frozen=True, kw_only=True):
    """Write one line to the log. It heals nothing, so it never counts as success.

    Attributes:
        message: the line; ``{check}``, ``{status}``, ``{message}``, ``{attempt}``, ``{attempts}``, ``{rule}``,
            ``{recovery}`` and ``{service}`` stand for what they say.
        level: ``debug``, ``info``, ``warning``, ``error`` or ``critical``.
    """

    effect: ClassVar[Effect] = Effect.RECORDS
    scalar: ClassVar[str] = "message"

    message: str = "{check} is {status}: {message} (attempt {attempt} of {attempts})"
    level: Literal["debug", "info", "warning", "error", "critical"] = "warning"

    def problems(self) -> list[tuple[str, str]]:
        """Find words that stand for nothing."""
        return [("message", complaint) for complaint in unknown_words(self.message)]

    async def run(self, scene: Scene) -> ActionResult:
        """Write the line."""
        known = words(scene)
        line = fill(self.message, known)
        extra = {"check": known["check"], "rule": known["rule"], "recovery": known["recovery"]}
        _log.log(logging.getLevelNamesMapping()[self.level.upper()], "%s", line, extra=extra)
        return ActionResult(message=line)
