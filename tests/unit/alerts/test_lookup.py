"""Which alert a person means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from salus.alerts.lookup import named
from salus.errors import ConflictError, NotFoundError
from tests.fake_desk import DISK_LOW, WEB_DOWN

ALERTS = [WEB_DOWN, DISK_LOW]


@pytest.mark.parametrize("name", [WEB_DOWN.id, WEB_DOWN.id[:6], WEB_DOWN.fingerprint[:4], "web", "down"])
def test_an_alert_is_called_by_its_id_its_fingerprint_its_check_or_its_rule(name: str) -> None:
    assert named(ALERTS, name) is WEB_DOWN


def test_what_is_exact_comes_before_what_only_begins_so() -> None:
    short = replace(DISK_LOW, id="aa")
    assert named([*ALERTS, short], "aa") is short
    called = replace(DISK_LOW, check="aa11")
    assert named([WEB_DOWN, called], "aa11") is called


@pytest.mark.parametrize("name", ["", "nope", "w"])
def test_a_name_of_nothing_is_not_found(name: str) -> None:
    with pytest.raises(NotFoundError, match="no active alert"):
        named(ALERTS, name)


def test_a_name_of_several_lists_a_few_of_them() -> None:
    many = [replace(WEB_DOWN, id=f"aa{number:014}", check=None) for number in range(9)]
    with pytest.raises(ConflictError, match=r"'aa' could be aa000000 \(down\), .* and 4 more") as caught:
        named(many, "aa")
    assert caught.value.remedy == "give the id of the one you mean"
