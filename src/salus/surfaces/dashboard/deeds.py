"""What people do on pages: forms go to the API, and its answer comes back as a line on the page they came from."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from urllib.parse import quote

import msgspec

from salus.surfaces import wire
from salus.surfaces.access.caller import Caller
from salus.surfaces.access.gate import Gate
from salus.surfaces.api.app import ApiApp
from salus.surfaces.bodies import LARGEST, line
from salus.surfaces.dashboard import forms, outcomes
from salus.surfaces.dashboard.frame import THEME, THEMES, local
from salus.surfaces.dashboard.page import Visit
from salus.surfaces.dashboard.writer import ROOT
from salus.surfaces.http import JSON, Receive, Refused, Response, Scope, header

_YEAR = 365 * 86400
_MOST_SAID = 256
_OF_STRANGERS = 8192
_METHODS = ("POST", "DELETE")
_ANOTHER = "open the page itself and try again; a reverse proxy has to hand on the header Host as it came"


@dataclass(frozen=True, slots=True)
class Said:
    """How something that was asked for went."""

    good: bool
    text: str
    remedy: str = ""
    secret: str = ""


class Deeds:
    """Does what forms ask for."""

    def __init__(self, api: ApiApp, gate: Gate) -> None:
        """Ask ``api``; ``gate`` knows who comes in."""
        self._api = api
        self._gate = gate
        # What is to be said on the next page of a session, where no script has said it already.
        self._said: OrderedDict[str, Said] = OrderedDict()

    def says(self, caller: Caller) -> bool:
        """Tell whether something is to be said to a visitor."""
        return caller.session is not None and caller.session.csrf in self._said

    def said(self, caller: Caller) -> Mapping[str, object] | None:
        """Return what is to be said to a visitor, once."""
        said = self._said.pop(caller.session.csrf, None) if caller.session else None
        return asdict(said) if said else None

    async def do(self, scope: Scope, receive: Receive, path: str, visit: Visit) -> Response:
        """Answer a form.

        Raises:
            Refused: 403, it was not sent by a page of ours, or its sender is not known; 404, it goes nowhere.
        """
        if not forms.same_site(scope, visit.caller):
            raise Refused(403, "that form was sent by another site", _ANOTHER)
        # Taking a large form apart takes milliseconds; nobody unknown has anything large to say.
        form = await forms.fields(scope, receive, LARGEST if visit.caller.session else _OF_STRANGERS)
        if path == "/theme":
            return self._theme(form, visit)
        if path == "/sign-in":
            return await self._sign_in(form, visit)
        caller = visit.caller
        if caller.session is None:
            raise Refused(403, "nobody is signed in here", "sign in, then try again")
        if not caller.session.knows(_one(form, "csrf")):
            raise Refused(403, "the page is too old to act from", "load it again, then try again")
        if path == "/sign-out":
            return await self._sign_out(form, visit)
        if not path.startswith("/do/"):
            raise Refused(404, f"there is nothing to do at {line(path)[:200]}", "use the forms of the pages")
        return await self._act(scope, form, path.removeprefix("/do"), visit)

    async def _act(self, scope: Scope, form: Mapping[str, list[str]], path: str, visit: Visit) -> Response:
        method = _one(form, "method").upper() or "POST"
        if method not in _METHODS:
            raise Refused(405, f"{line(method)[:20]} does nothing", "use POST or DELETE")
        self._api.body_of(method, path)  # there is such a thing to do
        answer = await self._api.perform(visit.caller, method, path, lambda kind: forms.body(form, kind))
        said = _words(answer)
        if JSON in header(scope, b"accept").decode("latin-1"):
            return Response(200 if said.good else answer.code, JSON, wire.encode(asdict(said)))
        self._remember(visit.caller, said)
        return _moved(local(_one(form, "next"), visit))

    def _remember(self, caller: Caller, said: Said) -> None:
        if caller.session:
            self._said[caller.session.csrf] = said
            if len(self._said) > _MOST_SAID:
                self._said.popitem(last=False)

    # ── who ───────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _sign_in(self, form: Mapping[str, list[str]], visit: Visit) -> Response:
        body = wire.encode({"token": _one(form, "token").strip()[:200]})
        answer = await self._api.perform(visit.caller, "POST", "/session", body)
        where = local(_one(form, "next"), visit)
        cookies = tuple(pair for pair in answer.headers if pair[0] == b"set-cookie")
        if answer.code == 200:
            return _moved(where, cookies)
        wrong = "wait" if answer.code == 429 else "wrong"
        return _moved(f"{visit.caller.prefix}{ROOT}/sign-in?{wrong}=1&next={quote(where, safe='')}")

    async def _sign_out(self, form: Mapping[str, list[str]], visit: Visit) -> Response:
        answer = await self._api.perform(visit.caller, "DELETE", "/session", b"")
        cookies = tuple(pair for pair in answer.headers if pair[0] == b"set-cookie")
        return _moved(f"{visit.caller.prefix}{ROOT}/sign-in?out=1", cookies)

    def _theme(self, form: Mapping[str, list[str]], visit: Visit) -> Response:
        wanted = _one(form, "theme")
        kept = wanted if wanted in THEMES else ""
        secure = "; Secure" if visit.caller.secure else ""
        age = _YEAR if kept else 0
        cookie = f"{THEME}={kept}; Path={visit.caller.prefix}/; Max-Age={age}; SameSite=Lax; HttpOnly{secure}"
        return _moved(local(_one(form, "next"), visit), ((b"set-cookie", cookie.encode("ascii", "replace")),))


def _one(form: Mapping[str, list[str]], name: str) -> str:
    return form.get(name, [""])[-1][:2000]


def _words(answer: Response) -> Said:
    """Say in a line what the API answered."""
    told = msgspec.json.decode(answer.body) if answer.body else {}
    if not isinstance(told, dict):
        return Said(answer.code < 400, "done")
    if answer.code >= 400:
        return Said(good=False, text=str(told.get("detail", "that did not work")), remedy=str(told.get("remedy") or ""))
    return Said(good=True, text=outcomes.in_words(told), secret=str(told.get("token") or ""))


def _moved(where: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    return Response(303, "text/plain", b"", ((b"location", where.encode("ascii", "replace")), *headers))
