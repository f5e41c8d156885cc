"""``manage.py salus ...``: the command line of Salus, for the system of this project."""

from __future__ import annotations

import sys
from argparse import REMAINDER
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from salus.integrations.command import salus_command
from salus.integrations.django.conf import get_health


class Command(BaseCommand):
    """Asks the process that serves: ``manage.py salus status``, ``manage.py salus check database``, ..."""

    help = "Ask the running Salus: status, check NAME, heal NAME, explain NAME, history, top, ... (salus --help)"
    requires_system_checks: ClassVar[list[str]] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Hand all arguments on as they are: they are Salus' options, and not Django's."""
        sys.exit(salus_command(get_health(), argv[2:]))

    def add_arguments(self, parser: CommandParser) -> None:
        """Take anything, for ``call_command``."""
        parser.add_argument("arguments", nargs=REMAINDER)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it.

        Raises:
            CommandError: it ended with another code than 0.
        """
        if code := salus_command(get_health(), list(options["arguments"])):
            raise CommandError(returncode=code)
