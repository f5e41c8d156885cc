"""How far people let single rules go, in the place of what the config says. It survives a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from salus.engine.holds import Keep
from salus.engine.memos import memo, recall
from salus.model import EventKind, Json, Mode, ModeOverride, RecoveryRule
from salus.ports import Tell


class RuleModes:
    """The modes that people have set, by rule."""

    def __init__(self, tell: Tell, keep: Keep) -> None:
        """Say what happens through ``tell``, remember it through ``keep``."""
        self._tell = tell
        self._keep = keep
        self._modes: dict[str, ModeOverride] = {}

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up what an earlier Salus was told.

        Raises:
            StoreUnreadableError: it cannot be understood.
        """
        self._modes = recall(memos, "mode", ModeOverride)

    def of(self, rule: str) -> ModeOverride | None:
        """Return what a person has set, or None."""
        return self._modes.get(rule)

    def in_force(self, rule: RecoveryRule, whole: Mode) -> Mode:
        """Return how far a rule may go: the most careful of its own mode and of the whole's."""
        override = self._modes.get(rule.name)
        return (override.mode if override else rule.mode).most_careful(whole)

    def set(self, rule: RecoveryRule, mode: Mode | None, now: datetime, *, by: str) -> None:
        """Set the mode of a rule; None gives it back to the config."""
        known = self._modes.get(rule.name)
        if (known.mode if known else None) is mode:
            return
        if mode is None:
            del self._modes[rule.name]
        else:
            self._modes[rule.name] = ModeOverride(mode=mode, since=now, by=by)
        self._keep(memo(f"mode:{rule.name}", self._modes.get(rule.name)))
        said = f"the mode is {rule.mode} again, as in the config" if mode is None else f"the mode is {mode} from now on"
        self._tell(
            EventKind.RULE_MODE_CHANGED,
            rule=rule.name,
            check=rule.check,
            reason=(mode or rule.mode).value,
            message=f"{said}{f', set by {by}' if by else ''}",
            data={"mode": mode.value if mode else None},
        )

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        for name, known in self._modes.items():
            self._modes[name] = replace(known, since=known.since + by)
            self._keep(memo(f"mode:{name}", self._modes[name]))
