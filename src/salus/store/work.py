"""A batch as statements with their rows, in the order in which they are carried out."""

from __future__ import annotations

from typing import TypeAlias

from salus.ports import Batch
from salus.store import alert_rows, history_rows, rows
from salus.store.codec import dump, dump_check_state, text
from salus.store.rows import Row

Work: TypeAlias = list[tuple[str, list[Row]]]


def _upsert(table: str, columns: str, key: str) -> str:
    names = columns.split(", ")
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key.split(", "))
    return f"{_insert(table, columns)} ON CONFLICT ({key}) DO UPDATE SET {changes}"


def _insert(table: str, columns: str) -> str:
    marks = ", ".join("?" * len(columns.split(", ")))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  # names of ours, no input


# A batch whose writer was cut off is written again: rows that are there already do no harm (days are added to what
# stands there, and their writer is never cut off). An event never changes,
# nor does a delivery, which meanwhile may have been claimed, sent or given up; but one that was done while the ledger
# could not be written ends one that waits.
_PUT_EVENT = f"{_insert('events', rows.EVENT)} ON CONFLICT (id) DO NOTHING"
_PUT_OBSERVATION = _upsert("observations", rows.OBSERVATION, "check_name, at")
_PUT_RECOVERY = _upsert("recoveries", rows.RECOVERY, "id")
_PUT_CHECK = _upsert("check_states", "check_name, state", "check_name")
_PUT_RULE = _upsert("rule_states", "rule_name, state", "rule_name")
_PUT_SERVICE = _upsert("services", "service_name, wanted, launch", "service_name")
PUT_MEMO = _upsert("memos", "key, value", "key")
_PUT_ALERT = _upsert("alerts", alert_rows.ALERT, "id")
_ENDS_ONE_THAT_WAITS = "deliveries.state = 'waiting' AND excluded.state <> 'waiting'"
_PUT_DELIVERY = f"{_upsert('deliveries', alert_rows.DELIVERY, 'id')} WHERE {_ENDS_ONE_THAT_WAITS}"
_FORGET_CHECK = "DELETE FROM check_states WHERE check_name = ?"
_FORGET_RULE = "DELETE FROM rule_states WHERE rule_name = ?"
_FORGET_SERVICE = "DELETE FROM services WHERE service_name = ?"
_FORGET_MEMO = "DELETE FROM memos WHERE key = ?"


def work(batch: Batch) -> Work:
    """Turn a batch into statements with their rows. A name that is both forgotten and written stays written."""
    # Of a memo counts what is said last: one that is forgotten after it was written is gone.
    memos = {text(memo.key): memo.value for memo in batch.memos}
    statements: Work = [
        (_FORGET_CHECK, [(text(name),) for name in batch.forget_checks]),
        (_FORGET_RULE, [(text(name),) for name in batch.forget_rules]),
        (_FORGET_SERVICE, [(text(name),) for name in batch.forget_services]),
        (_FORGET_MEMO, [(key,) for key, value in memos.items() if value is None]),
        (PUT_MEMO, [(key, dump(value)) for key, value in memos.items() if value is not None]),
        (_PUT_ALERT, [alert_rows.alert_row(alert) for alert in batch.alerts]),
        (_PUT_DELIVERY, [alert_rows.delivery_row(delivery) for delivery in batch.deliveries]),
        (_PUT_RECOVERY, [rows.recovery_row(record) for record in batch.recoveries]),
        (_PUT_RULE, [(text(state.rule), dump(state)) for state in batch.rule_states]),
        (_PUT_SERVICE, [rows.service_row(record) for record in batch.services]),
        (_PUT_CHECK, [(text(name), dump_check_state(state)) for name, state in batch.check_states.items()]),
        (_PUT_EVENT, [rows.event_row(event) for event in batch.events]),
        (history_rows.PUT_DAY, [history_rows.day_row(spent) for spent in batch.days]),
        (_PUT_OBSERVATION, [rows.observation_row(check, look) for check, look in batch.observations]),
    ]
    return [(sql, found) for sql, found in statements if found]
