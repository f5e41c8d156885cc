"""What CI takes for a needless skip: whatever is not a matter of the platform, and whatever it has installed itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/check-skips"


def judged(folder: Path, *reasons: str) -> subprocess.CompletedProcess[str]:
    cases = ['<testcase classname="t" name="ran"/>']
    cases += [f'<testcase classname="t" name="not"><skipped message="{reason}"/></testcase>' for reason in reasons]
    report = folder / "report.xml"
    report.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>", encoding="utf-8")
    return subprocess.run([sys.executable, SCRIPT, report], capture_output=True, text=True, check=False)


def test_what_the_platform_cannot_do_may_be_skipped(tmp_path: Path) -> None:
    done = judged(tmp_path, "not on this platform: IPv6 is switched off")
    assert (done.returncode, done.stdout) == (0, "no needless skip among 2 tests\n")


@pytest.mark.parametrize(
    "reason",
    ["later", "", "not on this platform: there is no RabbitMQ (scripts/install-test-peers)"],
)
def test_a_skip_for_want_of_what_can_be_had_fails(tmp_path: Path, reason: str) -> None:
    done = judged(tmp_path, "not on this platform: IPv6 is switched off", reason)
    assert done.returncode == 1
    assert done.stdout == f"skipped without need:\nt::not: {reason}\n"


def test_no_test_at_all_fails(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text("<testsuites/>", encoding="utf-8")
    assert subprocess.run([sys.executable, SCRIPT, report], capture_output=True, check=False).returncode == 1
