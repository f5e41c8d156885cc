"""An application declares its parts, one breaks, and Salus heals that one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from salus import HealthSystem
from salus.errors import ConfigError, SalusError
from salus.model import Event, Status
from tests.unit.components.parts import Cache, Registry, Watcher

QUICK: dict[str, Any] = {"min_failure_count": 1, "cooldown_period": "10ms", "verify_timeout": "2s"}


@pytest.fixture
def health(tmp_path: Path) -> Iterator[HealthSystem]:
    health = HealthSystem("shop", state_dir=tmp_path, settings={"salus": {"store": "memory"}})
    yield health
    health.stop()


def ended(health: HealthSystem) -> tuple[threading.Event, list[Event]]:
    """Hear of the end of recoveries."""
    heard, events = threading.Event(), list[Event]()

    @health.on("recovery_finished")
    def hear(event: Event) -> None:
        events.append(event)
        heard.set()

    return heard, events


def test_the_part_that_broke_is_healed_by_the_rule_of_its_kind(health: HealthSystem) -> None:
    one, other, cache = Watcher(), Watcher(), Cache()
    health.component("templates", one, interval="50ms")
    health.component("styles", other, interval="50ms")
    health.component("pages", cache, interval="50ms", rule=QUICK)
    heard, events = ended(health)
    with health:
        other.alive = False
        assert heard.wait(10)
        assert (events[0].check, events[0].reason) == ("styles", "recovered")
        assert (one.restarts, other.restarts) == (0, 1)
        heard.clear()
        cache.poisoned = ["index"]
        assert heard.wait(10)
        assert (events[1].check, events[1].reason) == ("pages", "recovered")
        assert cache.entries == {}
        assert {look.status for look in health.run_now_sync().values()} == {Status.HEALTHY}


def test_the_actions_of_a_part_can_be_named_in_other_rules_and_without_a_rule_nothing_is_done(
    health: HealthSystem,
) -> None:
    registry, cache = Registry("button"), Cache()
    health.component("components", registry, rule=False, interval="50ms")
    health.component("pages", cache, rule=False, interval="50ms")
    health.rule("components", ["refresh_component_registry", "pages.clear_cache"], **QUICK)
    heard, _ = ended(health)
    with health:
        cache.poisoned = ["index"]
        registry.kept = set()
        assert heard.wait(10)
        assert registry.kept == {"button"}
        assert cache.poisoned == ["index"]  # the first rung healed it; and the cache has no rule of its own


@pytest.mark.parametrize(
    "actions, told",
    [
        (["restart_file_watcher"], "restart_file_watcher"),
        ([{"clear_cache": {"hard": True}}], "it takes no options, and was given hard"),
    ],
)
def test_a_rule_that_asks_what_a_part_cannot_do_is_refused(health: HealthSystem, actions: list[Any], told: str) -> None:
    health.component("pages", Cache(), rule=False)
    health.rule("pages", actions)
    with pytest.raises(ConfigError, match=told):
        health.start()


def test_what_is_no_part_is_refused_where_it_is_declared(health: HealthSystem) -> None:
    with pytest.raises(SalusError, match="is of no kind that Salus knows how to heal"):
        health.component("pages", object())
