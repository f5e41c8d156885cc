"""What happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from salus.model.checks import NOTHING, Json
from salus.model.rules import RefusalReason


class EventKind(StrEnum):
    """What can happen. One row in the ledger each."""

    AGENT_STARTED = "agent_started"
    AGENT_STOPPED = "agent_stopped"
    CONFIG_RELOADED = "config_reloaded"
    CONFIG_REJECTED = "config_rejected"
    CLOCK_JUMPED = "clock_jumped"
    HOST_RESUMED = "host_resumed"
    STATUS_CHANGED = "status_changed"
    CHECK_STUCK = "check_stuck"
    RECOVERY_STARTED = "recovery_started"
    RECOVERY_REFUSED = "recovery_refused"
    RECOVERY_CONFIRMED = "recovery_confirmed"
    RECOVERY_FINISHED = "recovery_finished"
    ACTION_STARTED = "action_started"
    ACTION_FINISHED = "action_finished"
    VERIFIED = "verified"
    RULE_EXHAUSTED = "rule_exhausted"
    RULE_RESET = "rule_reset"
    SERVICE_STARTED = "service_started"
    SERVICE_ADOPTED = "service_adopted"
    SERVICE_EXITED = "service_exited"
    SERVICE_STOPPED = "service_stopped"
    SERVICE_FAILED = "service_failed"
    HEALING_OFF = "healing_off"
    HEALING_ON = "healing_on"
    PAUSED = "paused"
    RESUMED = "resumed"
    CHECK_PAUSED = "check_paused"
    CHECK_RESUMED = "check_resumed"
    MAINTENANCE_STARTED = "maintenance_started"
    MAINTENANCE_ENDED = "maintenance_ended"
    RULE_ENABLED = "rule_enabled"
    RULE_DISABLED = "rule_disabled"
    RULE_MODE_CHANGED = "rule_mode_changed"
    RULE_RECURRING = "rule_recurring"
    RULE_STEADY = "rule_steady"
    APPROVAL_WANTED = "approval_wanted"
    APPROVAL_ANSWERED = "approval_answered"
    APPROVAL_EXPIRED = "approval_expired"
    FLAPPING_STARTED = "flapping_started"
    FLAPPING_ENDED = "flapping_ended"
    STORM_STARTED = "storm_started"
    STORM_ENDED = "storm_ended"
    CIRCUIT_OPENED = "circuit_opened"
    CIRCUIT_CLOSED = "circuit_closed"
    RIVAL_DETECTED = "rival_detected"
    SHARED_CAUSE_FOUND = "shared_cause_found"
    SHARED_CAUSE_GONE = "shared_cause_gone"
    OVERLOAD_STARTED = "overload_started"
    OVERLOAD_ENDED = "overload_ended"
    STORE_FAILED = "store_failed"
    STORE_RECOVERED = "store_recovered"
    ALERT_FIRING = "alert_firing"
    ALERT_ACKNOWLEDGED = "alert_acknowledged"
    ALERT_RESOLVED = "alert_resolved"
    NOTIFICATION_SENT = "notification_sent"
    NOTIFICATION_FAILED = "notification_failed"
    NOTIFICATION_DEAD = "notification_dead"
    NOTIFICATION_REVIVED = "notification_revived"
    CHANNEL_FAILED = "channel_failed"
    CHANNEL_RECOVERED = "channel_recovered"
    CHANNEL_TESTED = "channel_tested"
    SILENCE_STARTED = "silence_started"
    SILENCE_ENDED = "silence_ended"
    TOKEN_CREATED = "token_created"  # noqa: S105 - what happened, no secret
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - what happened, no secret
    ANNOUNCED = "announced"
    ANNOUNCEMENT_UPDATED = "announcement_updated"
    ANNOUNCEMENT_RESOLVED = "announcement_resolved"
    REQUEST_DONE = "request_done"
    REQUEST_REFUSED = "request_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened: the ledger's row, the log line, the live message, the metric's label.

    Attributes:
        id: microseconds since the epoch, strictly increasing; the cursor of every live view.
        at: when.
        kind: what.
        message: one line for people.
        check, rule, service, recovery, action: what it is about, where that applies.
        old, new: statuses, for a change.
        reason: an enum's value, where there is one.
        data: further facts (bounded).
    """

    id: int
    at: datetime
    kind: EventKind
    message: str = ""
    check: str | None = None
    rule: str | None = None
    service: str | None = None
    recovery: str | None = None
    action: str | None = None
    old: str | None = None
    new: str | None = None
    reason: str | None = None
    data: Mapping[str, Json] = field(default_factory=lambda: NOTHING)

    @property
    def held_back(self) -> bool:
        """Tell whether something kept a rule from acting that had reason to: such refusals are counted."""
        if self.kind is not EventKind.RECOVERY_REFUSED:
            return False
        return self.reason not in _EVERYDAY


_EVERYDAY = frozenset(reason.value for reason in RefusalReason if reason.everyday)
