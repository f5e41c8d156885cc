"""Child processes: started in a session of their own, seen to exit at once, killed as a whole tree, found again later.

A child is known by a pidfd, never by a pid alone. It carries two marks in its environment, which its descendants
inherit: ``SALUS_CHILD=<state id>:<kind>:<name>`` says whose it is and is found again after Salus itself was killed;
``SALUS_LAUNCH=<random>`` tells one start from the next.
"""

from __future__ import annotations

from salus.processes._child import Child, Exit, adopt
from salus.processes._command import MARK, Command, Completed, environment
from salus.processes._finish import to_the_end
from salus.processes._proc import Stat, boot_id, marks, start_ticks, stat
from salus.processes._reaper import OrphanReaper, become_subreaper
from salus.processes._run import run
from salus.processes._spawn import LIMITS, spawn
from salus.processes._tree import (
    Family,
    Found,
    end_family,
    find_marked,
    kill_family,
    leftovers,
    look_for,
    surely_none_left,
)
from salus.processes._trust import complaint, problems

__all__ = [
    "LIMITS",
    "MARK",
    "Child",
    "Command",
    "Completed",
    "Exit",
    "Family",
    "Found",
    "OrphanReaper",
    "Stat",
    "adopt",
    "become_subreaper",
    "boot_id",
    "complaint",
    "end_family",
    "environment",
    "find_marked",
    "kill_family",
    "leftovers",
    "look_for",
    "marks",
    "problems",
    "run",
    "spawn",
    "start_ticks",
    "stat",
    "surely_none_left",
    "to_the_end",
]
