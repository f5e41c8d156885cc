"""What an idle agent holds: ten checks, a SQLite ledger, the health endpoints."""

from __future__ import annotations

import time

from benchmarks._agent import resident, running_agent
from benchmarks._common import Row, print_table

LIMIT = 45 * 2**20
CONFIG = """
services:
  idle: {process: {command: [sleep, "1000"]}}
defaults: {interval: 2s}
checks:
  self: {http: {url: "http://127.0.0.1:1/", status: [200]}}
  door: {tcp: {port: 1}}
  idle: {process: {service: idle}, service: idle}
  memory: {memory: {available_above: 0%}}
  swap: {swap: {used_below: 100%}}
  load: {load: {load1_below: 100000}}
  cpu: {cpu: {used_below: 100%}}
  disk: {disk: {path: /, free_above: 0%}}
  config: {file: {path: "{folder}/salus.yaml"}}
  folder: {directory: {path: "{folder}"}}
rules:
  idle: {actions: [restart_service]}
"""


def main(quick: bool = False) -> list[Row]:
    """Measure it after it has looked at everything a few times."""
    with running_agent(CONFIG) as agent:
        agent.wait_until_healthy("idle", "disk", "config", "folder")
        time.sleep(3 if quick else 10)
        used = resident(agent.process.pid)
    rows = [
        Row(
            name="idle agent with ten checks: resident",
            value=used / 2**20,
            unit="MiB",
            target=f"under {LIMIT / 2**20:g} MiB",
            passed=used < LIMIT,
        )
    ]
    print_table("Memory", rows)
    return rows
