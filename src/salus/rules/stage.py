"""The shape of a stage: one question, one reason to refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from salus.model import Refusal, RefusalReason
from salus.rules.situation import Hold, Situation

Answer = Hold | None


@dataclass(frozen=True, slots=True)
class Stage:
    """One question that every decision passes.

    Attributes:
        reason: what it refuses with: every stage has one reason, and every reason one stage.
        question: what it asks, for people who ask why.
        ask: returns what holds the rule back, or None.
    """

    reason: RefusalReason
    question: str
    ask: Callable[[Situation], Answer]

    def refuse(self, situation: Situation) -> Refusal | None:
        """Return the refusal, or None when the rule may go on to the next stage."""
        hold = self.ask(situation)
        if hold is None:
            return None
        return Refusal(
            rule=situation.rule.name,
            check=situation.spec.name,
            reason=self.reason,
            detail=hold.detail,
            until=hold.until,
        )


def after(situation: Situation, seconds: float, detail: str) -> Hold:
    """Hold for that many seconds from now."""
    return Hold(detail=detail, until=situation.now + timedelta(seconds=max(0.0, seconds)))
