"""``salus check``: one look, told the way Nagios and its heirs understand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salus.cli.common import config_option, json_option, load_settings
from salus.errors import ConfigError, SalusError

if TYPE_CHECKING:
    from salus.model import CheckSpec, Metric, Observation

# status -> (word, exit code); worst first, as the monitoring plugins' guidelines rank them.
VERDICTS = {"unhealthy": ("CRITICAL", 2), "degraded": ("WARNING", 1), "unknown": ("UNKNOWN", 3), "healthy": ("OK", 0)}
_UNITS = {"seconds": "s", "bytes": "B"}


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "everything", is_flag=True, help="Look at every check.")
@config_option
@json_option
def check(names: tuple[str, ...], everything: bool, config: Path | None, as_json: bool) -> int:
    """Look once, here and now, without a running Salus.

    Prints NAME STATUS - text | performance data, and exits with 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN (the worst of
    all checks), as Nagios, Icinga and Checkmk expect it.
    """
    if bool(names) == everything:
        message = "name the checks to look at, or say --all" if not names else "either names or --all, not both"
        raise click.UsageError(message)
    import asyncio

    from salus.app.once import look_once
    from salus.cli.errors import explain

    try:
        seen = asyncio.run(look_once(load_settings(config), names or None))
    except ConfigError as error:
        explain(error)
        click.echo("SALUS UNKNOWN - the config has problems; salus validate shows them")
        return 3
    except SalusError as error:
        explain(error)
        click.echo(f"SALUS UNKNOWN - {_tame(str(error))}")
        return 3
    if as_json:
        from salus.surfaces import wire

        click.echo(wire.pretty([{"name": spec.name, **wire.observation(look)} for spec, look in seen]))
    else:
        for spec, look in seen:
            click.echo(plugin_line(spec, look))
    found = {look.status.value for _, look in seen}
    return next((code for status, (_, code) in VERDICTS.items() if status in found), 0)


def plugin_line(spec: CheckSpec, look: Observation) -> str:
    """Write one look as a monitoring plugin does."""
    word, _ = VERDICTS[look.status.value]
    line = f"{_tame(spec.name)} {word} - {_tame(look.message) or look.status.value}"
    numbers = " ".join(_performance(name, metric) for name, metric in look.metrics.items())
    return f"{line} | {numbers}" if numbers else line


def _performance(name: str, metric: Metric) -> str:
    label = "".join(sign for sign in name if sign not in "'=\n")
    if not label.replace("_", "").isalnum():
        label = f"'{label}'"
    value = "U"
    if math.isfinite(metric.value):
        value = str(int(metric.value)) if metric.value == int(metric.value) else f"{metric.value:.10g}"
    return f"{label}={value}{_UNITS.get(metric.unit, '')}"


def _tame(text: str) -> str:
    """Keep to one line, and leave the bar to the performance data."""
    return " ".join(text.replace("|", "/").split())
