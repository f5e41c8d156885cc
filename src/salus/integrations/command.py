"""The command line of Salus inside that of a framework: it asks the process that leads."""

from __future__ import annotations

import os

from salus.cli.root import run
from salus.library.system import HealthSystem

_WHERE = "SALUS_STATE_DIR"


def salus_command(health: HealthSystem, arguments: list[str]) -> int:
    """Run ``salus ARGUMENTS`` for a system; returns the exit code. The environment says more: it wins."""
    if _WHERE in os.environ:
        return run(arguments)
    os.environ[_WHERE] = str(health.state_dir)
    try:
        return run(arguments)
    finally:
        del os.environ[_WHERE]
