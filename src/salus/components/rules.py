"""When to act on what, unless an application says otherwise: the default rules, as ``HealthSystem.rule`` takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from os import PathLike, fspath
from typing import Any

from salus.errors import NotFoundError
from salus.model import Json


def rule(*rungs: Json, fails: int, timeout: str, cooldown: str, attempts: int, **more: Json) -> dict[str, Any]:
    """Spell a rule: fails so often before acting, then these rungs within the timeout, and so on."""
    return {
        "min_failure_count": fails,
        "recovery_timeout": timeout,
        "cooldown_period": cooldown,
        "max_recovery_attempts": attempts,
        "actions": ["log", *rungs],
        **more,
    }


# What comes first here cures one fault of several, and at once: where it does not, the next must not wait long.
BUILD_PIPELINE = rule(
    "clear_build_cache",
    "restart_pipeline",
    {"wait": "5s"},
    fails=2,
    timeout="45s",
    cooldown="3m",
    attempts=3,
    verify_timeout="3s",
)
CLEARABLE_CACHE = rule("clear_cache", {"wait": "1s"}, fails=2, timeout="15s", cooldown="2m", attempts=3)
CONNECTION_POOL = rule(
    "reset_pool", {"wait": "2s"}, fails=3, timeout="20s", cooldown="2m", attempts=3, trigger_on="unhealthy"
)
FILE_WATCHER = rule("restart_file_watcher", {"wait": "3s"}, fails=1, timeout="20s", cooldown="2m", attempts=2)
REFRESHABLE_REGISTRY = rule(
    "refresh_component_registry", {"wait": "3s"}, fails=2, timeout="30s", cooldown="5m", attempts=2
)
RESTARTABLE_SERVICE = rule("restart_component", {"wait": "2s"}, fails=1, timeout="30s", cooldown="1m", attempts=3)
WORKER_POOL = rule(
    "restart_dead_workers",
    "restart_worker_pool",
    {"wait": "2s"},
    fails=2,
    timeout="30s",
    cooldown="2m",
    attempts=3,
    verify_timeout="3s",
)

_HOST: Mapping[str, Mapping[str, Any]] = {
    "memory": rule("garbage_collect", {"wait": "5s"}, fails=2, timeout="30s", cooldown="5m", attempts=3),
    "threads": rule("garbage_collect", "dump_stacks", fails=3, timeout="20s", cooldown="10m", attempts=2),
}


def default_rule(
    name: str, *, folders: Sequence[str | PathLike[str]] = (), older_than: str = "1h", **changes: Json
) -> dict[str, Any]:
    """Return the default rule for what is no component: ``memory``, ``filesystem``, or ``threads`` (and tasks).

    ``health.rule("memory", **default_rule("memory", cooldown_period="1m"))``

    Args:
        name: which of them.
        folders: of the filesystem's: what may be cleaned of old files.
        older_than: how old these files must be.
        changes: keys of the rule that are to be otherwise.

    Raises:
        NotFoundError: there is none of that name.
        ValueError: no folders were named for the filesystem.
    """
    if name == "filesystem":
        if not folders:
            raise ValueError("default_rule('filesystem') needs folders=[...]: Salus cleans no folder that nobody named")
        clean: Json = {"clean_temporary_files": {"folders": [fspath(one) for one in folders], "older_than": older_than}}
        made = rule(clean, {"wait": "2s"}, fails=1, timeout="15s", cooldown="2m", attempts=2)
    elif name in _HOST:
        made = deepcopy(dict(_HOST[name]))  # whoever changes it, changes his own
    else:
        known = ", ".join(sorted((*_HOST, "filesystem")))
        raise NotFoundError(f"there is no default rule {name!r}", remedy=f"there are: {known}")
    return {**made, **changes}
