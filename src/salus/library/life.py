"""How Salus lives in one process of an application: it leads, or it follows the process that does.

1. Whoever gets the lock of the state folder leads: it runs the checks, heals, and answers for all.
2. The others follow: they look every quarter of a second whether the lock is free, and ask the leader for the rest.
3. A leader that dies, however it dies, loses its lock with its last breath; the first follower to see that leads.
4. A leader that lives and was silent is asked by nobody but a follower's own question, once a second: what others ask
   is refused at once, so that no worker of the application waits, until that question is answered or the lock is free.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from salus.app.agent import WORKERS, Agent
from salus.clock import SystemClock
from salus.errors import FolderInUseError, NotFoundError, SalusError
from salus.library.workers import LOOKING, LOOKS, BrokenOffError, NobodyError, Proxy, SilentError
from salus.model import Json, Metric, Observation, Overall, Status
from salus.store.lock import holder
from salus.surfaces import documents
from salus.surfaces.door import path_of
from salus.surfaces.health import PROBES
from salus.surfaces.http import App, Message, Receive, Refused, Response, Scope, Send, header, negotiate
from salus.tasks import begin

_log = logging.getLogger("salus.library")

LOOK_EVERY = 0.25
ASK_EVERY = 1.0
STALE = 5.0
_INTERREGNUM, _AGAIN = 3.0, 0.1
_SOON = "ask again in a moment: another process takes over"


class Leader:
    """This process runs the checks."""

    def __init__(self, agent: Agent) -> None:
        """Lead with a running agent."""
        self.agent = agent
        self.network: App = agent.doors.network
        self.local: App = agent.doors.local

    def overall(self) -> Overall:
        """Return all checks in one word, from what is known now; any thread may ask."""
        return self.agent.view.overall()


class Follower:
    """Another process runs the checks; what it says is asked for once a second."""

    def __init__(self, folder: Path, clock: SystemClock, checks: Iterable[str] = ()) -> None:
        """Follow whoever leads in a state folder; ``checks``: what this process would look at if it led."""
        self._clock = clock
        self._folder = folder
        self._unheard_of = set(checks)
        self._door: App = Proxy(folder / WORKERS)
        self._socket: App = Proxy(folder / "salus.sock", told=False)
        self._overall: Overall | None = None
        self._asked_at = float("-inf")
        self._seen_at = float("-inf")
        self._silent: tuple[int, float] | None = None  # which process, and since when

    async def network(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request from the network answered by the process that leads.

        Raises:
            NobodyError: nobody leads at the moment.
            SilentError: it does not answer; at once where that is known.
            BrokenOffError: it has gone before it answered.
        """
        await self._have(self._door, scope, receive, send)

    async def local(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered as at the control socket; raises as ``network`` does."""
        await self._have(self._socket, scope, receive, send)

    def overall(self) -> Overall:
        """Return what the leader said last; unknown where that is too long ago."""
        if self._overall is None or self._clock.monotonic() - self._seen_at > STALE:
            said = "the process that leads does not answer"
            return Overall(status=Status.UNKNOWN, message=said, ready=False, live=True, started=False)
        return self._overall

    async def ask(self) -> None:
        """Ask the leader, if that is due; this alone tells when one that was silent answers again."""
        began = self._clock.monotonic()
        if began - self._asked_at < ASK_EVERY:
            return
        self._asked_at = began
        try:
            status = await ask(self._socket, "GET", "/v1/status")
            self._overall = _overall(status)
            self._seen_at = self._clock.monotonic()
            self._compare({check["name"] for check in status["checks"]})
        except SilentError:
            self._unanswered(began)
            return
        except (SalusError, OSError, ValueError, KeyError):
            pass  # what was said last counts for a while
        if self._silent is not None:
            _log.warning("process %d, which led and was silent, answers again or has ended", self._silent[0])
            self._silent = None

    async def _have(self, door: App, scope: Scope, receive: Receive, send: Send) -> None:
        began = self._clock.monotonic()
        if self._silent is not None:
            pid, since = self._silent
            if holder(self._folder) == pid:  # else it has died, and another leads, or will in a moment
                raise SilentError(f"the process that leads has not answered for {began - since:.0f} s")
        try:
            await door(scope, receive, send)
        except SilentError:
            self._unanswered(began)
            raise

    def _unanswered(self, began: float) -> None:
        """Note that the leader is silent, unless it answered something else meanwhile: then it is slow with this."""
        since = min(began, self._clock.monotonic() - LOOKING)
        if self._seen_at >= since or (pid := holder(self._folder)) is None:
            return
        if self._silent is None or self._silent[0] != pid:
            _log.warning("process %d leads and does not answer: stopped, blocked, or overloaded?", pid)
            self._silent = pid, since

    def _compare(self, theirs: set[str]) -> None:
        """Say it once where the process that leads looks at nothing of what this one declares: a name taken twice."""
        ours, self._unheard_of = self._unheard_of, set()
        if ours and not ours & theirs:
            _log.error(
                "process %s leads in %s and knows none of the checks of this one (%s), which nobody looks at now: are "
                "these two applications? Then give each a name or a state_dir of its own",
                holder(self._folder) or "?",
                self._folder,
                ", ".join(sorted(ours)[:5]),
            )


class Life:
    """Leads or follows, from ``begin`` to ``end``; both on the loop that Salus has for itself."""

    def __init__(self, make: Callable[[], Agent]) -> None:
        """Live with the agents that ``make`` makes, one whenever this process comes to lead."""
        self._make = make
        self._clock = SystemClock()
        self._watch: asyncio.Task[None] | None = None
        self._ending = False
        self._agent: Agent | None = None  # leads, or is about to
        self.role: Leader | Follower
        self.folder: Path

    async def begin(self) -> None:
        """Lead if nobody does, else follow.

        Raises:
            ConfigError: what was declared is wrong.
            SalusError: it cannot be started.
        """
        self._agent = agent = (
            self._make()
        )  # also where another process leads: what is wrong with the config is told to every one
        self.folder = folder = agent.settings.agent.state_dir
        if holder(folder) is None:
            with suppress(FolderInUseError):
                await agent.start()
                self.role = Leader(agent)
                return
        self._agent = None
        await self._follow(folder, agent)

    async def end(self) -> None:
        """Stop whatever this process does."""
        self._ending = True
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        if isinstance(self.role, Leader):
            await self.role.agent.stop()

    async def network(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request from the network, as an ASGI app; waits a moment while nobody leads."""
        deadline = self._clock.monotonic() + _INTERREGNUM
        while True:
            try:
                await self.role.network(scope, receive, send)
            except NobodyError as error:
                if self._clock.monotonic() < deadline and not self._ending:
                    await self._clock.sleep(_AGAIN)
                    continue
                await self._refuse(scope, send, str(error), _SOON)
            except BrokenOffError as error:
                await self._refuse(scope, send, str(error), "see whether it was done before you ask again")
            except SilentError as error:
                await self._refuse(scope, send, str(error), _against_silence(holder(self.folder)))
            return

    async def _refuse(self, scope: Scope, send: Send, said: str, remedy: str) -> None:
        head = scope["method"] == "HEAD"
        lives = scope["method"] in LOOKS and PROBES.get(path_of(scope)) is documents.Probe.LIVE
        response = _alive(scope) if lives else Refused(503, said, remedy).response()
        await response.send(send, self._clock.now(), head=head)

    async def look(self, names: Sequence[str]) -> dict[str, Observation]:
        """Look afresh at the named checks, or at all of them, at the same time.

        Raises:
            NotFoundError: there is no check of that name.
        """
        if isinstance(self.role, Leader):
            agent = self.role.agent
            known = agent.view.names()
            chosen = list(names or known)
            for name in chosen:
                if name not in known:
                    raise _no_check(name, known)
            looks = await asyncio.gather(*(agent.control.check_now(name) for name in chosen))
            return dict(zip(chosen, looks, strict=True))
        local = self.role.local
        chosen = list(names or (check["name"] for check in (await ask(local, "GET", "/v1/status"))["checks"]))
        told = await asyncio.gather(*(ask(local, "POST", f"/v1/checks/{quote(name)}/run") for name in chosen))
        return {name: read_look(look) for name, look in zip(chosen, told, strict=True)}

    async def changed(self) -> None:
        """Let what is declared by now take effect; a follower's counts when it comes to lead."""
        if isinstance(self.role, Leader):
            await self.role.agent.reload()
        else:
            _log.warning("this process follows: what it declares now counts when it comes to lead")

    def descriptors(self) -> list[int]:
        """Return what a child made by a bare fork must close; also while it starts, or takes over."""
        return self._agent.descriptors() if self._agent is not None else []

    def let_go(self) -> None:
        """Let go of the state folder: the thread has ended, and something in it would not."""
        if self._agent is not None:
            self._agent.let_go()

    async def _follow(self, folder: Path, agent: Agent) -> None:
        self.role = follower = Follower(folder, self._clock, agent.settings.checks)
        _log.info("process %d follows the one that leads, %s, in %s", os.getpid(), holder(folder) or "?", folder)
        await follower.ask()
        self._watch = begin(self._wait(follower, folder))

    async def _wait(self, follower: Follower, folder: Path) -> None:
        """Follow until nobody leads, then lead."""
        while not self._ending:
            await follower.ask()
            await self._clock.sleep(LOOK_EVERY)
            if holder(folder) is None and await self._take_over():
                return

    async def _take_over(self) -> bool:
        try:
            self._agent = agent = self._make()
            await agent.start()
        except FolderInUseError:
            self._agent = None  # another follower was quicker
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody has to lead: it is tried again
            self._agent = None
            _log.error("cannot take over: %s", error, exc_info=not isinstance(error, SalusError))
            await self._clock.sleep(ASK_EVERY)
            return False
        self.role = Leader(agent)
        _log.warning("process %d leads from now on", os.getpid())
        return True


def _no_check(name: str, known: Sequence[str]) -> NotFoundError:
    from salus.config import did_you_mean

    remedy = did_you_mean(str(name), known) or f"there are {', '.join(known[:16]) or 'none'}"
    return NotFoundError(f"there is no check {name!r}", remedy=remedy)


def _against_silence(pid: int | None) -> str:
    if pid is None:  # it has died meanwhile
        return _SOON
    who = f"process {pid}" if pid > 0 else "the process that leads"  # one that has just begun has not signed yet
    return f"see what {who} does: stopped, blocked, or overloaded?"


def _alive(scope: Scope) -> Response:
    """Say that this process lives, which depends on no other: else the whole is restarted for the one that hangs."""
    try:
        return documents.render_status(Status.HEALTHY, negotiate(header(scope, b"accept"), documents.OFFERS))
    except Refused as refused:
        return refused.response()


async def ask(app: App, method: str, path: str, body: bytes = b"") -> Any:
    """Ask an app that lives on this loop, as if over the network; returns what its JSON says.

    Raises:
        NotFoundError: there is nothing of that name.
        SalusError: it was refused.
    """
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"accept", b"application/json")],
        "state": {},
    }
    if body:
        scope["headers"] += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]  # type: ignore[operator]
    received: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if not received:
            await asyncio.get_running_loop().create_future()
        return received.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    code = sent[0]["status"]
    content = b"".join(message.get("body", b"") for message in sent[1:])
    answer = msgspec.json.decode(content) if content else None
    if code < 400 or (code == 503 and isinstance(answer, dict) and "checks" in answer):
        return answer
    problem: dict[str, Any] = answer if isinstance(answer, dict) else {}
    error = NotFoundError if code == 404 else SalusError
    raise error(str(problem.get("detail") or f"answered {code}"), remedy=problem.get("remedy"))


def _overall(status: dict[str, Json]) -> Overall:
    told: Any = status["overall"]
    return Overall(
        status=Status(told["status"]),
        message=told["message"],
        ready=told["ready"],
        live=told["live"],
        started=told["started"],
        culprits=tuple(told.get("culprits", ())),
        paused=told.get("paused", 0),
    )


def read_look(told: dict[str, Any]) -> Observation:
    """Read a look as it goes over the wire."""
    return Observation(
        status=Status(told["status"]),
        message=told["message"],
        at=datetime.fromisoformat(told["at"]).astimezone(UTC),
        duration=told["duration"],
        metrics={name: Metric(one["value"], one.get("unit", "")) for name, one in told.get("metrics", {}).items()},
        metadata=told.get("metadata", {}),
    )
