"""``python -m preview_server [FOLDER]``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from types import FrameType

import uvicorn

from preview_server.app import Server, create_app
from preview_server.settings import Settings


class Uvicorn(uvicorn.Server):
    """Ends at once: streams of events that browsers hold open are ended with it."""

    def __init__(self, server: Server, config: uvicorn.Config) -> None:
        """Serve ``server``."""
        super().__init__(config)
        self._server = server

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Let browsers go, for uvicorn waits until they are gone."""
        self._server.hub.close()
        super().handle_exit(sig, frame)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="preview_server", description="Shows components while you write them.")
    parser.add_argument("folder", nargs="?", help="where the components are (the samples)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--faults", action="store_true", help="offer buttons that break each part")
    chosen = parser.parse_args()
    settings = Settings.from_environment()
    settings = replace(settings, faults=settings.faults or chosen.faults)
    if chosen.folder:
        settings = replace(settings, folder=Path(chosen.folder).resolve())
    server = Server(settings)
    config = uvicorn.Config(create_app(server), chosen.host, chosen.port, timeout_graceful_shutdown=3)
    Uvicorn(server, config).run()


if __name__ == "__main__":
    main()
