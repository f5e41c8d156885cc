"""What can be asked about alerts, events, Salus itself and its tokens, and who may ask it."""

from __future__ import annotations

from salus.model import Role
from salus.surfaces.api.announcing import AnnouncementRequests
from salus.surfaces.api.live import STREAM
from salus.surfaces.api.machine import MachineRequests
from salus.surfaces.api.past import PastRequests
from salus.surfaces.api.people import SessionRequests, TokenRequests
from salus.surfaces.api.queries import AlertsQuery, EventsQuery, PageQuery, StreamQuery
from salus.surfaces.api.table import Endpoint, Group, get, post
from salus.surfaces.api.telling import TellingRequests
from salus.surfaces.bodies import AnnounceBody, AnnouncedBody, AnswerBody, Body, SignInBody, SilenceBody, TokenBody
from salus.surfaces.deeds import DeedRequests

TELLING = (
    Group(
        "alerts",
        "What people are told, and by which channel.",
        TellingRequests,
        (
            get(
                "/alerts",
                "List the alerts, the most urgent first, with who hears of each.",
                TellingRequests.alerts,
                "Alert[]",
                query=AlertsQuery,
                more=(503,),
            ),
            get(
                "/alerts/{alert}",
                "Tell all about one alert: its story, who hears of it, and why not now.",
                TellingRequests.one,
                "AlertStory",
                more=(409, 503),
            ),
            post(
                "/alerts/{alert}/ack",
                "Take an alert upon oneself.",
                TellingRequests.acknowledge,
                "AlertAlone",
                body=AnswerBody,
                more=(409,),
            ),
            post(
                "/alerts/{alert}/resolve",
                "End an alert by hand.",
                TellingRequests.resolve,
                "AlertAlone",
                body=AnswerBody,
                more=(409,),
            ),
            get(
                "/silences",
                "List the silences that have not ended.",
                TellingRequests.silences,
                "Silence[]",
                query=PageQuery,
            ),
            post(
                "/silences",
                "Keep alerts from being told for a while.",
                TellingRequests.silence,
                "SilenceMade",
                body=SilenceBody,
                more=(409,),
            ),
            post(
                "/silences/{silence}/expire",
                "End a silence before its time.",
                TellingRequests.expire_silence,
                "Silence",
                body=Body,
            ),
            get(
                "/channels", "Tell how the channels are doing.", TellingRequests.channels, "Channel[]", query=PageQuery
            ),
            post(
                "/channels/{channel}/test",
                "Send a test notification.",
                TellingRequests.test_channel,
                "Said",
                body=Body,
                more=(502,),
            ),
            get(
                "/notifications/dead",
                "List the notifications that were given up, newest first.",
                TellingRequests.dead,
                "Delivery[]",
                query=PageQuery,
                more=(503,),
            ),
            post(
                "/notifications/{notification}/retry",
                "Try a notification again that was given up.",
                TellingRequests.retry,
                "Retried",
                body=Body,
                more=(409, 503),
            ),
        ),
    ),
    Group(
        "status page",
        "What people tell the public; the page itself is `/status`.",
        AnnouncementRequests,
        (
            get(
                "/announcements",
                "List what was announced, newest first.",
                AnnouncementRequests.announcements,
                "Announcement[]",
                query=PageQuery,
            ),
            post(
                "/announcements",
                "Tell the public something on the status page.",
                AnnouncementRequests.announce,
                "Announcement",
                body=AnnounceBody,
                more=(404, 409),
            ),
            post(
                "/announcements/{announcement}/update",
                "Tell the public more of it.",
                AnnouncementRequests.update,
                "Announcement",
                body=AnnouncedBody,
                more=(409,),
            ),
            post(
                "/announcements/{announcement}/resolve",
                "Tell the public that it is over.",
                AnnouncementRequests.resolve,
                "Announcement",
                body=AnnouncedBody,
                more=(409,),
            ),
        ),
    ),
    Group(
        "events",
        "What happened, and what happens.",
        PastRequests,
        (
            get(
                "/events",
                "List the events, newest first.",
                PastRequests.events,
                "Event[]",
                query=EventsQuery,
                more=(503,),
            ),
            Endpoint(
                method="GET",
                path="/stream",
                summary="Send the events as they happen (server-sent events).",
                does=None,
                query=StreamQuery,
                media=STREAM,
            ),
        ),
    ),
    Group(
        "agent",
        "Salus itself.",
        MachineRequests,
        (
            get("/system", "Measure Salus and its host.", MachineRequests.system, "System"),
            get(
                "/config",
                "Tell what the config names; never an option.",
                MachineRequests.config,
                "Config",
                role=Role.ADMIN,
            ),
        ),
    ),
    Group(
        "agent",
        "",
        DeedRequests,
        (post("/reload", "Read the config again.", DeedRequests.reload, "Said", role=Role.ADMIN, more=(409,)),),
    ),
    Group(
        "access",
        "Tokens, and signing in with a browser.",
        TokenRequests,
        (
            get(
                "/tokens",
                "List the tokens, without their secrets.",
                TokenRequests.tokens,
                "Token[]",
                query=PageQuery,
                role=Role.ADMIN,
            ),
            post(
                "/tokens",
                "Make a token; its secret stands in this answer and nowhere else.",
                TokenRequests.create,
                "TokenMade",
                body=TokenBody,
                role=Role.ADMIN,
                more=(409,),
            ),
            post(
                "/tokens/{token}/revoke",
                "Refuse a token from now on, by its id or its name.",
                TokenRequests.revoke,
                "Token",
                body=Body,
                role=Role.ADMIN,
            ),
        ),
    ),
    Group(
        "access",
        "",
        SessionRequests,
        (
            get("/session", "Tell who asks, and what they may.", SessionRequests.session, "Session", role=None),
            post(
                "/session",
                "Sign in: a cookie for a token.",
                SessionRequests.sign_in,
                "Session",
                body=SignInBody,
                role=None,
            ),
            Endpoint(
                method="DELETE",
                path="/session",
                summary="Sign out.",
                does=SessionRequests.sign_out,
                answer="Said",
                role=None,
            ),
        ),
    ),
)
