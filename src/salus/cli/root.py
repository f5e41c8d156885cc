"""The commands, each loaded when it is used, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from salus import __version__
from salus.cli.errors import explain
from salus.errors import SalusError

WRONG_USAGE = 64

# In the order in which a person meets them.
COMMANDS = {
    "init": "salus.cli.init:init",
    "demo": "salus.cli.demo:demo",
    "validate": "salus.cli.validate:validate",
    "run": "salus.cli.run:run",
    "status": "salus.cli.status:status",
    "top": "salus.cli.top.command:top",
    "explain": "salus.cli.explain:explain",
    "history": "salus.cli.history:history",
    "incidents": "salus.cli.incidents:incidents",
    "stats": "salus.cli.stats:stats",
    "alerts": "salus.cli.alerts:alerts",
    "alert": "salus.cli.alert:alert",
    "silence": "salus.cli.silence:silence",
    "notify": "salus.cli.notify:notify",
    "routes": "salus.cli.routes:routes",
    "check": "salus.cli.check:check",
    "health": "salus.cli.health_stub:health",
    "heal": "salus.cli.act:heal",
    "cancel": "salus.cli.act:cancel",
    "reset": "salus.cli.act:reset",
    "approve": "salus.cli.approvals:approve",
    "reject": "salus.cli.approvals:reject",
    "rule": "salus.cli.rules:rule",
    "announce": "salus.cli.announce:announce",
    "maintenance": "salus.cli.maintenance:maintenance",
    "pause": "salus.cli.pause:pause",
    "resume": "salus.cli.pause:resume",
    "reload": "salus.cli.act:reload",
    "service": "salus.cli.service:service",
    "simulate": "salus.cli.simulate:simulate",
    "backtest": "salus.cli.backtest:backtest",
    "token": "salus.cli.token:token",
    "ledger": "salus.cli.ledger:ledger",
    "kinds": "salus.cli.kinds:kinds",
    "plugins": "salus.cli.plugins:plugins",
    "schema": "salus.cli.schema:schema",
}


class LazyGroup(click.Group):
    """Imports a command when somebody asks for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands, in their own order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Load the command that was asked for, or say which one was perhaps meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            message = f"there is no command {args[0]!r}{hint}"
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command explains itself: salus COMMAND --help. Exit code 64: the command line makes no sense.",
)
@click.version_option(__version__, message="salus %(version)s")
def root() -> None:
    """Watch software, heal it, prove that the healing worked, and tell people."""


def run(arguments: list[str]) -> int:
    """Run one command; every way it can end has its exit code.

    0 to 3 are the commands' own; 1 for an error of ours; 64 for a command line that makes no sense; 130 for Ctrl-C.
    """
    try:
        code = root.main(arguments, prog_name="salus", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return WRONG_USAGE
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "salus"
        sentence = _sentence(error)
        hint = "" if sentence.endswith(")") else f" ({path} --help shows what there is)"
        click.echo(f"salus: {sentence}{hint}", err=True)
        return WRONG_USAGE
    except click.ClickException as error:
        click.echo(f"salus: {error.format_message()}", err=True)
        return 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("salus: interrupted", err=True)
        return 130
    except SalusError as error:
        explain(error)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return code if isinstance(code, int) else 0


def _sentence(error: click.UsageError) -> str:
    message = error.format_message().rstrip(".")
    return message[:1].lower() + message[1:]
