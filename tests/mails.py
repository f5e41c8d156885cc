"""Mails as a person reads them. ``python -m tests.mails`` writes the golden files anew, to be read before they stay."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from salus.channels._mail import compose
from tests import letters

GOLDEN = Path(__file__).parent / "golden" / "mails"
SORTS = ("firing", "healed", "acknowledged", "group", "late", "test")
_WRAPPING = ("Content-Type", "Content-Transfer-Encoding", "MIME-Version")


def as_read(mail: EmailMessage) -> str:
    """Return the headers and the plain text. The time of sending is the one thing that differs each time."""
    shown = {name: str(value) for name, value in mail.items() if name not in _WRAPPING} | {"Date": "(now)"}
    return "\n".join([*(f"{name}: {value}" for name, value in shown.items()), "", text(mail)])


def text(mail: EmailMessage) -> str:
    """Return the plain text."""
    return _part(mail, "plain")


def page(mail: EmailMessage) -> str:
    """Return the HTML."""
    return _part(mail, "html")


def _part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")


def main() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for sort in SORTS:
        made = compose(letters.LETTERS[sort](), "Salus <salus@example.org>", ["ops@example.org"], "", now=letters.BEGAN)
        mail = message_from_bytes(made.as_bytes(), policy=default)
        assert isinstance(mail, EmailMessage)
        (GOLDEN / f"{sort}.txt").write_text(as_read(mail), encoding="utf-8")
        (GOLDEN / f"{sort}.html").write_text(page(mail), encoding="utf-8")


if __name__ == "__main__":
    main()
