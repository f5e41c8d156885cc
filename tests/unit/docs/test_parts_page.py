"""The table of the kinds of parts says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from salus.components import KINDS

TEXT = (Path(__file__).resolve().parents[3] / "docs/how-to/heal-your-own-parts.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.*) \| (.*) \| after (.*) \|$", re.MULTILINE)


def test_every_kind_has_its_row_with_its_members_its_actions_and_its_default_rule() -> None:
    rows = {name: (needs, heals, when) for name, needs, heals, when in ROW.findall(TEXT)}
    assert set(rows) == {kind.protocol.__name__ for kind in KINDS.values()}
    for kind in KINDS.values():
        needs, heals, when = rows[kind.protocol.__name__]
        rule = kind.rule
        count = rule["min_failure_count"]
        looks = f"{rule.get('trigger_on', 'bad')} look{'' if count == 1 else 's'}"
        times = f"within {rule['recovery_timeout']}, every {rule['cooldown_period']}"
        assert re.findall(r"`(\w+)`", needs) == list(kind.requires)
        assert re.findall(r"`(\w+)`", heals) == list(kind.deeds)
        assert when == f"{count} {looks}, {times}, {rule['max_recovery_attempts']} times"
