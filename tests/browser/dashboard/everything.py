"""A real Salus in which there is everything that a page can show: each status, each state of an alert, each hold."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from tests.acceptance.salus_process import eventually
from tests.browser.dashboard.people import sign_in
from tests.browser.shop import Shop
from tests.browser.watched import Watch

LONG = "warehouse.europe-west-1.inventory-synchronisation-of-all-suppliers"
"""A name as long as people make them."""

_SERVICES = """\
  mailer: {process: {command: [sleep, "1000000"]}}
"""
_CHECKS = """\
  queue-depth:
    command:
      run: [sh, -c, "echo '1,204 letters wait, the oldest for 9 minutes | waiting=1204'; exit 1"]
      nagios: true
    interval: 1s
    description: "Letters that wait to be sent"
    tags: [mail]
  licence: {command: {run: [sh, -c, "echo the server of licences cannot be asked; exit 3"], nagios: true}, interval: 1s}
  backup:
    command: {run: [sh, -c, "echo the last backup is 31 hours old; exit 2"], nagios: true}
    interval: 1s
    critical: true
    tags: [storage]
  archive: {command: {run: [sh, -c, "exit 2"], nagios: true}, interval: 1s, tags: [storage]}
  exports: {command: {run: [sh, -c, "exit 2"], nagios: true}, interval: 1s, tags: [mail]}
  reports: {command: {run: [sh, -c, "exit 2"], nagios: true}, interval: 1s, tags: [mail]}
  import: {command: {run: [sh, -c, "exit 2"], nagios: true}, interval: 1s, tags: [storage]}
  caches: {command: {run: [sh, -c, "exit 1"], nagios: true}, interval: 1s, tags: [storage]}
  LONGNAME:
    command: {run: [sh, -c, "echo 'expected 12,000 articles of 40 suppliers, got 3'; exit 2"], nagios: true}
    interval: 1s
    tags: [warehouse]
  memory: {memory: {}, interval: 1s, tags: [host]}
""".replace("LONGNAME", LONG)
_RULES = """\
  backup: {mode: approve, actions: [{run: [sleep, "0.1"]}]}
  archive: {mode: approve, actions: [{run: [sleep, "0.1"]}]}
  exports: {recovery_timeout: 1h, actions: [log, {wait: 50m}], verify_timeout: 1s}
  reports: {recovery_timeout: 1h, actions: [log, {run: [sleep, "0.2"]}, {wait: 50m}], verify_timeout: 1s}
  import:
    {max_recovery_attempts: 1, cooldown_period: 1s, verify_timeout: 1s, actions: [log, {run: [sleep, "0.1"]}]}
  caches: {mode: observe, actions: [{run: [sleep, "0.1"]}]}
  seldom: {check: disk, enabled: false, actions: [log]}
"""
_ALERTS = """\
  group_wait: 0s
  channels:
    file: {file: {path: ./told.jsonl}}
    pager: {exec: {command: [sh, -c, "echo no such pager; exit 65"]}}
  rules:
    bad: {status: unhealthy, all_checks: true, for: 0s}
    sluggish: {status: degraded, all_checks: true, for: 0s}
"""
# In a window its checks are not healed: these tests must not depend on the hour in which they run.
_MAINTENANCE = """\
  nightly: {cron: "0 3 * * *", duration: 1h, checks: [memory], description: "Backups are written"}
"""
MORE = {
    "services": _SERVICES,
    "checks": _CHECKS,
    "rules": _RULES,
    "alerts": _ALERTS,
    "maintenance": _MAINTENANCE,
    "status_page": "  {title: Shop, components: {Website: web-http, Cart: cart-http}}\n",
}


class Everything(Shop):
    """The shop, and beside it everything that can be wrong."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, MORE)
        self._token = ""
        self._cookies: list[Any] = []

    def open(self) -> None:
        """Start it, and wait until there is everything."""
        super().open()
        self._token = self.token("admin", "root")
        self.kill("cart")
        self.post("/services/mailer/stop")
        self.post("/checks/database-up/pause", seconds=3600, reason="its address changes")
        self.post("/rules/web-up/disable")
        self.post("/silences", match='check="licence"', seconds=7200, comment="known to the vendor")
        self.post("/maintenance", services=["mailer"], seconds=3600, name="move", reason="the mailer moves")
        eventually(self._is_there, within=60, what="a shop with everything in it")
        for alert in self.get("/alerts?state=firing")["items"]:
            if alert["labels"].get("check") == "queue-depth":
                self.post(f"/alerts/{alert['id']}/ack", note="the mailer is on its way")
        said = [*self.salus.command, "announce", "Letters come late", "--component", "Website", "--impact", "minor"]
        subprocess.run([*said, "--config", str(self.salus.config)], check=True, timeout=30, capture_output=True)

    def _is_there(self) -> bool:
        by_check = {one["labels"].get("check") for one in self.get("/alerts?state=firing")["items"]}
        running = {one["check"] for one in self.get("/recoveries?running=true")["items"]}
        return bool(
            {"backup", "queue-depth", "import", "exports"} <= by_check
            and {"exports", "reports"} <= running
            and self.get("/rules/backup")["approval"]
            and self.get("/rules/archive")["approval"]
            and self.get("/rules/import")["exhausted_since"]
            and any(one["outcome"] == "recovered" for one in self.get("/recoveries?running=false")["items"])
            and self.get("/incidents")["items"]
            and self.get("/notifications/dead")["items"]
        )

    async def visit(self, watch: Watch, **how: Any) -> Page:
        """Return a page of an administrator, who typed the token once for all tests."""
        page = await watch.open(self.url, **how)
        if self._cookies:
            await page.context.add_cookies(self._cookies)
        else:
            await sign_in(page, self._token)
            self._cookies = [one for one in await page.context.cookies() if "session" in one["name"]]
        return page

    def pages(self) -> dict[str, str]:
        """Return where every page is, each kind of them with something on it."""
        alert = self.get("/alerts?state=firing")["items"][0]["id"]
        running = self.get("/recoveries?running=true")["items"][0]["id"]
        ended = next(
            one["id"] for one in self.get("/recoveries?running=false")["items"] if one["outcome"] == "recovered"
        )
        return {
            "overview": "",
            "overview-groups": "?group=tag&failing=1",
            "incidents": "incidents",
            "incident": f"incidents/{self.get('/incidents')['items'][0]['id']}",
            "recoveries": "recoveries",
            "recovery": f"recoveries/{ended}",
            "recovery-running": f"recoveries/{running}",
            "alerts": "alerts",
            "alerts-ended": "alerts?tab=ended",
            "alerts-silences": "alerts?tab=silences&match=level%3Dwarning",
            "alerts-channels": "alerts?tab=channels",
            "alert": f"alerts/{alert}",
            "services": "services",
            "service": "services/cart",
            "service-stopped": "services/mailer",
            "rules": "rules",
            "rule": "rules/backup",
            "rule-off": "rules/web-up",
            "rule-exhausted": "rules/import",
            "dependencies": "dependencies",
            "maintenance": "maintenance",
            "statistics": "statistics",
            "system": "system",
            "audit": "audit",
            "audit-events": "audit?tab=events",
            "tokens": "tokens",
            "check": "checks/cart-http",
            "check-unhealthy": "checks/backup",
            "check-unknown": "checks/licence",
            "check-paused": "checks/database-up",
            "check-healing": "checks/reports",
            "check-long": f"checks/{LONG}",
        }

    def get(self, path: str) -> Any:
        """Ask the API."""
        return self._ask(path, None)

    def post(self, path: str, **body: Any) -> Any:
        """Have the API do something."""
        return self._ask(path, body)

    def _ask(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
