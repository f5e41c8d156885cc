"""A site: a real Salus, and a real nginx that offers it below a path."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.acceptance.proxy.client import Client, Reply
from tests.acceptance.proxy.nginx import PREFIX, Nginx, location, snippets
from tests.acceptance.salus_process import SalusProcess, eventually

CONFIG = """\
services:
  web: {{process: {{command: [{python}, -c, "import signal; signal.pause()"]}}}}
checks:
  web-up: {{process: {{service: web}}, interval: 200ms, timeout: 2s, critical: true, service: web, tags: [shop]}}
  gate: {{file: {{path: {folder}/open}}, interval: 200ms, timeout: 2s, depends_on: [web-up], high_flap_threshold: 0}}
rules:
  web-up: {{check: web-up, cooldown_period: 1s, actions: [restart_service]}}
alerts: {{rules: {{gate-shut: {{check: gate, status: unhealthy, for: 0s}}}}}}
status_page:
  title: Example Shop
  components: {{Website: web-up, Gate: gate}}
"""
HOME = f"{PREFIX}/health-dashboard/"


class Behind(SalusProcess):
    """A Salus with a say on whom it believes, and on what it tells strangers."""

    def __init__(self, folder: Path, config: str, *, trusted: str, details: str) -> None:
        self._says = f"show_details: {details}, trusted_proxies: {trusted}"
        super().__init__(folder, config)

    def write(self, config: str) -> None:
        head = f"listen: '127.0.0.1:{self.port}', state_dir: ./state"
        self.config.write_text(f"salus: {{{head}, {self._says}}}\n{config}")
        self.config.chmod(0o600)


class Site:
    """Both of them; ``close`` ends them."""

    def __init__(
        self,
        folder: Path,
        *,
        trusted: str = "[127.0.0.1]",
        details: str = "when_authorized",
        config: str = "",
        buffered: bool = False,
    ) -> None:
        """Start them.

        Args:
            folder: for the files of both; empty.
            trusted: whose headers Salus believes.
            details: who sees them.
            config: goes below ``CONFIG``, which ends in ``status_page``.
            buffered: the proxy is told nothing about streams, speaks the oldest HTTP, and packs whatever passes it.
        """
        (folder / "open").touch()
        self.folder = folder
        whole = CONFIG.format(python=sys.executable, folder=folder) + config
        self.salus = Behind(folder, whole, trusted=trusted, details=details)
        lines = location(self.salus.port)
        more = ""
        if buffered:
            assert "proxy_buffering off;" in lines
            lines = lines.replace("proxy_buffering off;", "").replace(
                "proxy_http_version 1.1", "proxy_http_version 1.0"
            )
            more = "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;"
        (status,) = snippets("public-status-page.md")
        lines += status.replace("127.0.0.1:8787", f"127.0.0.1:{self.salus.port}")
        self.nginx: Nginx | None = None
        try:
            self.salus.start()
            self.salus.ready()
            self.nginx = Nginx(folder / "nginx", lines, more)
            eventually(self.well, within=30, what=f"health\n{self.salus.log}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self.nginx is not None:
            self.nginx.close()
        self.salus.close()

    def start_again(self) -> None:
        """Start the Salus that was killed, and wait until it answers."""
        self.salus.start()
        eventually(self.salus.status, within=40, what="an answer of the Salus that was started again")

    def well(self) -> bool:
        status = self.salus.status()
        return status is not None and status["overall"]["message"] == "All systems operational"

    @property
    def proxy(self) -> Nginx:
        assert self.nginx is not None
        return self.nginx

    def client(self, *, source: str = "127.0.0.1") -> Client:
        """Return somebody who comes by the proxy, over TLS."""
        return Client(self.proxy.url, self.proxy.trust, source=source)

    def direct(self, *, source: str = "127.0.0.1") -> Client:
        """Return somebody who comes to Salus itself."""
        return Client(f"http://127.0.0.1:{self.salus.port}", source=source)

    def token(self, role: str = "operator", name: str = "") -> str:
        command = [*self.salus.command, "token", "create", name or role, "--role", role]
        command += ["--state-dir", str(self.salus.state)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
        return done.stdout.strip()

    def signed_in(self, token: str) -> Client:
        """Return somebody who typed a token into the page."""
        client = self.client()
        reply = client.send(f"{HOME}sign-in", {"token": token, "next": HOME})
        assert (reply.code, reply.headers["location"]) == (303, HOME), reply.text
        return client


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "accept": "application/json"}


def csrf(page: Reply) -> str:
    """Return what a page knows and another site does not."""
    found = re.search(r'data-csrf="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found[1]
