"""What was told to the public is not lost, whatever becomes of Salus a moment later."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.acceptance.salus_process import SalusProcess

CONFIG = """\
checks: {here: {disk: {path: /}, interval: 1s}}
status_page: {title: Shop, components: {Website: here}}
"""


def announce(salus: SalusProcess, *words: str) -> Any:
    arguments = [sys.executable, "-m", "salus.cli.main", "announce", *words, "--json", "--config", str(salus.config)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


def _up(salus: SalusProcess) -> None:
    salus.start()
    salus.ready()


def test_an_announcement_survives_a_kill_in_the_moment_after_it(tmp_path: Path) -> None:
    salus = SalusProcess(tmp_path, CONFIG)
    try:
        _up(salus)
        made = announce(salus, "No power", "--component", "Website", "--impact", "critical")
        told = announce(salus, "The generators run", "--update", made["id"])
        salus.kill()
        _up(salus)
        assert announce(salus) == [told]
        over = announce(salus, "--resolve", made["id"])
        salus.kill()
        _up(salus)
        assert announce(salus) == [over]
    finally:
        salus.close()
