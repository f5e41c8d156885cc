"""YAML on our pages that others read: judged as far as it can be without them, and by them where they are here."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from salus.surfaces.health import PROBES

_PROMETHEUS = frozenset({"global", "rule_files", "scrape_configs", "alerting", "remote_write", "scrape_config_files"})
_ALERTMANAGER = frozenset({"global", "route", "receivers", "inhibit_rules", "time_intervals", "templates"})
_ASKED = ("livenessProbe", "readinessProbe", "startupProbe")


def prometheus(text: str, folder: Path) -> None:
    """Judge a config of a Prometheus."""
    tree = _tree(text)
    assert set(tree) <= _PROMETHEUS, f"a Prometheus knows nothing of {set(tree) - _PROMETHEUS}"
    assert all(job.get("job_name") for job in tree.get("scrape_configs", ())), "a job needs its job_name"
    if "alert_relabel_configs" in text and _promtool_is() < (2, 51):
        return
    _promtool("config", "--syntax-only", text=text, folder=folder)


def prometheus_rules(text: str, folder: Path) -> None:
    """Judge rules of a Prometheus."""
    tree = _tree(text)
    assert set(tree) == {"groups"}
    for group in tree["groups"]:
        assert group["name"]
        assert all({"alert", "expr"} <= set(rule) or {"record", "expr"} <= set(rule) for rule in group["rules"])
    _promtool("rules", text=text, folder=folder)


def alertmanager(text: str, _folder: Path) -> None:
    """Judge a config of an Alertmanager: every receiver of a route is one."""
    tree = _tree(text)
    assert set(tree) <= _ALERTMANAGER, f"an Alertmanager knows nothing of {set(tree) - _ALERTMANAGER}"
    routes, receivers = [tree["route"]], {receiver["name"] for receiver in tree["receivers"]}
    for route in routes:
        routes.extend(route.get("routes", ()))
        assert route.get("receiver", tree["route"]["receiver"]) in receivers


def kubernetes(text: str, _folder: Path) -> None:
    """Judge objects of Kubernetes, or a part of one: what it probes is a path of ours."""
    for tree in yaml.safe_load_all(text):
        if "apiVersion" in tree or "kind" in tree:
            assert {"apiVersion", "kind", "metadata"} <= set(tree)
            assert tree["metadata"]["name"]
        for probe in _found(tree, _ASKED):
            assert set(probe) & {"httpGet", "exec", "grpc", "tcpSocket"}, f"{probe} asks nobody"
            if path := probe.get("httpGet", {}).get("path"):
                assert path.partition("?")[0] in PROBES, f"{path} is no path of ours"


def github(text: str, _folder: Path) -> None:
    """Judge a workflow of GitHub."""
    tree = _tree(text)
    assert tree.get("jobs"), "a workflow has jobs"
    for job in tree["jobs"].values():
        assert job["runs-on"]
        assert all({"uses", "run"} & set(step) for step in job["steps"])


def compose(text: str, _folder: Path) -> None:
    """Judge a file of Docker Compose."""
    tree = _tree(text)
    assert all({"image", "build"} & set(service) for service in tree["services"].values())


KINDS: Mapping[str, Callable[[str, Path], None]] = {
    "prometheus": prometheus,
    "prometheus rules": prometheus_rules,
    "alertmanager": alertmanager,
    "kubernetes": kubernetes,
    "github": github,
    "compose": compose,
}
"""By the mark that a page sets above such a block."""


def _tree(text: str) -> dict[str, Any]:
    tree = yaml.safe_load(text)
    assert isinstance(tree, dict), "expected a mapping"
    return tree


def _found(tree: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    if isinstance(tree, list):
        return [probe for item in tree for probe in _found(item, names)]
    if not isinstance(tree, dict):
        return []
    own = [tree[name] for name in names if name in tree]
    return own + [probe for item in tree.values() for probe in _found(item, names)]


def _promtool_is() -> tuple[int, ...]:
    """Return the version of the Prometheus that is here."""
    program = shutil.which("promtool")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout if program else ""
    found = re.search(r"version (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else ()


def _promtool(what: str, *options: str, text: str, folder: Path) -> None:
    if (program := shutil.which("promtool")) is None:
        return
    path = folder / f"judged-{what}.yml"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [program, "check", what, *options, str(path)], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
