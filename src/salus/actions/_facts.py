"""What an action may say about the failing check: the words of its templates and of its environment."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping

from salus.model import Json, Observation
from salus.ports import Scene

WORDS = ("attempt", "attempts", "check", "message", "recovery", "rule", "service", "status")
"""What may stand in braces in a template."""

_WORD = re.compile(r"\{(\w+)\}")
_LONGEST = 2000


def words(scene: Scene) -> dict[str, str]:
    """Return what each word of a template stands for."""
    observation = scene.observation or scene.plan.trigger
    return {
        "attempt": str(scene.plan.attempt),
        "attempts": str(scene.plan.rule.max_recovery_attempts),
        "check": scene.check.name,
        "message": one_line(observation.message) if observation else "",
        "recovery": scene.plan.id,
        "rule": scene.plan.rule.name,
        "service": scene.check.service or "",
        "status": observation.status.value if observation else "unknown",
    }


def fill(template: str, known: Mapping[str, str], quote: Callable[[str], str] = str) -> str:
    """Put words in their places: ``{check}`` and so on. Other braces stay as they are, so JSON can be a template."""
    return _WORD.sub(lambda found: quote(known[found[1]]) if found[1] in known else found[0], template)


def unknown_words(template: str) -> list[str]:
    """Say which words in braces nobody knows, each with what was perhaps meant."""
    complaints = []
    for word in dict.fromkeys(_WORD.findall(template)):
        if word not in WORDS:
            near = difflib.get_close_matches(word, WORDS, 1)
            hint = f"did you mean {{{near[0]}}}?" if near else f"known are {', '.join(f'{{{w}}}' for w in WORDS)}"
            complaints.append(f"{{{word}}} stands for nothing: {hint}")
    return complaints


def facts(scene: Scene) -> dict[str, Json]:
    """Return all that is known about the failing check, for programs that want it as JSON."""
    observation = scene.observation or scene.plan.trigger
    status = scene.service.status if scene.service else None
    return {
        "check": scene.check.name,
        "kind": scene.check.kind,
        "tags": [*scene.check.tags],
        "rule": scene.plan.rule.name,
        "recovery": scene.plan.id,
        "attempt": scene.plan.attempt,
        "attempts": scene.plan.rule.max_recovery_attempts,
        "manual": scene.plan.manual,
        "service": scene.check.service,
        "pid": status.pid if status else None,
        "observation": _seen(observation) if observation else None,
    }


def _seen(observation: Observation) -> dict[str, Json]:
    return {
        "status": observation.status.value,
        "message": observation.message,
        "at": observation.at.isoformat(),
        "duration": observation.duration,
        "metrics": {name: {"value": value, "unit": unit} for name, (value, unit) in observation.metrics.items()},
        "metadata": dict(observation.metadata),
    }


def variables(scene: Scene) -> dict[str, str]:
    """Return the failing check as environment variables, each safe and bounded."""
    known = words(scene)
    found = {
        "SALUS_CHECK": known["check"],
        "SALUS_STATUS": known["status"],
        "SALUS_MESSAGE": known["message"],
        "SALUS_RULE": known["rule"],
        "SALUS_RECOVERY": known["recovery"],
        "SALUS_ATTEMPT": known["attempt"],
    }
    if scene.service:
        status = scene.service.status
        found["SALUS_SERVICE"] = status.name
        if status.pid is not None:
            found["SALUS_PID"] = str(status.pid)
    if observation := scene.observation or scene.plan.trigger:
        for name, metric in observation.metrics.items():
            found[f"SALUS_METRIC_{re.sub(r'[^A-Z0-9_]', '_', name.upper())}"] = f"{metric.value:.15g}"
    return found


def one_line(text: str) -> str:
    """Make one printable line of anything, so that nobody can write a second log line or a control character."""
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    if shown.isprintable():
        return shown
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "\ufffd" for letter in shown)
