"""What must hold of attempts, at every event: how many, how soon, and how giving up is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from salus.model import Event, EventKind, Outcome, RecoveryRecord, RecoveryRule, Status
from salus.simulate.observed import Observed, rule_of

_BAD = {status.value for status in Status if status.bad}


class _Attempts:
    """Counts the attempts of an incident: from reset to reset, without those that were called off."""

    def __init__(self) -> None:
        self._spent: dict[str, int] = {}
        self._open: dict[str, str] = {}

    def of(self, rule: str) -> int:
        return self._spent.get(rule, 0)

    def take(self, event: Event, record: RecoveryRecord | None) -> None:
        name, recovery = event.rule or "", event.recovery or ""
        if event.kind is EventKind.RULE_RESET:
            self._spent.pop(name, None)
        elif event.kind is EventKind.RECOVERY_FINISHED:
            if self._open.pop(recovery, "") and event.reason == Outcome.CANCELLED:
                self._spent[name] = self.of(name) - 1
        elif event.kind is EventKind.RECOVERY_STARTED and record is not None:
            self._open[recovery] = name
            self._spent[name] = self.of(name) + 1


def _attempt(event: Event, seen: Observed) -> RecoveryRecord | None:
    """Return the recovery that begins, if it is one of those that are counted: no person's, and no last words."""
    record = seen.record(event.recovery or "") if event.kind is EventKind.RECOVERY_STARTED else None
    return record if record and not record.manual and record.ladder >= 0 else None


class AttemptsBounded:
    """Never more attempts in one incident than ``max_recovery_attempts``; beyond them only half-open ones."""

    def __init__(self) -> None:
        """Begin with no attempts."""
        self._attempts = _Attempts()

    def judge(self, event: Event, seen: Observed) -> str:
        """Count attempts from reset to reset; one that was called off is given back."""
        rule, record = rule_of(event, seen), _attempt(event, seen)
        counted = record if record and not record.half_open else None
        self._attempts.take(event, counted)
        if rule is None or counted is None:
            return ""
        spent = self._attempts.of(event.rule or "")
        return f"attempt {spent} of at most {rule.max_recovery_attempts}" if spent > rule.max_recovery_attempts else ""


class GivingUpKept:
    """Never a half-open attempt but after giving up, and not before its wait, which doubles with each of them."""

    def __init__(self) -> None:
        """Begin with nobody who gave up."""
        self._since: dict[str, datetime] = {}
        self._tries = _Attempts()

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._since = {name: at + by for name, at in self._since.items()}

    def judge(self, event: Event, seen: Observed) -> str:
        """Compare every half-open attempt with the giving up, or with the end of the one before."""
        name, rule, record = event.rule or "", rule_of(event, seen), _attempt(event, seen)
        tries = self._tries.of(name)
        self._tries.take(event, record if record and record.half_open else None)
        if event.kind is EventKind.RULE_RESET:
            self._since.pop(name, None)
        elif event.kind is EventKind.RULE_EXHAUSTED:
            self._since[name] = event.at
        elif event.kind is EventKind.RECOVERY_FINISHED and name in self._since and self._tries.of(name):
            if event.reason != Outcome.CANCELLED:
                self._since[name] = event.at
        elif rule is not None and record is not None and record.half_open:
            return self._early(name, rule, event.at, tries)
        return ""

    def _early(self, name: str, rule: RecoveryRule, now: datetime, tries: int) -> str:
        since = self._since.get(name)
        if since is None:
            return "a half-open attempt, and nobody had given up"
        wait = min(rule.exhausted_retry * 2.0 ** min(tries, 63), rule.exhausted_retry_max)
        waited = (now - since).total_seconds()
        return f"a half-open attempt after {waited:.3f} s, due after {wait:g} s" if waited < wait - 1e-6 else ""


class CooldownKept:
    """Never sooner than the cooldown, grown by the attempts so far, after the end of the attempt before."""

    def __init__(self) -> None:
        """Begin with nothing to cool down."""
        self._ended: dict[str, datetime] = {}
        self._attempts = _Attempts()
        self._last_words: set[str] = set()

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._ended = {name: at + by for name, at in self._ended.items()}

    def judge(self, event: Event, seen: Observed) -> str:
        """Compare every start with the end before."""
        name, rule, record = event.rule or "", rule_of(event, seen), _attempt(event, seen)
        before = self._attempts.of(name)
        self._attempts.take(event, record if record and not record.half_open else None)
        if event.kind is EventKind.RULE_RESET:
            self._ended.pop(name, None)
        elif event.kind is EventKind.RECOVERY_STARTED and record is None:
            self._note_last_words(event, seen)
        elif event.kind is EventKind.RECOVERY_FINISHED and event.reason != Outcome.CANCELLED:
            if event.recovery not in self._last_words:
                self._ended[name] = event.at
        elif rule is not None and record is not None and (ended := self._ended.get(name)):
            growth = rule.cooldown_multiplier ** min(max(before - 1, 0), 63)
            wait = min(rule.cooldown_period * growth, max(rule.cooldown_max, rule.cooldown_period))
            waited = (event.at - ended).total_seconds()
            if before and waited < wait - 1e-6:
                return f"only {waited:.3f} s after the last attempt, and the cooldown is {wait:g} s"
        return ""

    def _note_last_words(self, event: Event, seen: Observed) -> None:
        record = seen.record(event.recovery or "")
        if record is not None and record.ladder < 0:
            self._last_words.add(record.id)


class HealthProven:
    """Never are attempts forgotten by themselves before the check was well for ``reset_after``."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._bad: dict[str, datetime] = {}

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._bad = {name: at + by for name, at in self._bad.items()}

    def judge(self, event: Event, seen: Observed) -> str:
        """Compare the forgetting with the last time that the verdict was bad."""
        name, rule = event.check or "", rule_of(event, seen)
        if event.kind is EventKind.STATUS_CHANGED and {event.old, event.new} & _BAD:
            self._bad[name] = event.at
        elif event.kind is EventKind.RULE_RESET and rule is not None and "a person" not in event.message:
            well = (event.at - self._bad.get(name, datetime.min.replace(tzinfo=event.at.tzinfo))).total_seconds()
            if well < rule.reset_after - 1e-6:
                return f"forgotten after {well:.3f} s, and reset_after is {rule.reset_after:g} s"
        return ""
