"""What a person may ask about alerts, and ask of them: who hears what, acknowledging, silences, channels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from salus.alerts.lookup import named
from salus.errors import ConflictError
from salus.matchers import OF_ALERTS, matches, parse_matchers
from salus.model import Alert, AlertState, ChannelReport, Json, Level
from salus.ports import AlertDesk, Audience, Clock
from salus.surfaces import wire_alerts as wire
from salus.surfaces.asked import Asked
from salus.surfaces.bodies import AnswerBody, Body, LabelsBody, SilenceBody, line, parse
from salus.surfaces.http import Refused

MOST = 500
MOST_DEAD = 1000
_USUAL = 100
_EXAMINED = 1000  # alerts that are asked whether they are kept quiet
_AT_ONCE = 50
_EXAMPLE = "such as ?level=critical&state=firing&limit=50"


class AlertRequests:
    """Answers what is asked about alerts and passes on what is asked of them."""

    def __init__(self, desk: AlertDesk, clock: Clock) -> None:
        """Serve a desk."""
        self._desk = desk
        self._clock = clock

    # ── alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def list_alerts(self, asked: Asked) -> Json:
        """Tell the alerts that have not ended, the most urgent first, with who hears of each.

        ``?check=``, ``?level=`` and ``?state=`` narrow them down, ``?quiet=1`` to those that somebody does not hear of
        now; ``?limit=`` says how many are told.
        """
        wanted = _filter(asked)
        limit = _limit(asked, _USUAL, MOST)
        found = [one for one in self._desk.active() if wanted(one)]
        if asked.query.get("quiet", "") not in ("", "0", "false"):
            found = await self.kept_quiet(found)
        return {"total": len(found), "alerts": await self.with_audiences(found[:limit])}

    async def kept_quiet(self, found: Sequence[Alert]) -> list[Alert]:
        """Return those that somebody does not hear of now."""
        channels = self._channels()
        quiet = []
        for place, one in enumerate(found[:_EXAMINED]):
            if one.state.open and _kept_quiet(self._desk.audiences(one), channels):
                quiet.append(one)
            await self._breathe(place)
        return quiet

    async def with_audiences(self, found: Sequence[Alert]) -> list[Json]:
        """Write alerts, each with who hears of it."""
        channels = self._channels()
        told: list[Json] = []
        for place, one in enumerate(found):
            told.append({**wire.alert(one), "audience": wire.audiences(self._desk.audiences(one), channels)})
            await self._breathe(place)
        return told

    async def _breathe(self, place: int) -> None:
        if place % _AT_ONCE == _AT_ONCE - 1:  # everybody else has a turn in between
            await self._clock.sleep(0)

    async def alert(self, asked: Asked) -> Json:
        """Tell all about one alert: its story, who hears of it, and why not now."""
        one = named(self._desk.active(), asked.name)
        audience = wire.audiences(self._desk.audiences(one), self._channels())
        return {**wire.story(one, self._clock.now()), "audience": audience}

    async def acknowledge(self, asked: Asked) -> Json:
        """Have a person take an alert upon themselves."""
        body = parse(asked.body, AnswerBody)
        return wire.alert(await self._desk.acknowledge(asked.name, by=asked.by(body), note=line(body.note)))

    async def resolve(self, asked: Asked) -> Json:
        """End an alert by hand."""
        body = parse(asked.body, AnswerBody)
        return wire.alert(await self._desk.resolve(asked.name, by=asked.by(body), note=line(body.note)))

    # ── silences ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def list_silences(self, asked: Asked) -> Json:
        """Tell the silences that have not ended."""
        return [wire.silence(one) for one in self._desk.silences()]

    async def silence(self, asked: Asked) -> Json:
        """Keep alerts from being told; says how many of those that there are it is about."""
        body = parse(asked.body, SilenceBody)
        match = parse_matchers(body.match, OF_ALERTS)
        made = await self._desk.silence(match, body.seconds, by=asked.by(body), comment=line(body.comment))
        about = sum(matches(match, one.labels) for one in self._desk.active())
        return {**wire.silence(made), "alerts": about}

    async def expire_silence(self, asked: Asked) -> Json:
        """End a silence before its time."""
        return wire.silence(await self._desk.expire_silence(asked.name, by=asked.by(parse(asked.body, Body))))

    # ── channels and notifications ────────────────────────────────────────────────────────────────────────────────────

    async def list_channels(self, asked: Asked) -> Json:
        """Tell how the channels are doing."""
        return [wire.channel(one) for one in self._desk.channels()]

    async def test_channel(self, asked: Asked) -> Json:
        """Send a test notification; tells what the other side said."""
        said = await self._desk.test_channel(asked.name, by=asked.by(parse(asked.body, Body)))
        return {"message": said}

    async def list_dead(self, asked: Asked) -> Json:
        """Tell the notifications that were given up, newest first."""
        return [wire.delivery(one) for one in await self._desk.dead_letters(_limit(asked, _USUAL, MOST_DEAD))]

    async def retry(self, asked: Asked) -> Json:
        """Try a notification again that was given up; the beginning of its id will do."""
        by = asked.by(parse(asked.body, Body))
        found = [one.id for one in await self._desk.dead_letters(MOST_DEAD) if one.id.startswith(asked.name)]
        if len(found) > 1 and asked.name not in found:
            raise ConflictError(f"{asked.name[:200]!r} begins {len(found)} dead letters", remedy="give more of it")
        name = found[0] if len(found) == 1 else asked.name
        await self._desk.revive(name, by=by)
        return {"id": name, "message": f"notification {name} is tried again"}

    # ── routes ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def route(self, asked: Asked) -> Json:
        """Tell who would hear of an alert with these labels, firing now."""
        heard = self._desk.routed(parse(asked.body, LabelsBody).labels)
        return wire.audiences(heard, self._channels())

    def _channels(self) -> Mapping[str, ChannelReport]:
        return {one.spec.name: one for one in self._desk.channels()}


def _kept_quiet(heard: Sequence[Audience], channels: Mapping[str, ChannelReport]) -> bool:
    """Tell whether a channel that is switched on does not hear of it now."""
    off = {name for name, report in channels.items() if not report.spec.enabled}
    return any(way.hush is not None and way.channel not in off for way in heard)


def _filter(asked: Asked) -> Callable[[Alert], bool]:
    check, level, state = (asked.query.get(name, "") for name in ("check", "level", "state"))
    _one_of("level", level, tuple(Level))
    _one_of("state", state, (AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.PENDING))

    def wanted(one: Alert) -> bool:
        return check in ("", one.check) and level in ("", one.level) and state in ("", one.state)

    return wanted


def _one_of(what: str, value: str, known: Iterable[str]) -> None:
    if value and value not in known:
        raise Refused(422, f"there is no {what} {value[:100]!r}", f"it is one of {', '.join(known)}, {_EXAMPLE}")


def _limit(asked: Asked, usual: int, most: int) -> int:
    """Return how many are wanted, and never more than are given at once."""
    text = asked.query.get("limit", str(usual))
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise Refused(422, f"limit={text[:100]!r} is no number of things", f"ask for 1 to {most}")
    return min(int(text), most)
