"""What a Salus that was killed left behind: processes that are to end, recoveries that are to be booked."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from salus import traces
from salus.engine.engine import Engine
from salus.engine.recorder import Recorder
from salus.model import EventKind, Outcome, RecoveryRecord
from salus.processes import Family, kill_family, look_for
from salus.rules import memory as budget

_log = logging.getLogger("salus.agent")


async def end_leftovers(state_id: str) -> None:
    """End the checks and actions that a Salus killed in the middle of them left behind."""
    try:
        left = await look_for(state_id)
    except TimeoutError:  # a process that blocks whoever reads about it must not keep Salus down
        _log.warning("cannot tell what an earlier Salus left behind: the processes of this machine cannot be read")
        return
    marks = sorted({f"{state_id}:{each.kind}:{each.name}" for each in left if each.kind in ("check", "action")})
    for mark in marks:
        _log.warning("ending what an earlier Salus left behind: %s", mark.partition(":")[2])
        await kill_family(Family(mark))


def close_interrupted(engine: Engine, recorder: Recorder, unfinished: Iterable[RecoveryRecord]) -> list[RecoveryRecord]:
    """Book the recoveries in which the last Salus died: counted as attempts, cooling down from now."""
    now, ended = engine.site.clock.now(), list[RecoveryRecord]()
    for record in unfinished:
        closed = replace(
            record,
            outcome=Outcome.INTERRUPTED,
            finished_at=now,
            message="Salus itself was ended in the middle of it",
        )
        recorder.recovery(closed)
        _tell(engine, closed)
        ended.append(closed)
    for unit in engine.units.values():
        for rule in unit.rules:
            if rule.memory.last_started and rule.memory.last_finished is None:
                rule.memory = budget.interrupt(rule.memory, now)
                recorder.rule_state(rule.memory)
    return ended


def _tell(engine: Engine, record: RecoveryRecord) -> None:
    engine.bus.tell(
        EventKind.RECOVERY_FINISHED,
        check=record.check,
        rule=record.rule,
        recovery=record.id,
        reason=Outcome.INTERRUPTED.value,
        message=record.message,
        data={"trace_id": traces.trace_id(record.id)},
    )
