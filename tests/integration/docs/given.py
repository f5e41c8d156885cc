"""What a page takes for granted: the config around the part that it shows, variables, and secrets in files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_URL = {"http": {"url": "http://127.0.0.1:8000/"}}
_WEB = {"command": {"start": ["web"], "stop": ["web"]}}


@dataclass(frozen=True, slots=True)
class Given:
    """What stands around the blocks of a page.

    Attributes:
        checks: those that a block does not define itself.
        services: those that a block does not define itself.
        variables: of the environment.
        files: name, below the folder of the page, to content.
        moved: paths on the page to names of these files.
    """

    checks: Mapping[str, Any] = field(default_factory=dict)
    services: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    moved: Mapping[str, str] = field(default_factory=dict)


GIVEN: Mapping[str, Given] = {
    "docs/how-to/be-watched.md": Given(
        variables={"PING_URL": "https://hc-ping.com/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"}
    ),
    "docs/how-to/check-brokers-and-grpc.md": Given(
        files={f"secrets/{name}": "opens" for name in ("rabbitmq", "nats", "mqtt")},
        moved={"/run/secrets": "secrets"},
    ),
    "docs/how-to/check-other-systems.md": Given(
        files={f"secrets/{name}": "opens" for name in ("database", "live-token", "mail", "redis")},
        moved={"/run/secrets": "secrets"},
    ),
    "docs/how-to/frameworks.md": Given(
        files={
            "shop/__init__.py": "",
            "shop/settings.py": """
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "salus.integrations.django"]
SALUS = "shop.health.health"
SECRET_KEY = "read by nobody"
USE_TZ = True
""",
        },
        variables={"DJANGO_SETTINGS_MODULE": "shop.settings"},
    ),
    "docs/how-to/heal-what-prometheus-sees.md": Given(
        files={"prometheus-token": "a-token-that-nobody-guesses"},
        moved={"/etc/salus/prometheus-token": "prometheus-token"},
    ),
    "docs/how-to/maintenance-pauses-approvals.md": Given(
        checks={"db-up": {"process": {"service": "db"}, "service": "db"}},
        services={"db": {"process": {"command": ["/usr/bin/db"]}}},
    ),
    "docs/how-to/migrate-from-monit.md": Given(
        variables={"MAIL_PASSWORD": "opens"},
        moved={"/usr/local/bin/backup-age": "/bin/true", "/usr/local/bin/wake-app": "/bin/true"},  # must be there
    ),
    "docs/how-to/notifications.md": Given(
        checks={
            "web-http": {**_URL, "service": "web", "tags": ["web"]},
            "disk": {"disk": {"path": "/"}},
            "worker-memory": "memory",
        },
        services={"web": _WEB},
        variables={
            "OPS_WEBHOOK": "https://hooks.example.org/ops",
            "SLACK_URL": "https://hooks.slack.com/services/T/B/x",
        },
        files={
            "secrets/slack-url": "https://hooks.slack.com/services/T/B/x",
            "secrets/slack-url-web": "https://hooks.slack.com/services/T/B/y",
            "secrets/pagerduty-key": "0123456789abcdef0123456789abcdef",
            "secrets/ntfy-url": "ntfy://a-topic-that-nobody-guesses",
            "secrets/ops-webhook": "signs",
            "secrets/mail-password": "opens",
        },
        moved={"/run/secrets": "secrets"},
    ),
    "docs/how-to/public-status-page.md": Given(
        checks={
            "web-http": "memory",
            "web-login": "memory",
            "search-es": "memory",
            "pay": {"memory": None, "tags": ["payment"]},
        },
    ),
    "docs/how-to/write-an-action.md": Given(checks={"app": {**_URL, "service": "app"}}, services={"app": _WEB}),
    "docs/reference/conditions.md": Given(
        checks={
            "worker": {"process": {"service": "worker"}, "service": "worker"},
            "balancer": {**_URL, "service": "balancer"},
            **{f"replica-{number}": _URL for number in (1, 2, 3)},
        },
        services={"worker": {"process": {"command": ["/usr/bin/worker"]}}, "balancer": _WEB},
    ),
    "docs/tutorial/library.md": Given(variables={"SLACK_URL": "https://hooks.slack.com/services/T/B/x"}),
}
"""By page. A page that is not here shows whole configs."""
