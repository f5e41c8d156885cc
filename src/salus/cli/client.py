"""Asks a running Salus over its local socket."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

from salus.errors import ConfigError, ConflictError, NotFoundError, Problem, SalusError
from salus.surfaces.local import address

FILE = "salus.sock"


class NotRunningError(SalusError):
    """No Salus is running there."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
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
        found: dict[str, Any] = self._ask("GET", "/v1/status", timeout=5.0)
        return found

    def act(self, room: str, name: str, verb: str) -> dict[str, Any]:
        """Ask for something and wait until it is done.

        Args:
            room: ``checks``, ``rules`` or ``services``.
            name: of the one that is meant.
            verb: what to do with it.
        """
        found: dict[str, Any] = self._ask("POST", f"/v1/{room}/{quote(name, safe='')}/{verb}")
        return found

    def reload(self) -> str:
        """Have the config read again; returns what changed."""
        return str(self._ask("POST", "/v1/reload")["message"])

    def _ask(self, method: str, path: str, timeout: float | None = None) -> Any:
        connection = _Connection(self._path, timeout)
        try:
            connection.request(method, path, headers={"Accept": "application/json"})
            response = connection.getresponse()
            body = response.read()
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            message = f"no Salus answers at {self._path}"
            raise NotRunningError(message, remedy="start it with `salus run`") from None
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
        told = json.loads(body)
        if response.status != 200:
            raise _error(response.status, told)
        return told


def _error(code: int, told: dict[str, Any]) -> SalusError:
    if told.get("problems"):
        return ConfigError(tuple(Problem(**problem) for problem in told["problems"]))
    kind = {404: NotFoundError, 409: ConflictError}.get(code, SalusError)
    return kind(str(told.get("detail", f"Salus answered {code}")), remedy=told.get("remedy"))
