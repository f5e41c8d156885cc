"""uvicorn's HTTP protocol, without what only uvicorn's own command needs.

Whoever imports uvicorn imports its reloader and process manager, which bring multiprocessing: half a megabyte that an
agent would carry for ever, and never use. So while it is imported they are stood in for by what imports them once
somebody in this process does start uvicorn that way.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_NAME = "uvicorn.supervisors"
_PARTS = ("ChangeReload", "Multiprocess")


def _later(part: str) -> Any:
    def make(*facts: Any, **more: Any) -> Any:
        return getattr(import_module(_NAME), part)(*facts, **more)

    return make


def _import() -> None:
    if "uvicorn" in sys.modules:  # somebody has it whole already
        return
    stand_in = ModuleType(_NAME)
    for part in _PARTS:
        setattr(stand_in, part, _later(part))
    sys.modules[_NAME] = stand_in
    try:
        import_module("uvicorn")
    finally:
        del sys.modules[_NAME]


_import()

from uvicorn.config import Config  # noqa: E402 - only now
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle  # noqa: E402
from uvicorn.server import ServerState  # noqa: E402

__all__ = ["Config", "HttpToolsProtocol", "RequestResponseCycle", "ServerState"]
