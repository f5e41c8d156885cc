"""The nouns of Salus. Frozen, slotted, keyword-only; no I/O and no clock.

Durations are seconds as ``float``; instants are aware UTC ``datetime``.
"""

from __future__ import annotations

from salus.model.causes import Cause, cause_of
from salus.model.checks import LOOKS_KEPT, NO_METRICS, NOTHING, CheckSpec, CheckState, Json, Metric, Observation, Status
from salus.model.events import Event, EventKind
from salus.model.policy import (
    Answer,
    Approval,
    Brake,
    Circuit,
    GroupSpec,
    Maintenance,
    MaintenanceSpec,
    Memo,
    Mode,
    Pause,
    Selector,
)
from salus.model.recovery import Effect, Plan, RecoveryRecord, StepRecord, StepResult
from salus.model.reports import AgentInfo, CheckReport, Overall, PolicyReport, RuleExplanation, RuleReport
from salus.model.rules import (
    ActionSpec,
    Finding,
    Limits,
    Outcome,
    RecoveryRule,
    Refusal,
    RefusalReason,
    RuleState,
    Rungs,
)
from salus.model.services import ServiceRecord, ServiceSpec, ServiceState, ServiceStatus

__all__ = [
    "LOOKS_KEPT",
    "NOTHING",
    "NO_METRICS",
    "ActionSpec",
    "AgentInfo",
    "Answer",
    "Approval",
    "Brake",
    "Cause",
    "CheckReport",
    "CheckSpec",
    "CheckState",
    "Circuit",
    "Effect",
    "Event",
    "EventKind",
    "Finding",
    "GroupSpec",
    "Json",
    "Limits",
    "Maintenance",
    "MaintenanceSpec",
    "Memo",
    "Metric",
    "Mode",
    "Observation",
    "Outcome",
    "Overall",
    "Pause",
    "Plan",
    "PolicyReport",
    "RecoveryRecord",
    "RecoveryRule",
    "Refusal",
    "RefusalReason",
    "RuleExplanation",
    "RuleReport",
    "RuleState",
    "Rungs",
    "Selector",
    "ServiceRecord",
    "ServiceSpec",
    "ServiceState",
    "ServiceStatus",
    "Status",
    "StepRecord",
    "StepResult",
    "cause_of",
]
