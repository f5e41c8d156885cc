"""Why a rule acts, or does not: the verdict in one sentence, and what every stage says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from salus.model import (
    CheckReport,
    Finding,
    Json,
    RecoveryRecord,
    Refusal,
    RefusalReason,
    RuleExplanation,
    RuleReport,
    UnderWay,
)
from salus.surfaces import wire
from salus.units import format_duration


class Stand(StrEnum):
    """Where a rule stands."""

    HEALING = "healing"  # a recovery runs
    READY = "ready"  # nothing holds it: it acts at the next bad look
    IDLE = "idle"  # there is nothing to heal
    HELD = "held"  # there is, or may be, and something holds it


WORDS: Mapping[RefusalReason, str] = {
    RefusalReason.DISABLED: "it is switched off",
    RefusalReason.HEALING_OFF: "automatic recovery is off",
    RefusalReason.PAUSED: "a person has paused all recovery",
    RefusalReason.CHECK_PAUSED: "a person has paused the check",
    RefusalReason.MAINTENANCE: "somebody is working on it",
    RefusalReason.OVERLOADED: "time-outs prove nothing on this host now",
    RefusalReason.UNKNOWN: "the check cannot tell",
    RefusalReason.BELOW_THRESHOLD: "it is not bad enough yet",
    RefusalReason.STOPPED_BY_PERSON: "a person wants it stopped",
    RefusalReason.FLAPPING: "it comes back by itself",
    RefusalReason.ON_HOLD: "this copy has been acted on already",
    RefusalReason.RIVAL_HEALER: "somebody else heals it too",
    RefusalReason.ALREADY_HEALING: "its target is taken",
    RefusalReason.DEPENDENCY_FAILING: "what it depends on comes first",
    RefusalReason.SHARED_CAUSE: "others fail in the same way",
    RefusalReason.COOLING_DOWN: "cooling down",
    RefusalReason.EXHAUSTED: "it has given up",
    RefusalReason.CIRCUIT_OPEN: "its actions keep failing",
    RefusalReason.STORM_BRAKE: "the storm brake is on",
    RefusalReason.GROUP_UNAVAILABLE: "too much of its group is out of service",
    RefusalReason.HOURLY_BUDGET_SPENT: "the budget of this hour is spent",
    RefusalReason.TOO_MANY_AT_ONCE: "enough recoveries run already",
    RefusalReason.OBSERVE_ONLY: "it may only observe",
    RefusalReason.REJECTED: "a person said no",
    RefusalReason.AWAITING_APPROVAL: "a person has to allow it",
}

# How long it will be so; everything else is held "for 42 s more".
_WAITS: Mapping[RefusalReason, str] = {
    RefusalReason.EXHAUSTED: ", with one more try in {}",
    RefusalReason.STORM_BRAKE: ", one recovery may try in {}",
    RefusalReason.CIRCUIT_OPEN: ", one run may try in {}",
    RefusalReason.AWAITING_APPROVAL: ", the question lapses in {}",
}

# What a person can do about it. Where nothing stands, waiting is right.
_REMEDIES: Mapping[RefusalReason, str] = {
    RefusalReason.DISABLED: "salus rule enable {rule}",
    RefusalReason.HEALING_OFF: "salus ledger check",
    RefusalReason.PAUSED: "salus resume",
    RefusalReason.CHECK_PAUSED: "salus resume --check {check}",
    RefusalReason.MAINTENANCE: "salus maintenance list",
    RefusalReason.UNKNOWN: "salus check {check}",
    RefusalReason.COOLING_DOWN: "salus heal {rule}",
    RefusalReason.EXHAUSTED: "salus reset {rule}",
    RefusalReason.STORM_BRAKE: "salus heal {rule}",
    RefusalReason.REJECTED: "salus reset {rule}",
    RefusalReason.OBSERVE_ONLY: "salus heal {rule}",
    RefusalReason.AWAITING_APPROVAL: "salus approve {rule}",
}


def document(report: CheckReport, explained: Sequence[RuleExplanation], now: datetime) -> dict[str, Json]:
    """Write a check and, for each of its rules, why it acts or does not."""
    return {"check": wire.check(report), "rules": [_rule(one, report, now) for one in explained]}


def _rule(one: RuleExplanation, report: CheckReport, now: datetime) -> dict[str, Json]:
    refusal = one.decisive.refusal if one.decisive else None
    off = any(finding.refusal for finding in one.findings if finding.reason is RefusalReason.DISABLED)
    return {
        "verdict": verdict(one, report, now),
        "stand": stand(one, report),
        "reason": refusal.reason if refusal else None,
        "until": wire.instant(refusal.until) if refusal else None,
        "remedy": remedy(one, report),
        "rule": wire.rule(
            RuleReport(rule=one.rule, state=one.state, refusal=refusal, override=one.override, whole=one.whole), off=off
        ),
        "stages": [_stage(finding) for finding in one.findings],
        "running": wire.recovery(one.running) if one.running else None,
    }


def _stage(finding: Finding) -> dict[str, Json]:
    refusal = finding.refusal
    return {
        "stage": finding.reason,
        "question": finding.question,
        "passes": refusal is None,
        "detail": refusal.detail if refusal else "",
        "until": wire.instant(refusal.until) if refusal else None,
    }


def stand(one: RuleExplanation, report: CheckReport) -> Stand:
    """Tell where a rule stands."""
    if one.running:
        return Stand.HEALING
    if one.decisive is None:
        return Stand.READY
    well = report.state.failing_since is None or bool(one.rule.when)
    return Stand.IDLE if well and one.decisive.reason is RefusalReason.BELOW_THRESHOLD else Stand.HELD


def verdict(one: RuleExplanation, report: CheckReport, now: datetime) -> str:
    """Say in one sentence whether a rule acts, and why."""
    name, held = one.rule.name, [finding.refusal for finding in one.findings if finding.refusal]
    match stand(one, report):
        case Stand.HEALING if one.running:
            return f"{name} is healing now{_began(one.running, now)}: {_progress(one, one.running, now)}"
        case Stand.READY:
            return f"{name} would act at the next bad look: nothing holds it"
        case Stand.IDLE:
            bad = f"{name} has nothing to heal: {held[0].detail or report.state.status}"
            return f"{bad}; if it had, {_first_of(held[1:], now)}" if held[1:] else bad
        case _:
            return f"{name} will not act: {_first_of(held, now)}"


def _first_of(held: Sequence[Refusal], now: datetime) -> str:
    """Say what holds a rule first, and what holds it after that."""
    after = outlasting(held)
    return f"{because(held[0], now)}; then {because(after, now)}" if after else because(held[0], now)


def outlasting(held: Sequence[Refusal]) -> Refusal | None:
    """Return the giving up that a cooldown is followed by; None where it is not, or something else holds first.

    A cooldown is asked about first and is over in moments; who reads only of it would wait in vain.
    """
    if not held or held[0].reason is not RefusalReason.COOLING_DOWN:
        return None
    spent = next((one for one in held if one.reason is RefusalReason.EXHAUSTED), None)
    first = held[0].until
    return spent if spent and (first is None or spent.until is None or spent.until > first) else None


def because(refusal: Refusal, now: datetime) -> str:
    """Say why a rule does not act, and for how long: ``cooling down for 42 s more (the last attempt ...)``."""
    wait = ""
    if refusal.until and refusal.until > now:
        left = format_duration((refusal.until - now).total_seconds())
        wait = _WAITS.get(refusal.reason, " for {} more").format(left)
    detail = f" ({refusal.detail})" if refusal.detail else ""
    return f"{WORDS[refusal.reason]}{wait}{detail}"


def remedy(one: RuleExplanation, report: CheckReport) -> str:
    """Return the command that would change what holds a rule; empty where waiting is right."""
    if stand(one, report) is not Stand.HELD or one.decisive is None:
        return ""
    reason, service = one.decisive.reason, report.spec.service
    if reason is RefusalReason.DISABLED and not one.rule.enabled:
        return ""  # the config says so, and a command cannot change it
    if reason is RefusalReason.STOPPED_BY_PERSON:
        return f"salus service start {service}" if service else ""
    return _REMEDIES.get(reason, "").format(rule=one.rule.name, check=one.rule.check)


def _began(running: RecoveryRecord, now: datetime) -> str:
    ago = format_duration(max(0.0, round((now - running.started_at).total_seconds())))
    return f", begun {ago} ago{' because a person asked' if running.manual else ''}"


def _progress(one: RuleExplanation, running: RecoveryRecord, now: datetime) -> str:
    last, current = len(one.rule.ladders) - 1, running.current
    rungs = one.rule.on_exhausted if running.ladder < 0 else one.rule.ladders[min(running.ladder, last)]
    step = (current.position if current else None) or min(len(running.steps) + 1, len(rungs))
    doing = f", {rungs[step - 1].kind}" if step else ""
    doing += f", {doing_now(current, now)}" if current else ""
    if running.ladder < 0:
        return f"it gave up, and carries out what is left to do, step {step} of {len(rungs)}{doing}"
    return f"attempt {running.attempt}, step {step} of {len(rungs)}{doing}"


def doing_now(current: UnderWay, now: datetime) -> str:
    """Say what a recovery does at this moment: ``acting for 3 s of at most 30 s``."""
    lasts = format_duration(max(0.0, round((now - current.since).total_seconds())))
    most = format_duration(round((current.until - current.since).total_seconds(), 1))
    return f"{current.phase} for {lasts} of at most {most}"
