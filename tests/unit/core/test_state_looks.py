"""The last looks for people to see: what goes in comes out, the newest last, whatever was looked at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from salus.model import LOOKS_KEPT, CheckState, Status
from salus.state import letters, looked, looks, ring_of


@given(st.lists(st.sampled_from(Status), max_size=3 * LOOKS_KEPT))
def test_the_last_looks_come_out_as_they_went_in(seen: list[Status]) -> None:
    ring = ring_of(CheckState())
    for status in seen:
        ring = looked(ring, status)
    assert looks(ring) == seen[-LOOKS_KEPT:]
    signs = {Status.HEALTHY: "h", Status.DEGRADED: "d", Status.UNHEALTHY: "u", Status.UNKNOWN: "?"}
    assert letters(ring) == "".join(signs[status] for status in seen[-LOOKS_KEPT:])
    assert ring.bit_length() <= 2 * LOOKS_KEPT + 1


def test_what_a_state_remembers_is_what_a_restarted_salus_begins_with() -> None:
    state = CheckState(recent=0b01_11_10_01)
    assert looks(ring_of(state)) == [Status.HEALTHY, Status.UNHEALTHY, Status.DEGRADED, Status.HEALTHY]
