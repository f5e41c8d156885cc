"""A mail is valid whatever stands in it, and nobody can write a header or markup of ours."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.channels._mail import _page, address, addresses, compose
from salus.channels.email import Email
from salus.model import AlertState, Occasion
from salus.secret import Secret
from tests import letters, mails

HEADERS = [
    *("Subject", "From", "To", "Reply-To", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"),
    *("X-Salus-State", "X-Salus-Level", "X-Salus-Occasion", "X-Salus-Notification", "X-Salus-Key", "X-Salus-Host"),
    *("X-Salus-Environment", "MIME-Version", "Content-Type"),
]
hostile = st.text(max_size=200) | st.sampled_from(
    [
        "a\r\nBcc: victim@example.org\r\n\r\nforged",
        "\ud800half a pair",
        "x" * 5000,
        "é" * 400,
        "=?utf-8?q?encoded?=",
        "<script src=//evil.example></script><img src=x onerror=y>",
        'Runbook: https://evil.example/"onclick="x',
        ".\r\n.\r\nQUIT",
        "",
    ]
)


class _Tags(HTMLParser):
    """Lists the tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name == "href"}


@given(text=hostile, other=hostile, identity=hostile, several=st.booleans())
def test_whatever_a_check_says_the_mail_is_valid(text: str, other: str, identity: str, several: bool) -> None:
    alert = replace(letters.WEB, summary=text, detail=other, check=text, rule=other, labels={"a": text}, runbook=other)
    told = replace(
        letters.firing().notification,
        alerts=(alert, replace(alert, summary=other)) if several else (alert,),
        group={"a": text},
        id=identity,
        key=identity,
        host=other,
        environment=text,
        channel=text,
        link="https://salus.example.org",
    )
    letter = replace(letters.firing(), notification=told)
    made = compose(letter, "Salus <salus@example.org>", ["Ops é <ops@example.org>"], "x@example.org", letters.BEGAN)
    raw = made.as_bytes()
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    mail = message_from_bytes(raw, policy=default)
    assert isinstance(mail, EmailMessage)
    assert list(mail.keys()) == HEADERS
    assert not mail.defects
    assert mail["Message-ID"].count("@") == 1
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    mails.text(mail).encode()
    shown = _Tags(mails.page(mail))
    assert shown.tags <= {"html", "head", "meta", "body", "div", "h1", "p", "br", "ul", "li", "a"}
    assert shown.attributes <= {"lang", "charset", "name", "content", "style", "href"}
    assert all(link.startswith(("https://", "http://")) for link in shown.links)


@given(text=hostile)
def test_what_reads_as_one_address_can_stand_in_a_header(text: str) -> None:
    if len(addresses(text)) == 1 and text.isprintable():
        letter = letters.firing()
        compose(letter, text, [text], text, letters.BEGAN).as_bytes()


def test_an_identity_is_the_same_at_every_try_and_differs_from_any_other() -> None:
    def identity(id_: str) -> Any:
        letter = letters.firing()
        told = replace(letter.notification, id=id_)
        return compose(replace(letter, notification=told), "a@b.c", ["a@b.c"], "", letters.BEGAN)["Message-ID"]

    assert identity("x y") == identity("x y") != identity("x z")
    assert identity("x" * 100 + "a") != identity("x" * 100 + "b")


def test_the_colour_says_how_urgent_it_is() -> None:
    ended = replace(letters.WEB, state=AlertState.RESOLVED)
    pages = {
        name: _page(letter)
        for name, letter in {
            "critical": letters.firing(),
            "warning": letters.reminder(),
            "acknowledged": letters.acknowledged(),
            "resolved": letters.letter(Occasion.RESOLVED, ended),
            "no duration": letters.letter(Occasion.RESOLVED, replace(ended, moment=True)),
            "test": letters.trial(),
        }.items()
    }
    colours = {name: page.partition("border-left:4px solid ")[2][:7] for name, page in pages.items()}
    assert colours.pop("no duration") == colours["critical"]
    assert len(set(colours.values())) == len(colours)


def test_addresses_are_read_with_their_names() -> None:
    assert str(address("Ops <ops@example.org>")) == "Ops <ops@example.org>"
    assert address("ops@example.org").addr_spec == "ops@example.org"
    assert addresses("nobody") == addresses("<>") == addresses("a b@example.org\n") == []


def email(**options: Any) -> Email:
    return Email(**{"host": "mail.example.org", "sender": "a@example.org", "to": ("b@example.org",)} | options)


@pytest.mark.parametrize(
    "field, options",
    [
        ("host", {"host": ""}),
        ("host", {"host": "mail.example.org\r\nX"}),
        ("from", {"sender": "nobody"}),
        ("from", {"sender": "a@example.org, b@example.org"}),
        ("from", {"sender": "a@example.org\r\nBcc: c@example.org"}),
        ("to", {"to": ()}),
        ("to", {"to": ("b@example.org", "nobody")}),
        ("reply_to", {"reply_to": "nobody"}),
        ("username", {"username": Secret("a")}),
        ("username", {"password": Secret("a")}),
        ("security", {"username": Secret("a"), "password": Secret("b"), "security": "none"}),
    ],
)
def test_what_cannot_work_is_found_before_it_is_used(field: str, options: dict[str, Any]) -> None:
    assert [found for found, _ in email(**options).problems()] == [field]


def test_a_password_may_travel_in_the_clear_within_this_machine_alone() -> None:
    assert email(host="127.0.0.1", username=Secret("a"), password=Secret("b"), security="none").problems() == []
    assert email(username=Secret("a"), password=Secret("b")).problems() == []


def test_no_password_is_shown() -> None:
    assert "hunter2" not in repr(email(username=Secret("hunter2"), password=Secret("hunter2")))
