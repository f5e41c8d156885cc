"""Self-healing from inside: what an application's own parts can do, and the check, actions and rule that follow.

An object that can do what one of these protocols says is watched and healed by
``health.component("templates-watcher", watcher)``. Beside a protocol's own members there are some that are used
where they are there; its docstring names them.
"""

from salus.components.adapters import LruCache, SqlAlchemyPool, ThreadLoop
from salus.components.cache import ClearableCache
from salus.components.connections import ConnectionPool
from salus.components.describe import KINDS, Description, describe
from salus.components.kind import ComponentKind, Deed, Facts, Reading, Verdict, moment, number
from salus.components.pipeline import BuildPipeline
from salus.components.registry import RefreshableRegistry
from salus.components.rules import default_rule
from salus.components.service import RestartableService
from salus.components.watcher import FileWatcher, ProbeFile
from salus.components.workers import WorkerPool

__all__ = [
    "KINDS",
    "BuildPipeline",
    "ClearableCache",
    "ComponentKind",
    "ConnectionPool",
    "Deed",
    "Description",
    "Facts",
    "FileWatcher",
    "LruCache",
    "ProbeFile",
    "Reading",
    "RefreshableRegistry",
    "RestartableService",
    "SqlAlchemyPool",
    "ThreadLoop",
    "Verdict",
    "WorkerPool",
    "default_rule",
    "describe",
    "moment",
    "number",
]
