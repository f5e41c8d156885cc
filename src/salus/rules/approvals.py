"""A person's word: stages that wait for it, and the life of a question as pure steps over ``RuleState``.

ask ──> waiting ──> approved ──> used by one attempt
           ├──────> rejected ──> until the check is well
           └──────> lapsed   ──> asked anew while the check is bad
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from salus.model import Answer, Approval, Mode, RecoveryRule, RuleState
from salus.rules import stage
from salus.rules.situation import Hold, Situation


def awaiting(situation: Situation) -> stage.Answer:
    """Hold in the mode ``approve`` until a person has allowed this attempt."""
    asked = _asked(situation)
    if situation.mode is not Mode.APPROVE or (asked and asked.answer is not Answer.WAITING):
        return None
    if asked is None:
        return Hold(detail="a person must allow it")
    return Hold(detail=f"a person must allow it: salus approve {asked.id}", until=asked.expires_at)


def rejected(situation: Situation) -> stage.Answer:
    """Hold after a person said no, until the check is well again or the rule is reset."""
    asked = situation.memory.approval
    if situation.mode is not Mode.APPROVE or asked is None or asked.answer is not Answer.REJECTED:
        return None
    return Hold(detail=f"rejected{f' by {asked.by}' if asked.by else ''}{f': {asked.note}' if asked.note else ''}")


def _asked(situation: Situation) -> Approval | None:
    asked = situation.memory.approval
    return asked if asked and not lapsed(asked, situation.now) else None


def lapsed(asked: Approval, now: datetime) -> bool:
    """Tell whether a question, or a permission, is too old; a no does not lapse."""
    return asked.answer is not Answer.REJECTED and now >= asked.expires_at


def ask(memory: RuleState, rule: RecoveryRule, approval_id: str, now: datetime) -> RuleState:
    """Ask a person."""
    expires = now + timedelta(seconds=rule.approval_timeout)
    return replace(memory, approval=Approval(id=approval_id, asked_at=now, expires_at=expires))


def answered(memory: RuleState, answer: Answer, now: datetime, *, by: str, note: str) -> RuleState:
    """Take a person's answer to the question that is open."""
    if memory.approval is None:
        return memory
    return replace(memory, approval=replace(memory.approval, answer=answer, answered_at=now, by=by, note=note))
