"""From a letter to a mail: headers that mail programs thread by, plain text, and a little HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from hashlib import sha256
from html import escape
from urllib.parse import urlsplit

from salus.channels._urgency import gravity, urgency
from salus.channels._words import clean, lines, overview, page, title
from salus.model import AlertState, Level, Notification
from salus.ports import Letter

_ATOM = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_COLOURS = {Level.CRITICAL: "#d32f2f", Level.WARNING: "#d98200", Level.INFO: "#1e88e5"}
_ACKNOWLEDGED, _RESOLVED = "#7e6bc4", "#2e9d44"
_BODY = "margin:0;padding:16px;font-family:system-ui,-apple-system,'Segoe UI',sans-serif;font-size:15px;line-height:1.5"
_LIST = "margin:0 0 12px;padding-left:20px"


def compose(letter: Letter, sender: str, to: Sequence[str], reply_to: str, now: datetime) -> EmailMessage:
    """Write the mail.

    Its ``Message-ID`` is made of the notification's id, so every try sends the same mail. ``References`` and
    ``In-Reply-To`` are made of the notification's key: all that is told under one key becomes one thread.

    Args:
        letter: what to tell.
        sender: address, perhaps with a name.
        to: addresses likewise.
        reply_to: address likewise, or an empty string.
        now: the time of sending.
    """
    told = letter.notification
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = title(letter)
    mail["From"] = address(sender)
    mail["To"] = tuple(address(each) for each in to)
    if reply_to:
        mail["Reply-To"] = address(reply_to)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{_local(told.id)}@{mail_host(told.host)}>"
    mail["In-Reply-To"] = mail["References"] = f"<{_hashed(told.key)}@{mail_host(told.host)}>"
    mail["Auto-Submitted"] = "auto-generated"
    for name, value in _facts(told).items():
        mail[f"X-Salus-{name}"] = clean(value, 60)
    # Quoted-printable: lines of any length arrive whole, on every server, and can still be read in the raw.
    mail.set_content("\n".join(lines(letter)) + "\n", cte="quoted-printable")
    mail.add_alternative(_page(letter), subtype="html", cte="quoted-printable")
    return mail


def mail_host(host: str) -> str:
    """Return the host as it may stand in a ``Message-ID`` and in ``EHLO``; ``localhost`` where it cannot."""
    return host if len(host) <= 36 and _ATOM.fullmatch(host) else "localhost"


def addresses(text: str) -> list[Address]:
    """Read the addresses in a text, each perhaps with a name; what is none is missing from the list."""
    found = []
    for name, spec in getaddresses([text]):
        local, _, domain = spec.rpartition("@")
        if local and domain and not re.search(r'[\s<>"]', spec):
            found.append(Address(clean(name, 100), local, domain))
    return found


def address(text: str) -> Address:
    """Read a text that is one address."""
    return addresses(text)[0]


def _facts(told: Notification) -> dict[str, str]:
    """Return what people filter their mail by."""
    return {
        "State": told.state.value,
        "Level": gravity(told).value,
        "Occasion": told.occasion.value,
        "Notification": told.id,
        "Key": told.key,
        "Host": told.host,
        "Environment": told.environment,
    }


def _local(identity: str) -> str:
    """Return what can stand before the ``@`` of a ``Message-ID``, and is short enough never to be folded."""
    return identity if len(identity) <= 36 and _ATOM.fullmatch(identity) else _hashed(identity)


def _hashed(text: str) -> str:
    return sha256(text.encode(errors="backslashreplace")).hexdigest()[:24]


# ── HTML: inline styles, nothing from elsewhere, and no colours that a dark mode would have to undo ───────────────────


def _page(letter: Letter) -> str:
    told = letter.notification
    *story, signature = lines(letter)
    links = _links(told)
    body = "\n".join(_paragraph(part, links) for part in _parts(story))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="color-scheme" content="light dark"></head>\n'
        f'<body style="{_BODY}">\n'
        f'<div style="max-width:40em;border-left:4px solid {_colour(told)};padding-left:16px">\n'
        f'<h1 style="font-size:18px;line-height:1.3;margin:0 0 12px">{escape(title(letter))}</h1>\n{body}\n'
        f'<p style="margin:0;font-size:13px;opacity:0.7">{escape(signature)}</p>\n</div>\n</body></html>\n'
    )


def _colour(told: Notification) -> str:
    level = urgency(told)
    if told.state is AlertState.ACKNOWLEDGED:
        return _ACKNOWLEDGED
    if told.state is AlertState.RESOLVED and level is None:
        return _RESOLVED
    return _COLOURS[level or Level.INFO]


def _parts(story: Sequence[str]) -> list[list[str]]:
    """Part lines into paragraphs, and what introduces a list from the list."""
    parts: list[list[str]] = [[]]
    listed = False
    for line in story:
        if not line or _is_entry(line) != listed:
            parts.append([])
        listed = _is_entry(line)
        parts[-1] += [line] if line else []
    return [part for part in parts if part]


def _is_entry(line: str) -> bool:
    return line.startswith(("- ", "  "))


def _paragraph(part: Sequence[str], links: frozenset[str]) -> str:
    if _is_entry(part[0]):
        entries = "".join(f"\n<li>{escape(line[2:])}</li>" for line in part)
        return f'<ul style="{_LIST}">{entries}\n</ul>'
    return f'<p style="margin:0 0 12px">{"<br>".join(_linked(line, links) for line in part)}</p>'


def _linked(line: str, links: frozenset[str]) -> str:
    """Escape a line; where it ends in one of our links, make it one."""
    label, _, target = line.partition(": ")
    if target not in links:
        return escape(line)
    return f'{escape(label)}: <a href="{escape(target)}">{escape(target)}</a>'


def _links(told: Notification) -> frozenset[str]:
    """Return the links that a person configured: nothing that a check said becomes one."""
    found = {overview(told)}
    for alert in told.alerts:
        found |= {page(told, alert), alert.runbook}
    shown = (clean(link, 2000) for link in found)
    return frozenset(link for link in shown if urlsplit(link).scheme in ("http", "https"))
