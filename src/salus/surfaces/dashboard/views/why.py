"""Why a rule acts or does not at this moment, as pages show it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime

from salus.model import (
    CheckReport,
    Finding,
    Mode,
    RecoveryRule,
    Refusal,
    RefusalReason,
    RuleExplanation,
    RuleReport,
    Status,
)
from salus.surfaces.dashboard.words import counted, duration
from salus.surfaces.explain import WORDS, Stand, outlasting, remedy, stand

_TONES = {Stand.HEALING: "info", Stand.READY: "warn", Stand.IDLE: "good", Stand.HELD: "bad"}
_PICTURES = {Stand.HEALING: "wrench", Stand.READY: "play", Stand.IDLE: "tick", Stand.HELD: "stop"}
_STANDS = {
    Stand.HEALING: "healing now",
    Stand.READY: "acts at the next bad look",
    Stand.IDLE: "nothing to heal",
    Stand.HELD: "does not act",
}
_MODES = {
    Mode.AUTO: "acts by itself",
    Mode.APPROVE: "asks a person before it acts",
    Mode.OBSERVE: "only says what it would do",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Where one rule stands, and what every stage says.

    Attributes:
        rule: the rule.
        stand: where it stands.
        tone, picture, word: how that is shown.
        sentence: why, in one line.
        detail: what the stage that decides says.
        until: when that ends, where it is known.
        remedy: the command that changes it; empty where waiting is right.
        decisive: the stage that decides; None where the rule may act.
        findings: what every stage says, in their order.
        running: id of the recovery under way; empty for none.
    """

    rule: RecoveryRule
    stand: Stand
    tone: str
    picture: str
    word: str
    sentence: str
    detail: str = ""
    until: datetime | None = None
    remedy: str = ""
    decisive: RefusalReason | None = None
    findings: Sequence[Finding] = ()
    running: str = ""

    @property
    def passed(self) -> int:
        """Count the stages that let it act."""
        return sum(1 for finding in self.findings if finding.refusal is None)


def why(one: RuleExplanation, report: CheckReport) -> Why:
    """Say where a rule stands."""
    stands = stand(one, report)
    refusal = one.decisive.refusal if one.decisive else None
    held = [finding.refusal for finding in one.findings if finding.refusal]
    match stands:
        case Stand.HEALING:
            sentence, detail, until = "A recovery runs at this moment.", "", None
        case Stand.READY:
            sentence, detail, until = "Nothing holds it: it acts at the next bad look.", "", None
        case Stand.IDLE:
            also = f" If it had, it would not act: {_what_holds(held[1:])}." if held[1:] else ""
            detail, until = _how_long(held[1:])
            sentence = f"There is nothing to heal.{also}"
        case _:
            sentence = f"It does not act: {_what_holds(held)}." if held else "It does not act."
            detail, until = _how_long(held)
    return Why(
        rule=one.rule,
        stand=stands,
        tone=_TONES[stands],
        picture=_PICTURES[stands],
        word=_STANDS[stands],
        sentence=sentence,
        detail=detail,
        until=until,
        remedy=remedy(one, report),
        decisive=refusal.reason if refusal else None,
        findings=one.findings,
        running=one.running.id if one.running else "",
    )


def _what_holds(held: Sequence[Refusal]) -> str:
    after = outlasting(held)
    return f"{WORDS[held[0].reason]}, and then {WORDS[after.reason]}" if after else WORDS[held[0].reason]


def _how_long(held: Sequence[Refusal]) -> tuple[str, datetime | None]:
    """Return what is said of what holds it longest, and when that ends."""
    longest = outlasting(held) or next(iter(held), None)
    return (longest.detail, longest.until) if longest else ("", None)


def key_of(whys: Sequence[Why]) -> Hashable:
    """Return what the part of a page that shows them is written from."""
    return tuple(whys)


def trigger_in_words(rule: RecoveryRule) -> str:
    """Say on what a rule acts."""
    if rule.when:
        what = "this condition holds"
    else:
        what = (
            f"{rule.check} is unhealthy"
            if rule.trigger_on is Status.UNHEALTHY
            else f"{rule.check} is degraded or unhealthy"
        )
    if rule.failure_window:
        return f"{what}, at {rule.min_failure_count} of the last {counted(rule.failure_window, 'look')}"
    if rule.min_failure_count == 1:
        return f"{what}, at the first such look"
    return f"{what}, {counted(rule.min_failure_count, 'look')} in a row"


def mode_in_words(mode: Mode) -> str:
    """Say how far a rule may go."""
    return _MODES[mode]


def cooldown_in_words(rule: RecoveryRule) -> str:
    """Say how long a rule waits between two attempts."""
    if rule.cooldown_multiplier == 1:
        return duration(rule.cooldown_period)
    longest = max(rule.cooldown_max, rule.cooldown_period)
    first, times = duration(rule.cooldown_period), f"{rule.cooldown_multiplier:g} times"
    return f"{first}, each time {times} as long, at most {duration(longest)}"


def state_in_words(report: RuleReport, now: datetime, *, off: bool) -> tuple[str, str]:
    """Say in a word or two where a rule stands, and its tone; from what is in memory, however many rules there are."""
    state = report.state
    if off or not report.rule.enabled:
        return "off", ""
    if state.approval and state.approval.answer == "waiting" and state.approval.expires_at > now:
        return "asks a person", "warn"
    if state.exhausted_since:
        return "gave up", "bad"
    if state.recurring_since:
        return "heals what comes back", "warn"
    if state.attempts:
        return "in an incident", "info"
    if report.mode is Mode.OBSERVE:
        return "observes", ""
    return "ready", "good"
