"""A real nginx before a real Salus, with the very lines that the documentation shows."""

from __future__ import annotations

import os
import pwd
import re
import socket
import ssl
import subprocess
from pathlib import Path

from salus.clock import SystemClock
from salus.demo.shop import find_nginx
from tests.acceptance.salus_process import eventually, free_port
from tests.certificates import Authority

PREFIX = "/ops/salus"
SHOWN = "/salus"
"""The path in the documentation."""

_DOCS = Path(__file__).resolve().parents[3] / "docs/how-to"
_SALUS = "127.0.0.1:8787"
_CONFIG = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
lock_file {folder}/nginx.lock;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    {more}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{secure_port} ssl;
        http2 on;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
{locations}
    }}
}}
"""


def snippets(page: str, language: str = "nginx") -> list[str]:
    """Return the blocks of a language on one page of the how-to guides."""
    text = (_DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def location(port: int, prefix: str = PREFIX) -> str:
    """Return the block of the documentation, for a Salus at that port and below that path."""
    (shown,) = snippets("dashboard.md")
    assert shown.count(_SALUS) == 1
    return re.sub(rf"(?<=\s){SHOWN}(?=[/;])", prefix, shown.replace(_SALUS, f"127.0.0.1:{port}"))


class Nginx:
    """It runs until ``close``; what is asked over http and https comes to the same places."""

    def __init__(self, folder: Path, locations: str, more: str = "") -> None:
        """Offer ``locations``; ``more`` stands above the server."""
        folder.mkdir()
        self.port, self.secure_port = free_port(), free_port()
        authority = Authority(folder, SystemClock().now())
        identity = authority.issue()
        self.authority = authority.file
        # As root it would give its workers to nobody, who may not enter this folder.
        user = f"user {pwd.getpwuid(0).pw_name};" if os.getuid() == 0 else ""
        config = folder / "nginx.conf"
        words = {"folder": folder, "user": user, "more": more, "locations": locations}
        words |= {"certificate": identity.certificate, "key": identity.key}
        config.write_text(_CONFIG.format(port=self.port, secure_port=self.secure_port, **words), encoding="utf-8")
        self._log = folder / "error.log"
        self._process = subprocess.Popen([find_nginx(), "-p", str(folder), "-c", str(config)], stderr=subprocess.PIPE)
        eventually(self._answers, what="an answer of nginx")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.secure_port}"

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            _, said = self._process.communicate()
            raise AssertionError(said.decode())
        try:
            socket.create_connection(("127.0.0.1", self.secure_port), timeout=1).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.communicate(timeout=10)
