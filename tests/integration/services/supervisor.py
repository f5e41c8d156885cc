"""A small Salus in a process of its own, to be killed: supervises one service and keeps its record in a file.

Usage: supervisor.py FOLDER STATE_ID MODE SUBREAPER. MODE: ``once`` starts it, ``restart`` restarts it for ever,
``die`` dies by SIGKILL between the spawn and the remembering.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path

from salus.model import ServiceRecord
from salus.processes import become_subreaper
from salus.services.process import ProcessOptions
from salus.units import Duration
from tests.stage import Stage

COMMAND = ("sh", "-c", "trap '' TERM; sleep 600 & setsid sleep 600 & wait")


def options() -> ProcessOptions:
    return ProcessOptions(command=COMMAND, stop_timeout=Duration(0.02))


async def main(folder: Path, state_id: str, mode: str) -> None:
    file = folder / "record.json"
    started = False

    def remember(record: ServiceRecord) -> None:
        if mode == "die" and record.launch and started:
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / "record.new").write_text(json.dumps(asdict(record)))
        (folder / "record.new").rename(file)

    site = replace(Stage(folder, state_id).site, remember=remember)
    service = options().build("web", site)
    record = ServiceRecord(**json.loads(file.read_text())) if file.exists() else None
    await service.adopt(record, start=True)
    started = True
    sys.stdout.write("up\n")
    sys.stdout.flush()
    while mode != "once":
        await service.restart()
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[4] == "yes":
        become_subreaper()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
