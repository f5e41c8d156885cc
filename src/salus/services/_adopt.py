"""Which of the processes that were found is the running copy of a service, and which are to be ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from salus.model import Json
from salus.processes import Found, boot_id, marks, stat


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided.

    Attributes:
        keep: the leader to take over, or None.
        others: leaders of further copies: there must be one only.
        remains: what is left of copies whose leader has died, and does not belong to the one that is kept.
    """

    keep: Found | None
    others: tuple[Found, ...] = ()
    remains: tuple[Found, ...] = ()


def choose(found: Sequence[Found], launch: Mapping[str, Json], mark: str) -> Choice:
    """Choose the copy to take over.

    1. The copy that was remembered last is kept if its leader lives. It is known by its mark, or, if it has overwritten
       its environment (as programs that set their title do), by boot, number and start time, being a session leader.
    2. Otherwise it is the oldest copy that was never remembered: Salus was killed between starting it and remembering.
       Its leader is its oldest session leader; a younger one is a descendant that opened a session for itself.
    3. Further living copies are ended, and so is whatever has lost its leader.

    Args:
        found: the processes that carry the service's mark, oldest first.
        launch: what was remembered about the last start; empty if nothing was.
        mark: the service's mark.
    """
    remembered = _remembered(launch, mark)
    known = launch.get("launch") if launch.get("boot") == boot_id() else None
    leaders: dict[str, Found] = {}
    for each in found:
        if each.leader and each.launch != known:
            leaders.setdefault(each.launch, each)
    if remembered is not None:
        leaders[remembered.launch] = remembered
    keep = remembered or next(iter(leaders.values()), None)
    others = tuple(each for each in leaders.values() if keep is None or each.pid != keep.pid)
    mine = {each.pid for each in (keep, *others) if each is not None}
    kept = keep.launch if keep else None
    remains = tuple(each for each in found if each.launch != kept and each.pid not in mine)
    return Choice(keep, others, remains)


def _remembered(launch: Mapping[str, Json], mark: str) -> Found | None:
    pid, ticks = launch.get("pid"), launch.get("start_ticks")
    if launch.get("boot") != boot_id() or not isinstance(pid, int) or not isinstance(ticks, int):
        return None
    now = stat(pid)
    if now is None or now.state in "ZX" or (now.start_ticks, now.session) != (ticks, pid):
        return None
    carried = marks(pid)
    remembered = str(launch.get("launch") or "")
    if carried is not None and (carried.mark != mark or carried.launch != remembered):
        return None  # the number went to somebody else, in the same hundredth of a second
    _, kind, name = mark.split(":", 2)
    return Found(pid, ticks, kind, name, leader=True, launch=remembered, session=pid)
