"""Child processes: started in a session of their own, seen to exit at once, killed as a whole tree, found again later.

A child is known by a pidfd, never by a pid alone. It carries two marks in its environment, which its descendants
inherit: ``SALUS_CHILD=<state id>:<kind>:<name>`` says whose it is and is found again after Salus itself was killed;
``SALUS_LAUNCH=<random>`` tells one start from the next.
"""

from __future__ import annotations

from salus.processes._child import Child, Exit
from salus.processes._command import Command, Completed, environment
from salus.processes._proc import boot_id, start_ticks
from salus.processes._reaper import OrphanReaper, become_subreaper
from salus.processes._run import run
from salus.processes._spawn import spawn
from salus.processes._tree import Family, Found, find_marked, kill_family, leftovers

__all__ = [
    "Child",
    "Command",
    "Completed",
    "Exit",
    "Family",
    "Found",
    "OrphanReaper",
    "become_subreaper",
    "boot_id",
    "environment",
    "find_marked",
    "kill_family",
    "leftovers",
    "run",
    "spawn",
    "start_ticks",
]
