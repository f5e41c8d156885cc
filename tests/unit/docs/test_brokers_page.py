"""The recipe for brokers, gRPC and Prometheus: its configs do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from salus.app.build import resolve
from salus.config import loads
from salus.model import CheckSpec

PAGE = (Path(__file__).resolve().parents[3] / "docs/how-to/check-brokers-and-grpc.md").read_text(encoding="utf-8")
KINDS = {"amqp", "nats", "mqtt", "grpc", "prometheus"}
BLOCKS = [block for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if "checks:" in block]


def specs(block: str, folder: Path) -> list[CheckSpec]:
    for name in ("rabbitmq", "nats", "mqtt"):
        (folder / name).write_text("opens")
    found = resolve(loads(block.replace("/run/secrets", str(folder)))).settings
    assert found.warnings == ()
    return list(found.checks.values())


@pytest.mark.parametrize("place", range(len(BLOCKS)))
def test_every_config_on_the_page_is_one_that_nothing_need_be_said_against(place: int, tmp_path: Path) -> None:
    assert specs(BLOCKS[place], tmp_path)


def test_every_kind_is_in_the_table_and_shown(tmp_path: Path) -> None:
    table = {
        kind
        for cell in re.findall(r"^\| \[.*?\| (.*?) \|", PAGE, re.MULTILINE)
        for kind in re.findall(r"`(\w+)`", cell)
    }
    assert table == KINDS
    assert {spec.kind for block in BLOCKS for spec in specs(block, tmp_path)} == KINDS


def test_the_example_of_a_health_service_is_python_that_compiles() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    compile(example, "page", "exec")
