"""Matchers and labels on a command line."""

from __future__ import annotations

import re
from typing import Any

import click

from salus.errors import MatcherError
from salus.model import Matcher, Matching

_NAME = re.compile(r"[\w.@-]+")


class MatcherType(click.ParamType["tuple[Matcher, ...]"]):
    """Matchers as in the config: ``check="web"``, ``level!=info``, ``component=~"web.*"``."""

    name = "MATCHER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Matcher, ...]:
        """Read one argument; it may hold several, parted by commas."""
        if isinstance(value, tuple):
            return value
        from salus.matchers import OF_ALERTS, parse_matchers

        if _NAME.fullmatch(value):
            self.fail(f"{value!r} names no label (write check={value} or alertname={value})")
        try:
            return parse_matchers(value, OF_ALERTS)
        except MatcherError as error:
            self.fail(f"{value!r}, column {error.column}: {error} ({error.remedy})")


class LabelType(MatcherType):
    """Labels as an alert has them: ``level=critical``."""

    name = "LABEL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Matcher, ...]:
        """Read one argument; it may hold several, parted by commas."""
        found = super().convert(value, param, ctx)
        for one in found:
            if one.matching is not Matching.EQUAL:
                self.fail(f"an alert has a value for {one.label}, so it is given with = (write {one.label}=...)")
        return found
