"""What can be asked about checks, rules, recoveries and services, and who may ask it."""

from __future__ import annotations

from salus.model import Role
from salus.surfaces.api.badge import SVG
from salus.surfaces.api.curves import CurveRequests
from salus.surfaces.api.incidents import IncidentRequests
from salus.surfaces.api.past import PastRequests
from salus.surfaces.api.present import PresentRequests
from salus.surfaces.api.queries import (
    AvailabilityQuery,
    ChecksQuery,
    DaysQuery,
    HistoryQuery,
    IncidentsQuery,
    OutputQuery,
    PageQuery,
    RecoveriesQuery,
    SeriesQuery,
    StatsQuery,
)
from salus.surfaces.api.table import Group, get, post
from salus.surfaces.api.telling import HoldingRequests
from salus.surfaces.api.work import RecoveryRequests
from salus.surfaces.bodies import AnswerBody, Body, MaintenanceBody, PauseBody
from salus.surfaces.deeds import DeedRequests
from salus.surfaces.orders import HealBody, ModeBody

HEALING = (
    Group(
        "overview",
        "How it is as a whole, and what holds healing.",
        PresentRequests,
        (
            get("/status", "Tell how it is as a whole.", PresentRequests.status, "Whole", shown=True),
            get(
                "/policy",
                "Tell what holds healing now, and how often what was refused.",
                PresentRequests.policy,
                "Policy",
            ),
        ),
    ),
    Group(
        "checks",
        "What is looked at.",
        PresentRequests,
        (
            get(
                "/checks", "List the checks, by name.", PresentRequests.checks, "Check[]", query=ChecksQuery, shown=True
            ),
            get("/checks/{check}", "Tell all about one check.", PresentRequests.check, "Check", shown=True),
            get("/badges/{check}.svg", "Draw the status of a check.", PresentRequests.badge, "", media=SVG, shown=True),
        ),
    ),
    Group(
        "checks",
        "",
        PastRequests,
        (
            get(
                "/checks/{check}/history",
                "List the looks at a check that were kept, newest first.",
                PastRequests.history,
                "Look[]",
                query=HistoryQuery,
                shown=True,
                more=(503,),
            ),
        ),
    ),
    Group(
        "checks",
        "",
        CurveRequests,
        (
            get(
                "/checks/{check}/series",
                "Tell a number of a check over time, as the points of a curve.",
                CurveRequests.series,
                "Series",
                query=SeriesQuery,
                shown=True,
                more=(503,),
            ),
            get(
                "/checks/{check}/days",
                "Tell how a check was on each day, the oldest first.",
                CurveRequests.days,
                "Days",
                query=DaysQuery,
                shown=True,
                more=(503,),
            ),
            get(
                "/availability",
                "Tell how available the checks were over a day, a week, 30 and 90 days, by name.",
                CurveRequests.availability,
                "AvailabilityPage",
                query=AvailabilityQuery,
                shown=True,
                more=(503,),
            ),
        ),
    ),
    Group(
        "checks",
        "",
        HoldingRequests,
        (
            get(
                "/checks/{check}/explain",
                "Tell why the rules of a check act, or do not.",
                HoldingRequests.explain,
                "Explained",
            ),
        ),
    ),
    Group(
        "checks",
        "",
        HoldingRequests,
        (
            post(
                "/checks/{check}/pause",
                "Set a check aside: nobody looks, nothing is said of it, nothing is healed.",
                HoldingRequests.pause_check,
                "Pause",
                body=PauseBody,
            ),
            post(
                "/checks/{check}/resume",
                "Take a check back, and look at it at once.",
                HoldingRequests.resume_check,
                "Said",
                body=Body,
                more=(409,),
            ),
        ),
    ),
    Group(
        "checks", "", DeedRequests, (post("/checks/{check}/run", "Look afresh, now.", DeedRequests.run_check, "Look"),)
    ),
    Group(
        "rules",
        "What heals, and when.",
        PresentRequests,
        (
            get("/rules", "List the rules, by name.", PresentRequests.rules, "Rule[]", query=PageQuery),
            get("/rules/{rule}", "Tell all about one rule.", PresentRequests.rule, "Rule"),
        ),
    ),
    Group(
        "rules",
        "",
        DeedRequests,
        (
            post(
                "/rules/{rule}/heal",
                "Run a rule now; answers when the recovery has ended.",
                DeedRequests.heal,
                "Recovery",
                more=(409,),
            ),
            post(
                "/rules/{rule}/reset",
                "Forget the attempts of a rule, and that it gave up.",
                DeedRequests.reset,
                "Said",
                more=(409,),
            ),
        ),
    ),
    Group(
        "rules",
        "",
        HoldingRequests,
        (
            post("/rules/{rule}/enable", "Switch a rule on.", HoldingRequests.enable, "Said", body=Body),
            post(
                "/rules/{rule}/disable",
                "Switch a rule off; that holds over a restart.",
                HoldingRequests.disable,
                "Said",
                body=Body,
            ),
            post(
                "/rules/{rule}/mode",
                "Say how far a rule may go, in the place of what the config says; that holds over a restart.",
                HoldingRequests.set_mode,
                "Said",
                body=ModeBody,
            ),
            post(
                "/approvals/{approval}/approve",
                "Allow what a rule asks for, by the id of its question or the rule's name.",
                HoldingRequests.approve,
                "Approval",
                body=AnswerBody,
                more=(409,),
            ),
            post(
                "/approvals/{approval}/reject",
                "Forbid what a rule asks for.",
                HoldingRequests.reject,
                "Approval",
                body=AnswerBody,
                more=(409,),
            ),
        ),
    ),
    Group(
        "recoveries",
        "What was healed, or not.",
        PastRequests,
        (
            get(
                "/recoveries",
                "List the recoveries, newest first.",
                PastRequests.recoveries,
                "Recovery[]",
                query=RecoveriesQuery,
                more=(503,),
            ),
            get(
                "/recoveries/{recovery}",
                "Tell all about one recovery, with its steps and its evidence.",
                PastRequests.recovery,
                "Recovery",
                more=(503,),
            ),
            get(
                "/stats",
                "Sum up how well healing works.",
                PastRequests.stats,
                "Statistics",
                query=StatsQuery,
                more=(503,),
            ),
        ),
    ),
    Group(
        "recoveries",
        "",
        RecoveryRequests,
        (
            post(
                "/recoveries",
                "Run a rule now; answers with the recovery as it begins.",
                RecoveryRequests.begin,
                "Recovery",
                body=HealBody,
                success=202,
                more=(404, 409),
            ),
            post(
                "/recoveries/{recovery}/cancel",
                "Call a recovery off that runs; answers when what it did has ended.",
                RecoveryRequests.cancel,
                "Recovery",
                body=Body,
                more=(409, 503),
            ),
        ),
    ),
    Group(
        "incidents",
        "Trouble that belongs together.",
        IncidentRequests,
        (
            get(
                "/incidents",
                "List the incidents, newest first.",
                IncidentRequests.incidents,
                "Incident[]",
                query=IncidentsQuery,
                shown=True,
                more=(503,),
            ),
            get(
                "/incidents/{incident}",
                "Tell all about one incident: what happened in it, and what was done.",
                IncidentRequests.incident,
                "IncidentStory",
                more=(503,),
            ),
        ),
    ),
    Group(
        "services",
        "What Salus starts and stops.",
        PresentRequests,
        (
            get("/services", "List the services, by name.", PresentRequests.services, "Service[]", query=PageQuery),
            get("/services/{service}", "Tell how one service is.", PresentRequests.service, "Service"),
            get(
                "/services/{service}/output",
                "Tell the last lines that a service wrote.",
                PresentRequests.output,
                "Output",
                query=OutputQuery,
                role=Role.OPERATOR,
            ),
        ),
    ),
    Group(
        "services",
        "",
        DeedRequests,
        (
            post(
                "/services/{service}/start", "Start a service.", DeedRequests.start_service, "Service", more=(409, 502)
            ),
            post(
                "/services/{service}/stop",
                "Stop a service; it stays stopped until it is started.",
                DeedRequests.stop_service,
                "Service",
                more=(409, 502),
            ),
            post(
                "/services/{service}/restart",
                "Restart a service.",
                DeedRequests.restart_service,
                "Service",
                more=(409, 502),
            ),
        ),
    ),
    Group(
        "holding",
        "Pauses and maintenance: leave alone what people work on.",
        HoldingRequests,
        (
            post("/pause", "Stop all automatic recovery.", HoldingRequests.pause, "Pause", body=PauseBody),
            post("/resume", "End the pause.", HoldingRequests.resume, "Said", body=Body, more=(409,)),
            get(
                "/maintenance",
                "List the windows that are open, and those to come.",
                HoldingRequests.windows,
                "Maintenance[]",
                query=PageQuery,
            ),
            post(
                "/maintenance",
                "Open a window.",
                HoldingRequests.start_maintenance,
                "Maintenance",
                body=MaintenanceBody,
                more=(404, 409),
            ),
            post(
                "/maintenance/{window}/end",
                "Close a window before its time.",
                HoldingRequests.end_maintenance,
                "Said",
                body=Body,
            ),
        ),
    ),
)
