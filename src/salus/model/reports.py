"""What surfaces show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from salus.model.checks import CheckSpec, CheckState, Status
from salus.model.policy import Brake, Circuit, Maintenance, Mode, ModeOverride, Pause
from salus.model.recovery import RecoveryRecord
from salus.model.rules import Finding, RecoveryRule, Refusal, RuleState


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """A check as surfaces show it.

    Attributes:
        spec: what it is.
        state: what is believed of it.
        healing: a recovery of it runs.
        looks: the last looks, as ``salus.state.looks`` reads them.
        paused: a person has set it aside: nobody looks, and it counts for nothing.
    """

    spec: CheckSpec
    state: CheckState
    healing: bool = False
    looks: int = 1
    paused: Pause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReport:
    """A rule as surfaces show it: its budget, and why it last did not act.

    Attributes:
        rule: the rule, as the config has it.
        state: what it has spent.
        refusal: why it last did not act, while its check is bad.
        override: the mode that a person set in the place of the config's, or None.
        whole: how far any rule may go.
    """

    rule: RecoveryRule
    state: RuleState
    refusal: Refusal | None = None
    override: ModeOverride | None = None
    whole: Mode = Mode.AUTO

    @property
    def mode(self) -> Mode:
        """Return how far it may go now: the most careful of its own mode and of the whole's."""
        own = self.override.mode if self.override else self.rule.mode
        return own.most_careful(self.whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overall:
    """All checks in one word and one sentence, with the names behind it; ``paused``: so many do not count."""

    status: Status
    message: str
    ready: bool
    live: bool
    started: bool
    culprits: tuple[str, ...] = ()
    paused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentInfo:
    """The Salus that is speaking.

    Attributes:
        name: what it is called; empty where the host's name is enough.
        healing_off: why automatic recovery is off, or an empty string.
        problems: its own troubles, one line each.
        show_details: ``never``, ``when_authorized`` or ``always``.
    """

    version: str
    hostname: str
    pid: int
    started_at: datetime
    name: str = ""
    environment: str = ""
    show_details: str = "when_authorized"
    healing_off: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExplanation:
    """Why a rule acts, or does not, at this moment.

    Attributes:
        rule: the rule.
        state: what it has spent.
        findings: what each stage says, in their order; the first that refuses decides.
        running: the recovery under way, or None.
        override: the mode that a person set in the place of the config's, or None.
        whole: how far any rule may go.
    """

    rule: RecoveryRule
    state: RuleState
    findings: tuple[Finding, ...]
    running: RecoveryRecord | None = None
    override: ModeOverride | None = None
    whole: Mode = Mode.AUTO

    @property
    def decisive(self) -> Finding | None:
        """Return the stage that refuses; None when the rule may act."""
        return next((finding for finding in self.findings if finding.refusal), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyReport:
    """What holds healing at this moment, beyond single rules.

    Attributes:
        mode: how far any rule may go.
        pause: a person's pause, or None.
        checks_paused: checks that a person has set aside, by name.
        maintenance: windows that are open, and ad hoc ones that are to come.
        brakes: storm brakes that are on.
        circuits: circuits that are open.
        causes: what several checks that cannot tell share, one line each.
        overload: why time-outs prove nothing now, or an empty string.
        rivals: targets that somebody else restarts too, one line each.
        disabled: rules that a person switched off.
        refusals: how often each reason began to be given since the start: check -> reason -> times. Every reason
            counts, also those that are not told.
    """

    mode: Mode = Mode.AUTO
    pause: Pause | None = None
    checks_paused: tuple[Pause, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    brakes: tuple[Brake, ...] = ()
    circuits: tuple[Circuit, ...] = ()
    causes: tuple[str, ...] = ()
    overload: str = ""
    rivals: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    refusals: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
