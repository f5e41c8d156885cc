"""The console entry. Docker runs ``salus health`` every few seconds: that command starts before anything else loads."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    if sys.argv[1:2] == ["health"]:
        from salus.cli.health import main as health

        return health(sys.argv[2:])
    from salus.cli.root import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
