"""Logs: one line a record, as text for people or as JSON for programs; without secrets, with the trace of a recovery.

    from salus.logs import set_up

    set_up("json")                          # the whole process, as `salus run` has it
    set_up("json", logger="shop")           # only the logger of an application

Every line that speaks of a recovery, and every line that is written while one of its actions runs, carries its
``trace_id`` and ``span_id`` (``salus.traces``).
"""

from salus.logs.events import log_event, tell_event
from salus.logs.lines import ConsoleLines, JsonLines
from salus.logs.redacting import redact
from salus.logs.setting_up import FORMATS, set_up

__all__ = ["FORMATS", "ConsoleLines", "JsonLines", "log_event", "redact", "set_up", "tell_event"]
