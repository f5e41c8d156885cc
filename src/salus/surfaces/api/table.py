"""What an endpoint is, and how a request finds it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from salus.model import Json, Role
from salus.surfaces.api.door import ROOT
from salus.surfaces.api.queries import Query
from salus.surfaces.asked import Asked
from salus.surfaces.bodies import Body
from salus.surfaces.http import JSON, Refused, Response, not_allowed

LONGEST_NAME = 200

# A method of a room, without its object: ``PolicyRequests.pause``.
Does: TypeAlias = Callable[[Any, Asked], "Awaitable[Json | Response]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One thing that can be asked.

    Attributes:
        method: ``GET`` (answers HEAD too) or ``POST`` or ``DELETE``: these write, and are audited.
        path: below the root; at most one part of it is a name, in braces.
        summary: one line, in the imperative.
        does: answers it; None: the stream of events, which has an answer of its own.
        answer: name of its shape in ``answers``; with ``[]`` a page of such.
        role: who may ask it; None: everybody.
        shown: everybody may where ``show_details`` is ``always``.
        query: struct of what may stand behind the question mark.
        body: struct of the body.
        success: status code when it is so, or was done.
        more: status codes beyond those that follow from the above.
        media: of the answer.
    """

    method: str
    path: str
    summary: str
    does: Does | None
    answer: str = ""
    role: Role | None = Role.VIEWER
    shown: bool = False
    query: type[Query] | None = None
    body: type[Body] | None = None
    success: int = 200
    more: tuple[int, ...] = ()
    media: str = JSON

    @property
    def writes(self) -> bool:
        """Tell whether it changes anything."""
        return self.method != "GET"

    @property
    def statuses(self) -> tuple[int, ...]:
        """Return every status code that it may answer with."""
        found = {self.success, 401, 422, 429, *self.more}
        if self.role is not None or self.writes:
            found.add(403)
        if "{" in self.path:
            found.add(404)
        if self.body:
            found |= {400, 413, 415}
        return tuple(sorted(found))


def get(path: str, summary: str, does: Does, answer: str, **more: Any) -> Endpoint:
    """Return an endpoint that shows something."""
    return Endpoint(method="GET", path=path, summary=summary, does=does, answer=answer, **more)


def post(
    path: str, summary: str, does: Does, answer: str, *, role: Role | None = Role.OPERATOR, **more: Any
) -> Endpoint:
    """Return an endpoint that does something."""
    return Endpoint(method="POST", path=path, summary=summary, does=does, answer=answer, role=role, **more)


@dataclass(frozen=True, slots=True)
class Group:
    """Endpoints about one noun.

    Attributes:
        tag: the noun.
        about: one line.
        room: the class whose methods answer them.
        endpoints: in the order in which they are told.
    """

    tag: str
    about: str
    room: type
    endpoints: tuple[Endpoint, ...]


class Router:
    """Finds the endpoint of a request."""

    def __init__(self, groups: Iterable[Group], rooms: Mapping[type, object]) -> None:
        """Know the endpoints whose room is there."""
        self._paths: dict[tuple[str, ...], dict[str, tuple[Endpoint, object]]] = {}
        for group in groups:
            room = rooms.get(group.room)
            if room is None:
                continue
            for endpoint in group.endpoints:
                self._paths.setdefault(_shape(endpoint.path), {})[endpoint.method] = (endpoint, room)

    def find(self, method: str, path: str) -> tuple[Endpoint, object, str]:
        """Return the endpoint, the object that answers it, and the name in the path.

        Raises:
            Refused: 404, there is no such path; 405, it does not answer this method.
        """
        parts = path.removeprefix(ROOT + "/").split("/")
        methods, name = self._methods(parts)
        if methods is None:
            raise Refused(404, f"there is nothing at {path[:200]}", f"{ROOT}/openapi.json lists what there is")
        found = methods.get("GET" if method == "HEAD" else method)
        if found is None:
            allowed = ", ".join(f"{one}, HEAD" if one == "GET" else one for one in methods)
            raise not_allowed(method, path[:200], allowed)
        return *found, name

    def _methods(self, parts: list[str]) -> tuple[Mapping[str, tuple[Endpoint, object]] | None, str]:
        """Look for the path as it stands, then with its second part as a name."""
        if found := self._paths.get(tuple(parts)):
            return found, ""
        if not 2 <= len(parts) <= 3 or not 0 < len(parts[1]) <= LONGEST_NAME:
            return None, ""
        head, name, *tail = parts
        if not tail and name.endswith(".svg") and (found := self._paths.get((head, "{}.svg"))):
            return found, name.removesuffix(".svg")
        return self._paths.get((head, "{}", *tail)), name


def _shape(path: str) -> tuple[str, ...]:
    parts = path.removeprefix("/").split("/")
    return tuple("{}" + part.partition("}")[2] if part.startswith("{") else part for part in parts)
