from __future__ import annotations

import os

from tests.acceptance.cli.terminal import Terminal
from tests.acceptance.proxy.nginx import PREFIX
from tests.acceptance.proxy.site import Site

SEEN = {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}


def test_salus_top_watches_and_acts_through_the_proxy(site: Site, token: str) -> None:
    file = site.folder / "token"
    file.write_text(token, encoding="ascii")
    file.chmod(0o600)
    url = site.proxy.plain_url + PREFIX
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "SALUS_TOKEN")}
    top = Terminal([*site.salus.command, "top", "--url", url, "--token-file", str(file)], {**known, **SEEN})
    try:
        top.shows("web-up", "you: operator", " live")
        top.type("/gate\r")
        top.shows("with 'gate'")
        top.type("r")
        top.shows("gate looks healthy")
        (site.folder / "open").unlink()
        top.shows("gate is unhealthy")  # by the stream
        (site.folder / "open").touch()
        top.shows("All systems operational")
        top.type("q")
        assert top.ended() == 0
    finally:
        (site.folder / "open").touch()
        top.close()
