"""``python -m preview_server [FOLDER]``."""

from __future__ import annotations

import argparse
import os

import uvicorn


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="preview_server", description="Shows components while you write them.")
    parser.add_argument("folder", nargs="?", help="where the components are (the samples)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--faults", action="store_true", help="offer buttons that break each part")
    chosen = parser.parse_args()
    if chosen.folder:
        os.environ["PREVIEW_FOLDER"] = chosen.folder
    if chosen.faults:
        os.environ["PREVIEW_FAULTS"] = "1"
    # Browsers hold their stream of events open for ever: it is no reason to wait at the end.
    uvicorn.run(
        "preview_server.app:create_app",
        factory=True,
        host=chosen.host,
        port=chosen.port,
        log_level="info",
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
