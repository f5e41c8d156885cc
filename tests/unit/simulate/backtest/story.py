"""A past told in a few lines, in seconds since its beginning, and what the rules of a config make of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from textwrap import dedent
from typing import Any

from salus.app.build import resolve
from salus.config import loads
from salus.model import (
    Event,
    EventKind,
    Metric,
    Observation,
    Outcome,
    RecoveryRecord,
    RefusalReason,
    Status,
    StepRecord,
    StepResult,
)
from salus.simulate.backtest.report import notes
from salus.simulate.backtest.run import Replayed, replay
from salus.simulate.backtest.score import Result, Row, score
from salus.simulate.backtest.spells import Spell
from salus.simulate.backtest.tracks import History, make_history
from salus.store.past import Life, Past, Silence, Stretch
from salus.testing import EPOCH

WEB = """
    salus: {store: memory}
    services:
      web: {process: {command: [/bin/web]}}
    checks:
      web: {http: "http://127.0.0.1:1/", service: web, interval: 10s, timeout: 2s, retry_interval: 1s}
    rules:
      web: {actions: [restart_service], min_failure_count: 2, cooldown_period: 10s}
"""
GOOD, BAD, UNKNOWN = Status.HEALTHY, Status.UNHEALTHY, Status.UNKNOWN


def instant(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def step(action: str, at: float, *, took: float = 0.5, verified: bool | None = True, result: str = "ok") -> StepRecord:
    return StepRecord(
        position=1,
        action=action,
        result=StepResult(result),
        started_at=instant(at),
        duration=took,
        verified=verified,
        message=f"{action} {result}",
    )


class Story:
    """What a ledger holds."""

    def __init__(self, *, until: float, agent: bool = True) -> None:
        self._until = until
        self._agent = agent
        self._looks: dict[str, list[Observation]] = {}
        self._silences: dict[str, list[tuple[float, float]]] = {}
        self._events: list[Event] = []
        self._before: list[Event] = []
        self._recoveries: list[RecoveryRecord] = []
        self._lives = [(0.0, until)]

    def looks(self, check: str, *told: tuple[float, Status], moved: bool = True, **facts: Any) -> Story:
        """Say what a check said from a second on; where that ``moved`` the verdict, that is told too."""
        kept = self._looks.setdefault(check, [])
        for at, status in told:
            if moved and kept and kept[-1].status is not status:
                self.event(at, EventKind.STATUS_CHANGED, check=check, old=kept[-1].status, new=status)
            kept.append(Observation(status=status, message=f"it is {status}", at=instant(at), **facts))
        return self

    def measures(self, check: str, *told: tuple[float, float]) -> Story:
        """Say what a healthy check measured."""
        for at, value in told:
            self.looks(check, (at, GOOD), metrics={"size": Metric(value)})
        return self

    def silence(self, check: str, began: float, ended: float) -> Story:
        """Say that two looks of the check are that far apart."""
        self._silences.setdefault(check, []).append((began, ended))
        return self

    def lives(self, *lives: tuple[float, float]) -> Story:
        """Say when a Salus watched."""
        self._lives = list(lives)
        return self

    def event(self, at: float, kind: EventKind, *, before: bool = False, **about: Any) -> Story:
        """Say that something happened."""
        told = self._before if before else self._events
        told.append(Event(id=len(self._events) + len(self._before) + 1, at=instant(at), kind=kind, **about))
        return self

    def refused(self, check: str, at: float, reason: RefusalReason) -> Story:
        """Say that a rule did not act."""
        return self.event(at, EventKind.RECOVERY_REFUSED, check=check, rule=check, reason=reason.value)

    def recovery(self, check: str, at: float, *steps: StepRecord, ended: float, **facts: Any) -> Story:
        """Say what was done about a check: it recovered if a step was verified."""
        healed = any(one.verified for one in steps)
        given: dict[str, Any] = {
            "rule": check,
            "targets": (f"service:{check}",),
            "outcome": Outcome.RECOVERED if healed else Outcome.NOT_RECOVERED,
            "started_at": instant(at),
            "finished_at": instant(ended),
            "steps": steps,
        }
        made = RecoveryRecord(id=f"r{len(self._recoveries)}", check=check, decided_at=instant(at), **(given | facts))
        self._recoveries.append(made)
        return self

    def past(self) -> Past:
        """Return it as it is read from a ledger."""
        return Past(
            since=EPOCH,
            until=instant(self._until),
            agent=self._agent,
            lives=[Life(instant(began), instant(ended)) for began, ended in self._lives],
            stretches={name: self._stretches(name) for name in self._looks},
            events=sorted(self._events, key=lambda event: event.at),
            before=self._before,
            recoveries=self._recoveries,
        )

    def _stretches(self, check: str) -> list[Stretch]:
        looks = self._looks[check]
        ends = [*(look.at for look in looks[1:]), max(looks[-1].at, instant(self._until))]
        silences = [Silence(instant(began), instant(ended)) for began, ended in self._silences.get(check, ())]
        return [
            Stretch(
                look=look,
                last=end,
                silences=tuple(silence for silence in silences if look.at <= silence.began < end),
            )
            for look, end in zip(looks, ends, strict=True)
        ]

    # ── what comes of it ──────────────────────────────────────────────────────────────────────────────────────────────

    def history(self, config: str = WEB) -> History:
        """Return what a config needs of it."""
        return make_history(self.past(), resolve(loads(dedent(config))))

    def spells(self, check: str = "web", config: str = WEB) -> list[Spell]:
        """Return the spells of a check."""
        return self.history(config).tracks[check].spells

    def replayed(self, config: str = WEB) -> Replayed:
        """Return what the rules of a config do."""
        return replay(self.history(config), resolve(loads(dedent(config))))

    def result(self, config: str = WEB, *names: str) -> Result:
        """Return the comparison."""
        return score(self.replayed(config), names)

    def row(self, config: str = WEB, check: str = "web") -> Row:
        """Return the one spell of a check that there is anything to tell of."""
        (row,) = [row for row in self.result(config).rows if row.check == check]
        return row

    def notes(self, config: str = WEB) -> list[str]:
        """Return what limits it."""
        settings = loads(dedent(config))
        replayed = self.replayed(config)
        ruled = any(rule.when for rule in settings.rules)
        return list(notes(score(replayed), replayed.history, settings, conditions=ruled))


def with_rule(text: str, config: str = WEB) -> str:
    """Return the config with another rule."""
    return config.replace("{actions: [restart_service], min_failure_count: 2, cooldown_period: 10s}", text)
