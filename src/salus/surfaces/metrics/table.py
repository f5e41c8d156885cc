"""All metrics: their names, their labels, what they mean. The exposition and the reference are made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of metric it is, as OpenMetrics calls it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    STATESET = "stateset"
    INFO = "info"


_SUFFIXES = {Kind.COUNTER: "_total", Kind.INFO: "_info"}
_OLD_KINDS = {Kind.STATESET: Kind.GAUGE, Kind.INFO: Kind.GAUGE}


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric.

    Attributes:
        name: as it stands in a query; of a histogram, without ``_bucket``, ``_sum`` and ``_count``.
        kind: what sort.
        labels: their names.
        about: what it tells, one line for people.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    about: str

    @property
    def stem(self) -> str:
        """Return the name that OpenMetrics gives to the whole: without the suffix of its kind."""
        return self.name.removesuffix(_SUFFIXES.get(self.kind, ""))

    @property
    def unit(self) -> str:
        """Return the unit, or an empty string."""
        return "seconds" if self.stem.endswith("_seconds") else ""

    def head(self, *, openmetrics: bool) -> str:
        """Write the lines before its samples."""
        if not openmetrics:
            kind = _OLD_KINDS.get(self.kind, self.kind)
            return f"# HELP {self.name} {self.about}\n# TYPE {self.name} {kind}\n"
        unit = f"# UNIT {self.stem} {self.unit}\n" if self.unit else ""
        return f"# TYPE {self.stem} {self.kind}\n{unit}# HELP {self.stem} {self.about}\n"


BUILD = Family("salus_build_info", Kind.INFO, ("version", "python"), "Which Salus this is; always 1.")
STATUS = Family(
    "salus_check_status",
    Kind.STATESET,
    ("check", "salus_check_status"),
    "How a check is: 1 for its verdict (healthy, degraded, unhealthy or unknown), 0 for the others.",
)
RUNS = Family(
    "salus_check_runs_total",
    Kind.COUNTER,
    ("check", "status"),
    "Looks at a check, by what the look alone said.",
)
LAST_RUN = Family(
    "salus_check_last_run_timestamp_seconds", Kind.GAUGE, ("check",), "When the newest look at a check began."
)
LAST_SUCCESS = Family(
    "salus_check_last_success_timestamp_seconds",
    Kind.GAUGE,
    ("check",),
    "When the newest look that said healthy began; absent until there was one.",
)
METRIC = Family(
    "salus_check_metric",
    Kind.GAUGE,
    ("check", "name"),
    "The numbers that the newest look at a check saw, in base units; of each check at most 100.",
)
LOOKS = Family("salus_check_duration_seconds", Kind.HISTOGRAM, (), "How long looks took, of all checks together.")
LATENESS = Family(
    "salus_scheduler_lateness_seconds", Kind.HISTOGRAM, (), "How much later than planned looks began: Salus' own load."
)
RECOVERIES = Family(
    "salus_recoveries_total", Kind.COUNTER, ("check", "outcome"), "Recoveries that ended, by how they ended."
)
REFUSALS = Family(
    "salus_recovery_refusals_total",
    Kind.COUNTER,
    ("check", "reason"),
    "How often a rule began to be held back, by the reason.",
)
DURATIONS = Family(
    "salus_recovery_duration_seconds",
    Kind.HISTOGRAM,
    (),
    "How long recoveries took, from the look that decided to the outcome.",
)
INITIATIONS = Family(
    "salus_recovery_initiation_seconds",
    Kind.HISTOGRAM,
    (),
    "How long it took from the look that decided to the first action.",
)
EXHAUSTED = Family(
    "salus_recovery_exhausted",
    Kind.GAUGE,
    ("check",),
    "1 while a rule of the check has given up, else 0; absent where the check has no rule.",
)
ACTIONS = Family("salus_actions_total", Kind.COUNTER, ("action", "result"), "Actions that ended, by kind and result.")
ALERTS = Family("salus_alerts", Kind.GAUGE, ("level", "state"), "Alerts that have not ended.")
NOTIFICATIONS = Family(
    "salus_notifications_total",
    Kind.COUNTER,
    ("channel", "result"),
    "Tries to deliver a notification: sent, failed (tried again later), or dead (given up).",
)
SUPPRESSED = Family(
    "salus_alerts_suppressed_total",
    Kind.COUNTER,
    ("reason",),
    "How often an alert began to be kept quiet, by the reason.",
)

FAMILIES = (
    *(BUILD, STATUS, RUNS, LAST_RUN, LAST_SUCCESS, METRIC, LOOKS, LATENESS),
    *(RECOVERIES, REFUSALS, DURATIONS, INITIATIONS, EXHAUSTED, ACTIONS),
    *(ALERTS, NOTIFICATIONS, SUPPRESSED),
)
