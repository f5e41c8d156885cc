"""How a person uses each form of the dashboard: where it is, what is filled in, and what one sees afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.browser.dashboard.everything import Everything


@dataclass(frozen=True)
class Use:
    """One form, used once.

    Attributes:
        page: where it stands; a function where that depends on what there is.
        form: CSS selector of the form; the first that fits is used.
        fields: name -> what is filled in, or chosen.
        says: what is said afterwards.
        then: CSS selector of a part that has changed.
        shows: what it shows by then.
        before: a form that has to be used first, such as a pause before it is ended.
    """

    page: str | Callable[[Everything], str]
    form: str
    says: str
    then: str = "main"
    shows: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    before: str = ""

    def where(self, everything: Everything) -> str:
        """Return the page it stands on."""
        return self.page if isinstance(self.page, str) else self.page(everything)


def shape(action: str) -> str:
    """Return where a form goes, without the names in it: ``/do/checks/web/run`` is ``checks/*/run``."""
    path = re.sub(r"^.*/health-dashboard/", "", action)
    if not path.startswith("do/"):
        return path
    parts = path.removeprefix("do/").split("/")
    return "/".join([parts[0], *("*" for _ in parts[1:2]), *parts[2:]])


def firing(check: str) -> Callable[[Everything], str]:
    """Return where an alert about a check is."""

    def found(everything: Everything) -> str:
        alerts = everything.get("/alerts?state=firing")["items"]
        return f"alerts/{next(one['id'] for one in alerts if one['labels'].get('check') == check)}"

    return found


def healing(check: str) -> Callable[[Everything], str]:
    """Return where the recovery is that runs for a check."""

    def found(everything: Everything) -> str:
        return f"recoveries/{everything.get(f'/recoveries?running=true&check={check}')['items'][0]['id']}"

    return found


def _post(end: str) -> str:
    return f"form[method=post][action$='{end}']"


USES = {
    "checks/*/run": Use("checks/memory", _post("/checks/memory/run"), "looked: healthy", "#look", "available"),
    "checks/*/pause": Use(
        "checks/disk",
        _post("/checks/disk/pause"),
        "paused until",
        "#head",
        "a new disk",
        {"seconds": "30m", "reason": "a new disk"},
    ),
    "checks/*/resume": Use(
        "checks/disk", _post("/checks/disk/resume"), "", "#head #pause summary", "Pause", before="checks/*/pause"
    ),
    "recoveries": Use("rules/web-http", _post("/do/recoveries"), "web-http:", "main", "recovered"),
    "recoveries/*/cancel": Use(healing("reports"), _post("/cancel"), "cancelled", "#outcome", "Called off"),
    "rules/*/mode": Use(
        "rules/cart-up",
        _post("/mode"),
        "is in the mode observe",
        "#head",
        "only says what it would do",
        {"mode": "observe"},
    ),
    "rules/*/disable": Use(
        "rules/cart-http", _post("/disable"), "is switched off", "#head", "A person has switched it off"
    ),
    "rules/*/enable": Use(
        "rules/cart-http",
        _post("/enable"),
        "is switched on",
        "#head",
        "acts by itself",
        before="rules/*/disable",
    ),
    "rules/*/reset": Use("rules/import", _post("/reset"), "starts again with all its attempts", "#head", "Heals"),
    "approvals/*/approve": Use("rules/archive", _post("/approve"), "done", "#head", "Heals", {"note": "looks right"}),
    "approvals/*/reject": Use("rules/backup", _post("/reject"), "done", "#head", "Heals", {"note": "not today"}),
    "services/*/stop": Use("services/web", _post("/stop"), "web is stopped", "#service-head", "kept stopped"),
    "services/*/start": Use(
        "services/web", _post("/start"), "web is running", "#service-head", "Running", before="services/*/stop"
    ),
    "services/*/restart": Use("services/cart", _post("/restart"), "cart is running", "#service-head", "Running"),
    "alerts/*/ack": Use(firing("import"), _post("/ack"), "acknowledged", "#alert-head", "acknowledged", {"note": "I"}),
    "alerts/*/resolve": Use(firing("exports"), _post("/resolve"), "resolved", "#alert-head", "resolved"),
    "silences": Use(
        "alerts?tab=silences&match=check%3Dcaches",
        _post("/do/silences"),
        'check="caches" is silenced until',
        "#silence-list",
        "known",
        {"seconds": "2h", "comment": "known"},
    ),
    "silences/*/expire": Use(
        "alerts?tab=silences", _post("/expire"), "has ended", "main", "Silences", before="silences"
    ),
    "channels/*/test": Use("alerts?tab=channels", _post("/channels/file/test"), "", "#channel-file", "Works"),
    "notifications/*/retry": Use("alerts?tab=channels", _post("/retry"), "is tried again", "main", "pager"),
    "maintenance": Use(
        "maintenance",
        _post("/do/maintenance"),
        "maintenance deploy is open until",
        "#windows",
        "deploy",
        {"services": "web", "seconds": "20m", "name": "deploy", "reason": "version 2"},
    ),
    "maintenance/*/end": Use("maintenance", "#window-deploy form", "deploy", "main", "Windows", before="maintenance"),
    "pause": Use(
        "maintenance", _post("/do/pause"), "paused until", "#held", "is paused", {"seconds": "1h", "reason": "a storm"}
    ),
    "resume": Use(
        "maintenance", _post("/do/resume"), "automatic recovery goes on", "#pause", "is not paused", before="pause"
    ),
    "reload": Use("system", _post("/do/reload"), "", "main", "Config in force"),
    "tokens": Use("tokens", _post("/do/tokens"), "made the token grafana", "#tokens", "grafana", {"name": "grafana"}),
    "tokens/*/revoke": Use("tokens", "#tokens tr:has-text('grafana') form", "is refused", before="tokens"),
    "theme": Use("", _post("/theme"), "", "html[data-theme=dark] h1", "Down"),
}
"""By where the form goes."""
