"""The README tells of what there is."""

from __future__ import annotations

import re

import click
import pytest

from salus.app import registry
from salus.cli.root import root
from tests.pages import text


def told(row: str) -> set[str]:
    found = re.search(rf"^\| \*\*{row}\*\* \|(.*)\|$", text("README.md"), re.MULTILINE)
    assert found is not None
    return set(re.findall(r"`([a-z_]+)`", found[1]))


@pytest.mark.parametrize("room", ["checks", "services", "actions", "channels"])
def test_it_names_no_kind_that_there_is_not(room: str) -> None:
    assert told(room) - set(registry.names(room)) == set()


def test_it_names_every_command_and_no_other() -> None:
    assert told("command line") == set(root.list_commands(click.Context(root)))
