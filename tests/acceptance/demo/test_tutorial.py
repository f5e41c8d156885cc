"""The tutorial is true: its config is valid, and what the demo prints looks as it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from salus.demo import table
from salus.demo.faults import all_faults

PAGE = (Path(__file__).resolve().parents[3] / "docs/tutorial/first-steps.md").read_text(encoding="utf-8")


def test_the_config_of_the_tutorial_is_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "page").mkdir()
    config = tmp_path / "salus.yaml"
    config.write_text(block, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "salus.cli.main", "validate", "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid: 2 checks, 1 service, 2 rules" in done.stdout


def test_the_table_in_the_tutorial_is_the_one_that_the_demo_prints() -> None:
    assert table.head() in PAGE
    for fault in all_faults():
        assert f"\n{fault.title}  " in PAGE
