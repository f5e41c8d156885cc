"""An application as a threaded WSGI server serves it: a part of it breaks when a file appears, and is healed by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from salus import HealthSystem

FOLDER = Path(os.environ["SHOP_FOLDER"])
health = HealthSystem("shop", state_dir=FOLDER / "state", settings={"salus": {"show_details": "always"}})


@health.check(interval="100ms", timeout="10s", critical=True)
def stock() -> tuple[str, str]:
    return ("unhealthy" if (FOLDER / "broken").exists() else "healthy"), f"looked at by {os.getpid()}"


@health.action
def mend() -> str:
    with (FOLDER / "mended").open("a", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    (FOLDER / "broken").unlink()
    return "mended"


health.rule("stock", [mend], cooldown_period=0)
doors = health.wsgi()


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer ``/pid`` itself and leave the rest to Salus."""
    if environ["PATH_INFO"] == "/pid":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{os.getpid()} {health.summary()}".encode()]
    return doors(environ, start_response)


if "SHOP_LAZY" not in os.environ:
    health.start()
