"""The guard decides on addresses, however they are spelled and wherever they hide."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from salus.channels._guard import Guard, problems
from salus.config.leaves import Refused
from salus.config.targets import judge_target
from salus.model import Targets


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",  # mapped
        "::ffff:a9fe:a9fe",
        "::169.254.169.254",  # compatible
        "64:ff9b::a9fe:a9fe",  # behind a NAT64
        "2002:a9fe:a9fe::1",  # 6to4
        "fe80::1",
        "fe80::1%eth0",
        "febf::1",
    ],
)
def test_link_local_addresses_are_denied_unless_said_otherwise(address: str) -> None:
    assert "denies" in Guard(Targets()).why_not("metadata.example.org", address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "93.184.215.14", "2606:2800:21f::1", "::ffff:10.0.0.1"])
def test_everything_else_is_allowed_unless_said_otherwise(address: str) -> None:
    assert Guard(Targets()).why_not("hooks.example.org", address) == ""


LOOPBACK = ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "::ffff:0.0.0.0")


@pytest.mark.parametrize("address", LOOPBACK)
def test_denying_localhost_denies_every_way_to_loopback(address: str) -> None:
    assert Guard(Targets(deny=("localhost",))).why_not("any.example.org", address)


def test_allowing_localhost_allows_loopback_and_nothing_else() -> None:
    guard = Guard(Targets(allow=("localhost",)))
    assert guard.why_not("127.0.0.1", "127.0.0.1") == ""
    assert guard.why_not("localhost", "::1") == ""
    assert "does not allow" in guard.why_not("10.0.0.1", "10.0.0.1")


def test_a_network_allows_its_addresses_and_denying_wins() -> None:
    guard = Guard(Targets(allow=("10.0.0.0/8",), deny=("10.0.0.7",)))
    assert guard.why_not("a", "10.1.2.3") == ""
    assert guard.why_not("a", "::ffff:10.1.2.3") == ""
    assert "denies 10.0.0.7" in guard.why_not("a", "10.0.0.7")
    assert "does not allow" in guard.why_not("a", "192.0.2.1")


def test_an_allowed_network_of_ipv6_does_not_let_an_ipv4_address_in_disguise_through() -> None:
    assert Guard(Targets(allow=("::/0",))).why_not("a", "::ffff:10.0.0.1")


@pytest.mark.parametrize(
    "entry, host, matches",
    [
        ("hooks.example.org", "hooks.example.org", True),
        ("hooks.example.org", "HOOKS.example.ORG.", True),
        ("hooks.example.org", "x.hooks.example.org", False),
        ("*.example.org", "hooks.example.org", True),
        ("*.example.org", "a.b.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "badexample.org", False),
        ("*.example.org", "example.org.evil.net", False),
    ],
)
def test_names_match_whole_and_stars_match_below(entry: str, host: str, matches: bool) -> None:
    assert (Guard(Targets(allow=(entry,))).why_not(host, "192.0.2.1") == "") is matches
    assert bool(Guard(Targets(deny=(entry,))).why_not(host, "192.0.2.1")) is matches


def test_an_allowed_name_does_not_open_a_denied_address() -> None:
    guard = Guard(Targets(allow=("hooks.example.org",)))
    assert "denies 169.254.0.0/16" in guard.why_not("hooks.example.org", "169.254.1.1")


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"]
)
def test_behind_a_proxy_a_spelled_out_address_is_still_seen(host: str) -> None:
    assert Guard(Targets()).why_not_beyond(host)
    assert Guard(Targets()).why_not_beyond("hooks.example.org") == ""


def test_behind_a_proxy_an_allow_list_of_networks_allows_no_name() -> None:
    guard = Guard(Targets(allow=("10.0.0.0/8", "hooks.example.org")))
    assert guard.why_not_beyond("other.example.org")
    assert guard.why_not_beyond("hooks.example.org") == ""
    assert guard.why_not_beyond("10.0.0.1") == ""


@pytest.mark.parametrize("entry", ["", "*", "*.", "10.0.0.0/33", "2130706433", "a b", "http://x/", "a..b"])
def test_what_is_no_target_is_a_problem(entry: str) -> None:
    assert problems((entry, "10.0.0.0/8"))


def test_what_is_a_target_is_none() -> None:
    assert problems(("10.0.0.0/8", "::1", "[::1]", "hooks.example.org", "*.x-y.org", "localhost", "10.1.2.3/8")) == []


ENTRIES = st.one_of(
    st.text("ab0x19.*-_:/[]%", max_size=16),
    st.ip_addresses().map(str),
    st.from_regex(r"(\*\.)?[a-z0-9.-]{1,12}", fullmatch=True),
)


@settings(max_examples=500)
@given(ENTRIES)
@example("0x7f")
@example("x.1")
def test_what_the_config_takes_the_guard_understands(entry: str) -> None:
    with suppress(Refused):
        judge_target(entry)
        assert problems((entry,)) == []


@given(st.ip_addresses())
def test_an_address_is_allowed_or_denied_alike_however_it_is_mapped(address: object) -> None:
    text = str(address)
    mapped = f"::ffff:{text}" if ":" not in text else text
    for targets in (Targets(), Targets(allow=("10.0.0.0/8", "127.0.0.0/8")), Targets(deny=("localhost",))):
        assert bool(Guard(targets).why_not("a", text)) == bool(Guard(targets).why_not("a", mapped))


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_guard_never_fails(host: str, address: str) -> None:
    guard = Guard(Targets(allow=("x",), deny=("10.0.0.0/8",)))
    assert guard.why_not(host, address)
    guard.why_not_beyond(host)
    problems((host,))
