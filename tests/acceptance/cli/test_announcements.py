"""What was told to the public is not lost, whatever becomes of Salus a moment later."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.acceptance.salus_process import SalusProcess, eventually

CONFIG = """\
checks: {here: {disk: {path: /}, interval: 1s}}
status_page: {title: Shop, components: {Website: here}}
"""


def announce(salus: SalusProcess, *words: str) -> Any:
    arguments = [sys.executable, "-m", "salus.cli.main", "announce", *words, "--json", "--config", str(salus.config)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


def page(salus: SalusProcess, path: str = "/status") -> tuple[int, str]:
    """Ask as the public does: over the network, and without a token."""
    connection = http.client.HTTPConnection("127.0.0.1", salus.port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


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
        code, shown = page(salus)
        assert code == 200
        assert "No power" in shown
        assert "The generators run" in shown
        assert told["by"] not in shown
        over = announce(salus, "--resolve", made["id"])
        salus.kill()
        _up(salus)
        assert announce(salus) == [over]
    finally:
        salus.close()


def test_the_public_sees_what_was_chosen_of_a_real_salus_and_a_reload_takes_it_away(tmp_path: Path) -> None:
    salus = SalusProcess(tmp_path, CONFIG + "rules: {here: {actions: [log]}}\n")
    try:
        _up(salus)

        def well() -> bool:
            told = json.loads(page(salus, "/status/api/v2/status.json")[1])
            return bool(told["status"]["indicator"] == "none")

        eventually(well, what="a page on which all is well")
        code, shown = page(salus)
        assert code == 200
        assert "All systems operational" in shown
        assert "here" not in shown.lower().replace("there", "")
        assert page(salus, "/status/feed.atom")[0] == 200
        salus.write("checks: {here: {disk: {path: /}, interval: 1s}}\n")
        eventually(lambda: page(salus)[0] == 404, what="the end of the page")
    finally:
        salus.close()
