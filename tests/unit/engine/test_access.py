from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest

from salus.engine.access import MOST, TokenBook
from salus.errors import ConflictError, NotFoundError, StoreUnreadableError
from salus.model import EventKind, Memo, Role
from tests.fake_agent import FixedClock


class Book:
    """A book of tokens, with everything it said and remembered."""

    def __init__(self, memos: dict[str, object] | None = None) -> None:
        self.clock = FixedClock()
        self.told: list[tuple[EventKind, str]] = []
        self.rows: dict[str, Memo] = {}
        self.commits = 0
        self.book = TokenBook(self.clock, self._tell, self._keep, self._commit)
        self.book.load(memos or {})  # type: ignore[arg-type]

    def _tell(self, kind: EventKind, *, message: str = "", **about: object) -> None:
        self.told.append((kind, message))

    def _keep(self, memo: Memo) -> None:
        self.rows[memo.key] = memo

    async def _commit(self) -> bool:
        self.commits += 1
        return True

    def memos(self) -> dict[str, object]:
        return {key: row.value for key, row in self.rows.items() if row.value is not None}


async def test_a_token_is_known_again_by_its_text_also_after_a_restart() -> None:
    first = Book()
    token, text = await first.book.create("deploy", Role.OPERATOR, 3600, by="olaf")
    assert text.reveal().startswith(f"salus_{token.id}_")
    assert first.commits == 1
    again = Book(json.loads(msgspec.json.encode(first.memos())))
    found = again.book.known(text.reveal())
    assert found is not None
    assert (found.name, found.role, found.by) == ("deploy", Role.OPERATOR, "olaf")


async def test_the_secret_is_remembered_nowhere() -> None:
    book = Book()
    _, text = await book.book.create("deploy", Role.OPERATOR, None, by="olaf")
    secret = text.reveal().split("_", 2)[2]
    assert secret not in str(book.memos())
    assert secret not in str(book.told)
    assert str(text) == "***"


async def test_what_is_not_quite_the_token_is_not_known() -> None:
    book = Book()
    token, text = await book.book.create("deploy", Role.OPERATOR, None)
    good = text.reveal()
    other = (await book.book.create("other", Role.ADMIN, None))[1].reveal()
    swapped = f"salus_{token.id}_{other.split('_', 2)[2]}"
    for wrong in (
        "", "salus", "salus_", f"salus_{token.id}_", f"salus_{token.id}", good[:-1], good + "x", good.upper(),
        good.replace("salus", "sales"), swapped, "salus_00000000_" + good.split("_", 2)[2], "\ud800", "x" * 100_000,
    ):  # fmt: skip
        assert book.book.known(wrong) is None, wrong[:100]
    assert book.book.known(good)


async def test_an_expired_token_is_not_known_and_still_listed() -> None:
    book = Book()
    token, text = await book.book.create("deploy", Role.OPERATOR, 60)
    book.clock.at += timedelta(seconds=59)
    assert book.book.known(text.reveal())
    assert book.book.valid(token.id)
    book.clock.at += timedelta(seconds=1)
    assert book.book.known(text.reveal()) is None
    assert book.book.valid(token.id) is None
    assert [one.name for one in book.book.tokens()] == ["deploy"]


@pytest.mark.parametrize("by_name", [True, False])
async def test_a_revoked_token_is_forgotten_at_once_and_for_good(by_name: bool) -> None:
    book = Book()
    token, text = await book.book.create("deploy", Role.OPERATOR, None)
    await book.book.revoke("deploy" if by_name else token.id, by="olaf")
    assert book.book.known(text.reveal()) is None
    assert book.book.valid(token.id) is None
    assert book.memos() == {}
    assert book.commits == 2
    assert [kind for kind, _ in book.told] == [EventKind.TOKEN_CREATED, EventKind.TOKEN_REVOKED]
    assert "by olaf" in book.told[1][1]
    with pytest.raises(NotFoundError):
        await book.book.revoke("deploy")


async def test_a_use_is_remembered_once_an_hour() -> None:
    book = Book()
    token, text = await book.book.create("deploy", Role.VIEWER, None)
    first = book.clock.at
    for minutes in (0, 30, 59):
        book.clock.at = first + timedelta(minutes=minutes)
        assert book.book.known(text.reveal())
    assert book.book.tokens()[0].used_at == first
    book.clock.at = first + timedelta(minutes=61)
    assert book.book.valid(token.id)
    assert book.book.tokens()[0].used_at == book.clock.at


async def test_a_name_stands_for_one_token_and_there_are_not_too_many() -> None:
    book = Book()
    await book.book.create("deploy", Role.VIEWER, None)
    with pytest.raises(ConflictError, match="already"):
        await book.book.create("deploy", Role.ADMIN, None)
    for number in range(MOST - 1):
        await book.book.create(f"more-{number}", Role.VIEWER, None)
    with pytest.raises(ConflictError, match="tokens already"):
        await book.book.create("one-more", Role.VIEWER, None)


def test_a_row_that_is_not_understood_lets_nobody_in() -> None:
    with pytest.raises(StoreUnreadableError):
        Book({"token:aa": {"id": "aa", "role": "emperor"}})


def test_each_role_may_do_what_those_before_it_may() -> None:
    allowed = {(role, needed) for role in Role for needed in Role if role.may(needed)}
    assert allowed == {
        (Role.VIEWER, Role.VIEWER),
        (Role.OPERATOR, Role.VIEWER),
        (Role.OPERATOR, Role.OPERATOR),
        (Role.ADMIN, Role.VIEWER),
        (Role.ADMIN, Role.OPERATOR),
        (Role.ADMIN, Role.ADMIN),
    }
