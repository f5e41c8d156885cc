"""How far people let single rules go, in the place of what the config says. Loaded when somebody says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from salus.engine.memos import memo
from salus.engine.policy import Policy
from salus.model import EventKind, Mode, ModeOverride, RecoveryRule


def set_mode(policy: Policy, rule: RecoveryRule, mode: Mode | None, now: datetime, *, by: str) -> None:
    """Set the mode of a rule; None gives it back to the config."""
    name, known = rule.name, policy.modes.get(rule.name)
    if (known.mode if known else None) is mode:
        return
    if mode is None:
        del policy.modes[name]
    else:
        policy.modes[name] = ModeOverride(mode=mode, since=now, by=by)
    policy.keep(memo(f"mode:{name}", policy.modes.get(name)))
    said = f"the mode is {rule.mode} again, as in the config" if mode is None else f"the mode is {mode} from now on"
    policy.tell(
        EventKind.RULE_MODE_CHANGED,
        rule=name,
        check=rule.check,
        reason=(mode or rule.mode).value,
        message=f"{said}{f', set by {by}' if by else ''}",
        data={"mode": mode.value if mode else None},
    )


def shift(policy: Policy, by: timedelta) -> None:
    """Follow a jump of the wall clock."""
    for name, known in policy.modes.items():
        policy.modes[name] = replace(known, since=known.since + by)
        policy.keep(memo(f"mode:{name}", policy.modes[name]))
