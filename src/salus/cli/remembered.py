"""What the ledger remembers, where no Salus is running to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salus.errors import NotFoundError, SalusError

if TYPE_CHECKING:
    from salus.config import Settings
    from salus.model import CheckState, Event, PolicyReport, RecoveryRecord, RecoveryRule, RuleState
    from salus.ports import Snapshot

Told = dict[str, Any]
_NOTHING: Told = {"policy": None, "checks": [], "services": [], "rules": [], "recoveries": []}
_SEARCHED = 1000


def status(state_dir: Path, settings: Settings | None, now: datetime) -> Told:
    """Return states, budgets and what a person has said, as of the last Salus."""
    from salus.cli.errors import one_line
    from salus.cli.ledger import ledger_path
    from salus.store.sqlite import read_snapshot
    from salus.surfaces import wire

    path = ledger_path(state_dir)
    if not path.exists():
        return {**_NOTHING, "remark": f"no ledger at {path} either"}
    try:
        snapshot = read_snapshot(path, now)
        policy = wire.policy(_policy(snapshot, settings))
    except SalusError as error:
        return {**_NOTHING, "remark": one_line(error)}
    return {
        "policy": policy,
        "checks": [_check(name, state, settings) for name, state in sorted(snapshot.check_states.items())],
        "services": [{"name": name, "wanted": one.wanted} for name, one in sorted(snapshot.services.items())],
        "rules": [_budget(one) for _, one in sorted(snapshot.rule_states.items())],
        "recoveries": [wire.recovery(record) for record in snapshot.unfinished],
        "remark": "",
    }


def _policy(snapshot: Snapshot, settings: Settings | None) -> PolicyReport:
    from salus.engine.memos import recall
    from salus.model import Maintenance, Mode, Pause, PolicyReport

    return PolicyReport(
        mode=settings.limits.mode if settings else Mode.AUTO,
        pause=recall(snapshot.memos, "pause", Pause).get("all"),
        checks_paused=tuple(recall(snapshot.memos, "check_pause", Pause).values()),
        maintenance=tuple(recall(snapshot.memos, "maintenance", Maintenance).values()),
        disabled=tuple(sorted(key.partition(":")[2] for key in snapshot.memos if key.startswith("off:"))),
    )


def _check(name: str, state: CheckState, settings: Settings | None) -> Told:
    from salus.model import CheckReport, CheckSpec
    from salus.state import ring_of
    from salus.surfaces import wire

    spec = settings.checks.get(name) if settings else None
    return wire.check(CheckReport(spec=spec or CheckSpec(name=name, kind=""), state=state, looks=ring_of(state)))


def _budget(one: RuleState) -> Told:
    from salus.surfaces import wire

    return {
        "name": one.rule,
        "attempts": one.attempts,
        "exhausted_since": wire.instant(one.exhausted_since),
        "last_started": wire.instant(one.last_started),
        "last_outcome": one.last_outcome,
    }


# ── Why, in the past ──────────────────────────────────────────────────────────────────────────────────────────────────


def explanation(check: str, state_dir: Path, settings: Settings | None, now: datetime) -> Told:
    """Return what the ledger knows of a check and of each of its rules: the last refusal, the last recovery.

    Raises:
        NotFoundError: neither the config nor the ledger knows the check.
        SalusError: there is no ledger, or it cannot be read.
    """
    from salus.cli.ledger import ledger_path
    from salus.model import CheckState, EventKind, RuleState, Status
    from salus.ports import EventQuery, RecoveryQuery
    from salus.store.sqlite import read_events, read_recoveries, read_snapshot

    path = ledger_path(state_dir)
    snapshot = read_snapshot(path, now)
    if check not in snapshot.check_states and not (settings and check in settings.checks):
        message = f"there is no check {check!r}, and the ledger remembers none"
        raise NotFoundError(message, remedy="`salus status` lists what it remembers")
    events = read_events(path, EventQuery(check=check, kinds=(EventKind.RECOVERY_REFUSED,), limit=_SEARCHED))
    recoveries = read_recoveries(path, RecoveryQuery(check=check, limit=_SEARCHED))
    specs = {one.name: one for one in settings.rules if one.check == check} if settings else {}
    names = {*specs, *(one.rule for one in events if one.rule), *(one.rule for one in recoveries)}
    state = snapshot.check_states.get(check) or CheckState(status=Status.UNKNOWN)
    return {
        "check": _check(check, state, settings),
        "rules": [
            _rule(name, specs.get(name), snapshot.rule_states.get(name) or RuleState(rule=name), events, recoveries)
            for name in sorted(names)
        ],
    }


def _rule(
    name: str,
    spec: RecoveryRule | None,
    state: RuleState,
    events: Sequence[Event],
    recoveries: Sequence[RecoveryRecord],
) -> Told:
    from salus.model import RuleReport
    from salus.surfaces import wire

    refused = next((event for event in events if event.rule == name), None)
    recovered = next((record for record in recoveries if record.rule == name), None)
    if refused and recovered and recovered.started_at > refused.at:
        refused = None
    return {
        "verdict": _verdict(name, refused, recovered),
        "at": wire.instant(refused.at if refused else recovered.started_at if recovered else None),
        "reason": refused.reason if refused else None,
        "rule": wire.rule(RuleReport(rule=spec, state=state)) if spec else _budget(state),
    }


def _verdict(name: str, refused: Event | None, recovered: RecoveryRecord | None) -> str:
    from salus.surfaces.explain import WORDS

    if refused:
        known = {reason.value: words for reason, words in WORDS.items()}
        words = known.get(refused.reason or "", refused.reason)
        detail = f" ({refused.message})" if refused.message else ""
        return f"{name} did not act the last time it was asked: {words}{detail}"
    if recovered:
        outcome = (recovered.outcome or "interrupted").replace("_", " ")
        return f"{name} acted the last time it was asked: {outcome}"
    return f"{name} has never had to act, as far as the ledger goes back"
