"""An agent of which every name, message, label and note attacks; and every page there is, with what may be asked of it.

A page that joins ``routes`` is besieged by itself: where nobody says by which names it is found, the tests fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from salus.model import (
    ActionSpec,
    Alert,
    AlertState,
    Brake,
    CheckReport,
    Circuit,
    Deed,
    Event,
    EventKind,
    Json,
    Level,
    Maintenance,
    Metric,
    Pause,
    PolicyReport,
    RecoveryRecord,
    RefusalReason,
    Role,
    RuleReport,
    Selector,
    Status,
)
from salus.ports import Batch
from salus.surfaces.access.audit import KINDS as AUDIT
from salus.surfaces.dashboard import routes
from tests.fake_access import Door
from tests.fake_agent import (
    DOING,
    NOW,
    RECOVERY,
    WAITING,
    WEB_RULE,
    WEB_SERVICE,
    FakeView,
    check,
    explanation,
    look,
    refusal,
)
from tests.fake_api import SILENCE, FakeApi
from tests.fake_desk import DEAD, OPS, WEB_DOWN, FakeDesk
from tests.fake_incidents import OPEN_INCIDENT, PAST_INCIDENT, FakeIncidents
from tests.unit.surfaces.dashboard.hostile import HOSTILE

# Names that, put behind the beginning of an id, are the id of another part of a page.
TAKEN = ("list", "end", "head", "form", "filters", "none", "facts", "story", "s")
NAMES = (
    *HOSTILE,
    "</title></textarea></style><svg/onload=alert(1)>",
    "&lt;script&gt;&#x3c;script&#x3e;",
    "`${alert(1)}`",
    "<!--<script>",
    "]]>",
    "web",
    *TAKEN,
)
HOUR = timedelta(hours=1)
AUDITED = "asked-by-olaf"
"""Who asked Salus for something: no viewer may learn that."""


def _facts(name: str) -> Mapping[str, Json]:
    return {name: name, "long": f"{name}\n" * 20, "list": [name, name], "deep": {name: [1, {name: name}]}}


def _check(name: str) -> CheckReport:
    made = check(
        name,
        Status.UNHEALTHY,
        f"expected {name}, got {name}",
        metrics={name: Metric(1.5, name)},
        kind=name,
        tags=() if name == "web" else (name, "web"),
        depends_on=(name, "nobody"),
        service=name,
        description=name,
    )
    assert made.state.last
    last = replace(made.state.last, metadata=_facts(name), cause=name)
    pause = Pause(check=name, since=NOW, by=name, reason=name) if name == NAMES[0] else None
    return replace(made, state=replace(made.state, last=last), paused=pause)


def _recovery(name: str, place: int) -> RecoveryRecord:
    step = replace(RECOVERY.steps[1], action=name, message=name, evidence=_facts(name))
    return replace(
        RECOVERY,
        id=f"r{place}",
        rule=name,
        check=name,
        targets=(f"service:{name}", name),
        trigger=name,
        message=name,
        approved_by=name,
        steps=(step,),
        evidence=_facts(name),
        started_at=NOW - timedelta(minutes=place),
    )


def _rule(name: str) -> RuleReport:
    ladder = (ActionSpec(kind=name, options={name: name, "token": "do-not-tell"}),)
    rule = replace(WEB_RULE.rule, name=name, check=name, ladders=(ladder,), on_exhausted=ladder, when=name)
    state = replace(WEB_RULE.state, rule=name, approval=replace(WAITING, by=name, note=name), acted_on=name)
    held = refusal(RefusalReason.COOLING_DOWN, name, 42)
    return replace(WEB_RULE, rule=rule, state=state, refusal=replace(held, rule=name, check=name))


def _alert(name: str, place: int) -> Alert:
    taken = AlertState.ACKNOWLEDGED if place % 2 else AlertState.FIRING
    return replace(
        WEB_DOWN,
        id=f"{place:016x}",
        summary=name,
        detail=name,
        check=name,
        rule=name,
        note=name,
        state=taken,
        acknowledged_at=NOW,
        acknowledged_by=name,
        runbook=name if place % 2 else f"javascript://x/%0a{name}",
        labels={"alertname": name, "check": name, "component": name, name: name},
        deeds=(Deed(at=NOW, recovery=name, action=name, result=name, message=name),),
        told={name: WEB_DOWN.told["ops"]},
        level=list(Level)[place % 3],
    )


def _policy() -> PolicyReport:
    """Hold healing by everything that can hold it."""
    return PolicyReport(
        pause=Pause(since=NOW, by="by-olaf", reason="<b>because-of-olaf</b>"),
        checks_paused=tuple(Pause(check=name, since=NOW, by=name, reason=name) for name in NAMES),
        maintenance=tuple(
            Maintenance(
                id=name,
                since=NOW - HOUR,
                until=NOW + HOUR,
                members=Selector(checks=(name,), tags=(name,), services=(name, "window-of-olaf")),
                reason=name,
                by=name,
            )
            for name in NAMES
        ),
        brakes=tuple(Brake(scope=name, since=NOW, probe_at=NOW, names=(name,)) for name in NAMES),
        circuits=tuple(Circuit(action=f"restart {name}", failures=3, opened_at=NOW, retry_at=NOW) for name in NAMES),
        causes=NAMES,
        rivals=tuple(f"systemd restarts service:{name}" for name in NAMES),
        overload=NAMES[0],
        disabled=NAMES[:3],
        refusals={name: {"paused": 2} for name in NAMES},
    )


def _view() -> FakeView:
    rules = [_rule(name) for name in NAMES]
    view = FakeView(
        sorted((_check(name) for name in NAMES), key=lambda one: one.spec.name),
        service_list=[replace(WEB_SERVICE, name=name, kind=name, message=name) for name in NAMES],
        rule_list=rules,
        running=[
            replace(
                _recovery(name, place),
                id=f"running{place}",
                outcome=None,
                finished_at=None,
                current=replace(DOING, action=name),
            )
            for place, name in enumerate(NAMES)
        ],
        report=_policy(),
        explained=[explanation(refusal(RefusalReason.COOLING_DOWN, one.rule.name, 42), report=one) for one in rules],
    )
    view.info = replace(
        view.info,
        hostname="host-<i>olaf</i>",
        environment=NAMES[0],
        healing_off=f"off {NAMES[0]}",
        problems=NAMES,
    )
    return view


def _desk() -> FakeDesk:
    many = list(enumerate(NAMES))
    return FakeDesk(
        alerts=[_alert(name, place) for place, name in many],
        silence_list=[replace(SILENCE, id=f"s{place}", by=name, comment=name) for place, name in many],
        channel_list=[replace(OPS, spec=replace(OPS.spec, name=name, kind=name), error=name) for _, name in many],
        dead=[replace(DEAD, id=f"d{place}", error=name, channel=name) for place, name in many],
    )


async def besieged(*, details: str = "when_authorized", **door: Any) -> FakeApi:
    """Return such an agent, with a past that attacks as well."""
    incidents = FakeIncidents(
        found=[
            replace(one, title=NAMES[place], root=NAMES[place], checks=NAMES, failing=NAMES, services=NAMES)
            for place, one in enumerate((OPEN_INCIDENT, PAST_INCIDENT))
        ]
    )
    api = FakeApi(door=Door(details=details, **door), view=_view(), desk=_desk(), incidents=incidents)
    await api.past.open()
    many = list(enumerate(NAMES))
    kinds = list(EventKind)
    events = [
        Event(
            id=1_772_366_000_000_000 + place * 1000 + number,
            at=NOW,
            kind=kinds[(place * 7 + number) % len(kinds)],
            message=name,
            check=name,
            rule=name,
            service=name,
            recovery=f"r{place}",
            action=name,
            old=name if number % 2 else "healthy",
            new=name if number % 2 else "unhealthy",
            reason=name,
            data={"by": name, "request": name, "code": 200, "role": name, "address": name, name: name},
        )
        for place, name in many
        for number in range(5)
    ]
    events += [
        Event(
            id=1_772_366_001_000_000 + place,
            at=NOW,
            kind=kind,
            message=f"{AUDITED}: POST /api/v1/pause: 200",
            data={"by": AUDITED, "request": "POST /api/v1/pause", "code": 200, "address": AUDITED},
        )
        for place, kind in enumerate(sorted(AUDIT))
    ]
    ended = [
        replace(_alert(name, place), id=f"ee{place:014x}", state=AlertState.RESOLVED, resolved_at=NOW, resolution=name)
        for place, name in many
    ]
    await api.past.write(
        Batch(
            events=sorted(events, key=lambda one: one.id),
            recoveries=[_recovery(name, place) for place, name in many],
            observations=[(name, look(Status.UNHEALTHY, name, metadata=_facts(name))) for name in NAMES],
            alerts=ended,
        )
    )
    return api


# ── every page ────────────────────────────────────────────────────────────────────────────────────────────────────────

_NAMED: Mapping[str, tuple[str, ...]] = {
    "checks": NAMES,
    "recoveries": (*(f"r{place}" for place in range(len(NAMES))), "running0"),
    "rules": NAMES,
    "alerts": (*(f"{place:016x}" for place in range(len(NAMES))), "ee00000000000000"),
    "services": NAMES,
    "incidents": (OPEN_INCIDENT.id, PAST_INCIDENT.id),
}
"""By which names the pages about one thing are found."""

QUERIES = (
    "",
    "?tab=silences&match=check%3D%22web%22",
    "?tab=channels",
    "?tab=ended",
    "?tab=events",
    "?group=tag",
    "?group=service&failing=1",
    "?q=%3Cscript%3Ealert(1)%3C/script%3E&check=%22%3E%3Cscript%3E&tag=%27onx%3D&service=%3Cb%3E&who=%3Ci%3E&what=%3Ci%3E",
    "?refresh=30&page=2&hours=1&metric=%3Cscript%3E&days=%3Cb%3E&focus=%3Cscript%3E&after=%3Cb%3E",
    "?%3Cscript%3E=%22%3E%3Cscript%3E&javascript:alert(1)=javascript:alert(1)",
)


def pages() -> Iterator[tuple[str, str]]:
    """Return the first part of the path of every page, and a path to it."""
    for first in routes._PAGES:
        yield first, f"/{first}"
    for first in routes._NAMED:
        for name in _NAMED[first]:
            yield f"{first}/", f"/{first}/{name}"


def one_of_each() -> dict[str, str]:
    """Return one path to every kind of page."""
    return dict(reversed(list(pages())))


def plainest() -> dict[str, str]:
    """Return the shortest path to every kind of page: to something that an address can name as it is."""
    return dict(sorted(pages(), key=lambda one: -len(one[1])))


ROLES: tuple[Role | None, ...] = (None, *Role)
