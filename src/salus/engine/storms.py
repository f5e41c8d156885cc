"""The storm brakes of one Salus: fed with every turn to bad and to well, asked before every recovery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from salus.engine.holds import Keep
from salus.engine.memos import memo, recall
from salus.engine.units import CheckUnit
from salus.model import Brake, EventKind, Json, Limits
from salus.ports import Tell
from salus.rules import storm
from salus.rules.situation import Hold


class Storms:
    """Brakes over all targets, over those of a tag, and over those of a kind of check."""

    def __init__(self, tell: Tell, keep: Keep) -> None:
        """Say what happens through ``tell``, remember it through ``keep``."""
        self._tell = tell
        self._keep = keep
        self._tally = storm.Tally()
        self.brakes: dict[str, Brake] = {}

    def load(self, memos: Mapping[str, Mapping[str, Json]]) -> None:
        """Take up the brakes of an earlier Salus; a probe that died with it is no longer under way."""
        found = recall(memos, "brake", Brake)
        self.brakes = {scope: replace(brake, probing=None) for scope, brake in found.items()}

    def resize(self, units: Mapping[str, CheckUnit]) -> None:
        """Take a new set of checks."""
        self._tally.resize({name: (unit.target, _scopes(unit)) for name, unit in units.items()})

    def turned_bad(self, check: str, limits: Limits, now: datetime, *, newly: bool) -> None:
        """Hear that a check is bad, and nothing explains it; ``newly`` when it was well before."""
        self._tally.turned_bad(check, now, newly=newly)
        for scope in self._tally.scopes(check):
            if scope not in self.brakes and (names := self._tally.storm(scope, limits, now)):
                self.engage(scope, names, limits, now)

    def engage(self, scope: str, names: Sequence[str], limits: Limits, now: datetime) -> None:
        """Put a brake on."""
        brake = storm.engage(scope, names, limits, now)
        self._set(scope, brake)
        listed = ", ".join(brake.names) + (", ..." if len(names) > len(brake.names) else "")
        said = f"{len(names)} of the targets in {scope!r} turned bad together: {listed}; nothing of them is healed"
        self._tell(EventKind.STORM_STARTED, reason=scope, message=said)

    def well(self, check: str, limits: Limits) -> bool:
        """Hear that a check is well, or that its trouble is explained; true when a brake was released."""
        if not self._tally.well(check):
            return False
        scopes = [scope for scope in self._tally.scopes(check) if scope in self.brakes]
        released = [scope for scope in scopes if self._ease(scope, limits)]
        return bool(released)

    def ease(self, limits: Limits) -> bool:
        """Release every brake whose trouble has passed; true when one was released."""
        released = [scope for scope in list(self.brakes) if self._ease(scope, limits)]
        return bool(released)

    def _ease(self, scope: str, limits: Limits) -> bool:
        if not self._tally.calm(scope, limits):
            return False
        self._release(scope, "the trouble has passed")
        return True

    def hold(self, unit: CheckUnit, now: datetime) -> Hold | None:
        """Return what the brakes say to one more recovery of a check."""
        holds = (storm.blocked(brake, now) for brake in self.over(unit))
        return next((hold for hold in holds if hold), None)

    def over(self, unit: CheckUnit) -> list[Brake]:
        """Return the brakes that are on over a check."""
        scopes = self._tally.scopes(unit.spec.name) if self.brakes else ()
        return [self.brakes[scope] for scope in scopes if scope in self.brakes]

    def begins(self, unit: CheckUnit, recovery: str) -> None:
        """Hear that a recovery begins: where a brake is on, it is the probe."""
        for brake in self.over(unit):
            if brake.probing is None:
                self._set(brake.scope, storm.probing(brake, recovery))

    def ends(self, recovery: str, limits: Limits, now: datetime, *, helped: bool | None) -> bool:
        """Hear that a recovery ended; ``helped`` is None when nothing was done. True when a brake was released."""
        released = False
        for scope, brake in [(scope, brake) for scope, brake in self.brakes.items() if brake.probing == recovery]:
            after = replace(brake, probing=None) if helped is None else storm.probed(brake, limits, now, helped=helped)
            if after is None:
                self._release(scope, f"recovery {recovery} helped")
                released = True
            else:
                self._set(scope, after)
        return released

    def shift(self, by: timedelta) -> None:
        """Follow a jump of the wall clock."""
        self._tally.shift(by)
        for scope, brake in self.brakes.items():
            self._set(scope, storm.shifted(brake, by))

    def _set(self, scope: str, brake: Brake) -> None:
        self.brakes[scope] = brake
        self._keep(memo(f"brake:{scope}", brake))

    def _release(self, scope: str, why: str) -> None:
        del self.brakes[scope]
        self._keep(memo(f"brake:{scope}", None))
        self._tell(EventKind.STORM_ENDED, reason=scope, message=f"healing in {scope!r} goes on: {why}")


def _scopes(unit: CheckUnit) -> tuple[str, ...]:
    return (kind_scope(unit), *(f"tag:{tag}" for tag in unit.spec.tags))


def kind_scope(unit: CheckUnit) -> str:
    """Return the scope of all checks of one kind."""
    return f"kind:{unit.spec.kind}"
