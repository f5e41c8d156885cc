"""Asks a running Salus over its local socket."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

from salus.errors import ConfigError, ConflictError, NotFoundError, Problem, SalusError
from salus.surfaces.local import address

FILE = "salus.sock"
_READING = 5.0

Body: TypeAlias = Mapping[str, object]


class NotRunningError(SalusError):
    """No Salus is running there."""


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a local socket."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        """Mean the socket at that path."""
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with address(self._path) as where:
            self.sock.connect(where)


class Client:
    """The Salus of one state folder."""

    def __init__(self, state_dir: Path) -> None:
        """Mean the Salus of ``state_dir``."""
        self._path = state_dir / FILE

    def status(self) -> dict[str, Any]:
        """Return everything at one glance."""
        found: dict[str, Any] = self._ask("GET", "/v1/status", timeout=_READING)
        return found

    def act(self, room: str, name: str, verb: str, body: Body | None = None) -> dict[str, Any]:
        """Ask for something and wait until it is done.

        Args:
            room: such as ``checks``, ``rules``, ``services`` or ``alerts``.
            name: of the one that is meant.
            verb: what to do with it.
            body: what else is to be said.
        """
        found: dict[str, Any] = self._ask("POST", _path(room, name, verb), body=body)
        return found

    def post(self, what: str, body: Body | None = None) -> dict[str, Any]:
        """Ask for ``pause``, ``resume``, ``maintenance``, ``silences`` or ``routes/test``."""
        found: dict[str, Any] = self._ask("POST", f"/v1/{what}", body=body)
        return found

    def windows(self) -> list[dict[str, Any]]:
        """Return the maintenance windows that are open, and those to come."""
        found: list[dict[str, Any]] = self._ask("GET", "/v1/maintenance", timeout=_READING)
        return found

    def explain(self, check: str) -> dict[str, Any]:
        """Return why the rules of a check act, or do not."""
        found: dict[str, Any] = self._ask("GET", _path("checks", check, "explain"), timeout=_READING)
        return found

    def get(self, room: str, name: str | None = None, **query: object) -> Any:
        """Return what is to be seen in a room, or one thing in it.

        Args:
            room: such as ``alerts``, ``silences`` or ``channels``.
            name: of the one thing, where only that is wanted.
            query: what is wanted of it.
        """
        asked = f"?{urlencode(query)}" if query else ""
        one = f"/{_quoted(name)}" if name is not None else ""
        return self._ask("GET", f"/v1/{room}{one}{asked}", timeout=_READING)

    def tokens(self) -> list[dict[str, Any]]:
        """Return the tokens, without their secrets."""
        found: list[dict[str, Any]] = self._ask("GET", "/api/v1/tokens?limit=500", timeout=_READING)["items"]
        return found

    def create_token(self, body: Body) -> dict[str, Any]:
        """Make a token; its secret is in the answer."""
        made: dict[str, Any] = self._ask("POST", "/api/v1/tokens", body=body, timeout=_READING)
        return made

    def revoke_token(self, name: str) -> dict[str, Any]:
        """Refuse a token from now on, by its id or its name."""
        path = f"/api/v1/tokens/{quote(name, safe='')}/revoke"
        ended: dict[str, Any] = self._ask("POST", path, body={}, timeout=_READING)
        return ended

    def announcements(self) -> list[dict[str, Any]]:
        """Return what was announced on the status page, newest first."""
        found: list[dict[str, Any]] = self._ask("GET", "/api/v1/announcements?limit=500", timeout=_READING)["items"]
        return found

    def announce(self, body: Body) -> dict[str, Any]:
        """Tell the public something."""
        told: dict[str, Any] = self._ask("POST", "/api/v1/announcements", body=body)
        return told

    def announced(self, name: str, verb: str, body: Body) -> dict[str, Any]:
        """Tell the public more of it (``update``), or that it is over (``resolve``)."""
        told: dict[str, Any] = self._ask("POST", f"/api/v1/announcements/{_quoted(name)}/{verb}", body=body)
        return told

    def reload(self) -> str:
        """Have the config read again; returns what changed."""
        return str(self._ask("POST", "/v1/reload")["message"])

    def _ask(self, method: str, path: str, *, timeout: float | None = None, body: Body | None = None) -> Any:
        connection = SocketConnection(self._path, timeout)
        sent = None if body is None else json.dumps({**body, "by": _user()})
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if sent else {})}
        try:
            connection.request(method, path, sent, headers)
            response = connection.getresponse()
            answer = response.read()
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            message = f"no Salus answers at {self._path}"
            raise NotRunningError(
                message, remedy="start it with `salus run`, or the application that it is in"
            ) from None
        except PermissionError:
            message = f"you may not talk to the Salus at {self._path}"
            raise SalusError(message, remedy="use the user that runs it, or sudo") from None
        except TimeoutError:
            message = f"the Salus at {self._path} did not answer within {timeout:g} s"
            raise SalusError(message, remedy="look at its log") from None
        except (OSError, http.client.HTTPException) as error:
            message = f"the Salus at {self._path} stopped answering: {error}"
            raise SalusError(message, remedy="look at its log") from None
        finally:
            connection.close()
        told = json.loads(answer)
        if response.status != 200:
            raise _error(response.status, told)
        return told


def _path(room: str, name: str, verb: str) -> str:
    return f"/v1/{room}/{_quoted(name)}/{verb}"


def _quoted(name: str) -> str:
    if not name:
        raise NotFoundError("the name is empty", remedy="if it came from a variable, that one is not set")
    return quote(name, safe="")


def _user() -> str:
    """Return who asks, for a system whose sockets do not tell."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def _error(code: int, told: dict[str, Any]) -> SalusError:
    if told.get("problems"):
        return ConfigError(tuple(Problem(**problem) for problem in told["problems"]))
    kind = {404: NotFoundError, 409: ConflictError}.get(code, SalusError)
    return kind(str(told.get("detail", f"Salus answered {code}")), remedy=told.get("remedy"))
