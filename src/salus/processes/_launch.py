"""Sets limits, user, group and umask, then becomes the program. Run as ``python -I -S _launch.py SETTINGS ARGV...``.

Standard library only, and little of it: a service waits for this to get out of the way. What goes wrong is reported to
the descriptor named in the settings, which closes by itself when the program starts.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import sys


def main() -> None:
    """Do it, or report ``{"errno", "what", "message"}`` and exit with 127."""
    settings = json.loads(sys.argv[1])
    report = int(settings["report"])
    os.set_inheritable(report, False)
    stage = "limits"
    try:
        for name, value in settings["limits"].items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (value, value))
        stage = "user"
        if settings["uid"] is not None:
            os.setgroups(settings["groups"])
            os.setgid(settings["gid"])
            os.setuid(settings["uid"])
        elif settings["gid"] is not None:
            os.setgid(settings["gid"])
        if settings["umask"] is not None:
            os.umask(settings["umask"])
        stage = "directory"
        if settings["directory"]:
            os.chdir(settings["directory"])
        stage = "program"
        become(sys.argv[2:])
    except (OSError, ValueError) as error:
        told = {"errno": getattr(error, "errno", None), "stage": stage, "message": str(error)}
        os.write(report, json.dumps(told).encode())
    os._exit(127)


def become(argv: list[str]) -> None:
    """Look the program up in PATH and replace this process by it.

    Not ``os.execvp``: that imports a module on the way, which the new user may not be allowed to read.
    """
    program = argv[0]
    found: OSError = FileNotFoundError(errno.ENOENT, "No such file or directory")
    folders = [""] if "/" in program else os.environ.get("PATH", "/bin:/usr/bin").split(":")
    for folder in folders:
        try:
            os.execv(f"{folder}/{program}" if folder else program, argv)  # noqa: S606 - no shell is the point
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            found = error
    raise found


if __name__ == "__main__":
    main()
