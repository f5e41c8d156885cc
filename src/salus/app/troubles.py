"""What is wrong with Salus itself: its check of itself says it, and whoever looks at it sees it."""

from __future__ import annotations

from collections.abc import Container

from salus.app.alerting import Alerting
from salus.app.vitals import Vitals
from salus.engine.engine import Engine
from salus.engine.recorder import Recorder
from salus.engine.selfcheck import NAME, SelfCheck, self_check_spec
from salus.engine.units import CheckUnit
from salus.engine.view import EngineView
from salus.model import CheckState


class Troubles:
    """Asks the parts of one Salus.

    Attributes:
        ledger: what was wrong with the ledger when it was opened.
        reload: why a changed config is not in force.
    """

    def __init__(
        self, engine: Engine, recorder: Recorder, view: EngineView, vitals: Vitals, alerting: Alerting, *, ledger: str
    ) -> None:
        """Ask these; ``view`` is also told."""
        self._engine = engine
        self._recorder = recorder
        self._view = view
        self._vitals = vitals
        self._alerting = alerting
        self.ledger = ledger
        self.reload = ""

    def self_check(self, others: Container[str]) -> dict[str, CheckUnit]:
        """Return the check of Salus itself, unless the config has one of that name."""
        if NAME in others:
            return {}
        check = SelfCheck(self._lines, self._lateness)
        return {NAME: CheckUnit(spec=self_check_spec(), check=check, state=CheckState())}

    def _lines(self) -> list[str]:
        engine = self._engine
        lines = [
            engine.healing_off and f"automatic recovery is off: {engine.healing_off}",
            self.ledger if not engine.healing_off else "",
            self._recorder.failure and f"the ledger cannot be written: {self._recorder.failure}",
            self.reload,
            self._vitals.stuck(),
            *self._alerting.troubles(engine.site.clock.now()),
        ]
        self._view.problems = [line for line in lines if line]
        return self._view.problems

    def _lateness(self) -> float:
        worst, self._engine.lateness_max = self._engine.lateness_max, 0.0
        return worst
