"""The circuit breakers around actions, shared by all rules that use the same action on the same target."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from salus.engine.holds import Keep
from salus.engine.memos import memo, recall
from salus.engine.units import CheckUnit, Ladder
from salus.model import ActionSpec, Circuit, Effect, EventKind, Json, Limits, StepResult
from salus.ports import Tell
from salus.rules import circuit
from salus.rules.situation import Hold

_ACTING = (Effect.CHANGES, Effect.REPLACES)
_FINGERPRINT = 12


class Circuits:
    """Counts failures of actions, and says which of them are not worth a try now."""

    def __init__(self, tell: Tell, keep: Keep) -> None:
        """Say what happens through ``tell``, remember it through ``keep``."""
        self._tell = tell
        self._keep = keep
        self._known: dict[str, Circuit] = {}

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up what an earlier Salus counted."""
        self._known = recall(memos, "circuit", Circuit)

    @property
    def open(self) -> tuple[Circuit, ...]:
        """Return the circuits that are open, half-open ones too."""
        return tuple(found for _, found in sorted(self._known.items()) if found.opened_at)

    def blocked(self, unit: CheckUnit, spec: ActionSpec, now: datetime) -> datetime | None:
        """Return until when an action must be skipped, or None."""
        return circuit.blocked(self._known.get(circuit_key(unit, spec)), now) if self._known else None

    def hold(self, unit: CheckUnit, ladder: Ladder, now: datetime) -> Hold | None:
        """Hold a rule when every acting rung of its ladder must be skipped."""
        if not self._known:
            return None
        acting = [spec for spec, action in ladder if action.effect in _ACTING]
        waits = [until for spec in acting if (until := self.blocked(unit, spec, now))]
        if not acting or len(waits) < len(acting):
            return None
        kinds = ", ".join(dict.fromkeys(spec.kind for spec in acting))
        return Hold(detail=f"{kinds} kept failing by itself; its circuit is open", until=min(waits))

    def ran(self, unit: CheckUnit, spec: ActionSpec, result: StepResult, limits: Limits, now: datetime) -> None:
        """Hear how an acting rung ended by itself, whatever it did for the check."""
        key = circuit_key(unit, spec)
        known = self._known.get(key)
        if result is StepResult.OK:
            if known is not None:
                del self._known[key]
                self._keep(memo(f"circuit:{key}", None))
                if known.opened_at:
                    self._tell(
                        EventKind.CIRCUIT_CLOSED, action=spec.kind, reason=key, message=f"{spec.kind} works again"
                    )
            return
        if result not in (StepResult.FAILED, StepResult.TIMED_OUT):
            return
        after = circuit.failed(known, key, limits, now)
        self._known[key] = after
        self._keep(memo(f"circuit:{key}", after))
        if after.opened_at and not (known and known.opened_at):
            said = f"{spec.kind} failed {after.failures} times in a row; skipped until {after.retry_at:%H:%M:%S} UTC"
            self._tell(EventKind.CIRCUIT_OPENED, action=spec.kind, check=unit.spec.name, reason=key, message=said)

    def forget(self, unit: CheckUnit, specs: Iterable[ActionSpec]) -> None:
        """Close the circuits of these actions: a person says that they are worth a try."""
        for spec in specs:
            key = circuit_key(unit, spec)
            if (known := self._known.pop(key, None)) is None:
                continue
            self._keep(memo(f"circuit:{key}", None))
            if known.opened_at:
                said = f"{spec.kind} is tried again: a person asked"
                self._tell(EventKind.CIRCUIT_CLOSED, action=spec.kind, check=unit.spec.name, reason=key, message=said)

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        for key, known in self._known.items():
            moved = replace(
                known,
                opened_at=known.opened_at + by if known.opened_at else None,
                retry_at=known.retry_at + by if known.retry_at else None,
            )
            self._known[key] = moved
            self._keep(memo(f"circuit:{key}", moved))


def circuit_key(unit: CheckUnit, spec: ActionSpec) -> str:
    """Return what two rules share when their actions do the same to the same.

    That is the kind and the service it acts on; where there are further options, a fingerprint of them all: the word is
    kept in the ledger and shown, and a secret may stand in the options.
    """
    if spec.options.keys() <= {"service"}:
        return f"{spec.kind} {spec.options.get('service', unit.target)}"
    options = json.dumps(spec.options, sort_keys=True, default=repr)
    return f"{spec.kind} {hashlib.sha256(options.encode()).hexdigest()[:_FINGERPRINT]}"
