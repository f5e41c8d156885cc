"""``salus demo``: the command; what it shows lives in ``salus.demo``."""

from __future__ import annotations

import click


@click.command(
    short_help="See real services break and be healed.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> int:
    """Watch a small shop of real services break in every ordinary way, and be healed."""
    from importlib import import_module

    code: int | None = import_module("salus.demo.main").main(list(arguments))
    return code or 0
