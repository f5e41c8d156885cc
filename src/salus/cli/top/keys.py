"""What is typed: bytes become keys, and a key changes what is looked at, or asks for a deed. Pure."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias
from urllib.parse import quote

from salus.cli.top.picture import Picture
from salus.cli.top.rows import Cursor, Row, Section, Sieve, alert_of, rows, rule_of

_LONGEST_SEARCH = 100
_ALL = 1 << 30
_SEQUENCES = {
    "[A": "up",
    "OA": "up",
    "[B": "down",
    "OB": "down",
    "[5~": "pgup",
    "[6~": "pgdn",
    "[H": "home",
    "OH": "home",
    "[1~": "home",
    "[7~": "home",
    "[F": "end",
    "OF": "end",
    "[4~": "end",
    "[8~": "end",
    "[Z": "backtab",
    "OM": "enter",
}
_SIGNS = {"\t": "tab", "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x15": "clear"}
_MOVES = {"up": -1, "k": -1, "down": 1, "j": 1, "home": -_ALL, "end": _ALL}


class Decoder:
    """Turns what a terminal sends into keys; what has come in part waits for the rest."""

    def __init__(self) -> None:
        """Nothing has come."""
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    @property
    def waiting(self) -> bool:
        """Tell whether something has come in part: the rest comes at once, or it was Escape itself."""
        return bool(self._begun)

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that are complete."""
        self._begun += self._text.decode(data)
        found: list[str] = []
        while self._begun:
            key, length = _first(self._begun)
            if not length:
                break
            self._begun = self._begun[length:]
            if key:
                found.append(key)
        return found

    def flush(self) -> list[str]:
        """Return what had come in part: nothing more of it comes."""
        begun, self._begun = self._begun, ""
        return ["esc"] if begun else []


def _first(text: str) -> tuple[str, int]:
    """Return the first key and its length; no length where it is not complete, no key where it means nothing here."""
    if text[0] != "\x1b":
        key = _SIGNS.get(text[0], text[0])
        return key if key.isprintable() else "", 1
    if len(text) == 1 or (text[1] in "[O" and len(text) == 2):
        return "", 0
    if text[1] not in "[O":
        return "esc", 1
    if text[1] == "O":
        return _SEQUENCES.get(text[1:3], ""), 3
    for place, sign in enumerate(text[2:], 2):
        if "@" <= sign <= "~":
            return _SEQUENCES.get(text[1 : place + 1], ""), place + 1
    return "", 0


# ── what is looked at ─────────────────────────────────────────────────────────────────────────────────────────────────


class Page(StrEnum):
    """What fills the screen."""

    OVERVIEW = "overview"
    DETAILS = "details"
    HELP = "help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something to ask of the agent.

    Attributes:
        path: where, below the root of the API.
        body: what else is said; None where nothing is to be.
        doing: what is being done, for the line at the bottom.
        done: what was done, where the answer does not say it itself.
    """

    path: str
    body: Mapping[str, str] | None = None
    doing: str
    done: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something that is done only when a person says yes."""

    text: str
    deed: Deed


@dataclass(frozen=True, slots=True, kw_only=True)
class Ui:
    """What is looked at.

    Attributes:
        page: what fills the screen.
        focus: the section that the keys are about.
        chosen: a person has chosen it; until then it is the most important one that has something in it.
        cursors: where one is in each section.
        sieve: what is to be seen.
        typing: what is searched for is being typed.
        check: the check that is looked at closely.
        scroll: how far down one is on a page of text.
        question: waits for yes or no.
        note: what the last key did, or why it did nothing.
        quit: that is enough.
    """

    page: Page = Page.OVERVIEW
    focus: Section = Section.ATTENTION
    chosen: bool = False
    cursors: Mapping[Section, Cursor] = field(default_factory=dict)
    sieve: Sieve = field(default_factory=Sieve)
    typing: bool = False
    check: str = ""
    scroll: int = 0
    question: Question | None = None
    note: str = ""
    quit: bool = False

    def cursor(self, section: Section) -> Cursor:
        """Return where one is in a section."""
        return self.cursors.get(section, Cursor())

    def selected(self, picture: Picture) -> Row | None:
        """Return the row that the keys are about."""
        if self.page is Page.DETAILS:
            told = picture.check(self.check)
            return Row(key=self.check, told=told, check=self.check) if told else None
        found = rows(picture, self.focus, self.sieve)
        return found[self.cursor(self.focus).among(found)] if found else None


Step: TypeAlias = tuple[Ui, Deed | None]


def settled(ui: Ui, picture: Picture) -> Ui:
    """Return the same with the focus on a section that has something in it."""
    if ui.chosen and rows(picture, ui.focus, ui.sieve):
        return ui
    found = next((one for one in Section if rows(picture, one, ui.sieve)), Section.CHECKS)
    return ui if found is ui.focus else replace(ui, focus=found)


def press(ui: Ui, key: str, picture: Picture, screenful: int = 10) -> Step:
    """Return what is looked at after a key, and what is to be done.

    Args:
        ui: what was looked at.
        key: a printable sign, or one of ``up``, ``down``, ``enter``, ``esc`` and so on.
        picture: what is known.
        screenful: how many rows a page is.
    """
    after, deed = _pressed(ui, key, picture, screenful)
    return settled(after, picture), deed


def _pressed(ui: Ui, key: str, picture: Picture, screenful: int) -> Step:
    if ui.question is not None:
        return _answer(replace(ui, question=None), key, ui.question)
    if ui.typing:
        return _type(ui, key), None
    ui = replace(ui, note="")
    if key in _MOVES or key in ("pgup", "pgdn"):
        step = {"pgup": -screenful, "pgdn": screenful}.get(key) or _MOVES[key]
        return _move(ui, step, picture), None
    handler = _KEYS.get(key)
    if handler is None:
        known = len(key) > 1 or key == " "
        return (ui if known else replace(ui, note=f"{key} does nothing; ? tells what does")), None
    return handler(ui, picture)


def _answer(ui: Ui, key: str, question: Question) -> Step:
    if key in ("y", "Y"):
        return replace(ui, note=question.deed.doing), question.deed
    return replace(ui, note="nothing was done"), None


def _type(ui: Ui, key: str) -> Ui:
    text = ui.sieve.text
    if key == "esc":
        return replace(ui, typing=False, sieve=replace(ui.sieve, text=""))
    if key in ("enter", "tab"):
        return replace(ui, typing=False)
    if key == "backspace":
        text = text[:-1]
    elif key == "clear":
        text = ""
    elif len(key) == 1:
        text = (text + key)[:_LONGEST_SEARCH]
    return replace(ui, sieve=replace(ui.sieve, text=text))


def _move(ui: Ui, step: int, picture: Picture) -> Ui:
    if ui.page is not Page.OVERVIEW:
        return replace(ui, scroll=max(0, min(ui.scroll + step, _ALL)))
    found = rows(picture, ui.focus, ui.sieve)
    if not found:
        return ui
    place = max(0, min(ui.cursor(ui.focus).among(found) + step, len(found) - 1))
    return replace(ui, chosen=True, cursors={**ui.cursors, ui.focus: Cursor(found[place].key, place)})


# ── keys that change what is looked at ────────────────────────────────────────────────────────────────────────────────


def _quit(ui: Ui, _: Picture) -> Step:
    return replace(ui, quit=True), None


def _back(ui: Ui, _: Picture) -> Step:
    if ui.page is not Page.OVERVIEW:
        return replace(ui, page=Page.OVERVIEW, check="", scroll=0), None
    return replace(ui, sieve=Sieve(), chosen=False), None


def _help(ui: Ui, picture: Picture) -> Step:
    if ui.page is Page.HELP:
        return _back(ui, picture)
    return replace(ui, page=Page.HELP, check="", scroll=0), None


def _failing(ui: Ui, _: Picture) -> Step:
    only = not ui.sieve.failing
    note = "only checks that fail" if only else "all checks"
    return replace(ui, page=Page.OVERVIEW, sieve=replace(ui.sieve, failing=only), note=note), None


def _search(ui: Ui, _: Picture) -> Step:
    return replace(ui, page=Page.OVERVIEW, check="", typing=True), None


def _section(step: int) -> Callable[[Ui, Picture], Step]:
    def go(ui: Ui, picture: Picture) -> Step:
        if ui.page is not Page.OVERVIEW:
            return ui, None
        filled = [one for one in Section if one is ui.focus or rows(picture, one, ui.sieve)]
        return replace(ui, focus=filled[(filled.index(ui.focus) + step) % len(filled)], chosen=True), None

    return go


def _details(ui: Ui, picture: Picture) -> Step:
    if ui.page is not Page.OVERVIEW:
        return _back(ui, picture)
    row = ui.selected(picture)
    if row is None or not row.check or picture.check(row.check) is None:
        return replace(ui, note="this is about no check: there are no details"), None
    return replace(ui, page=Page.DETAILS, check=row.check, scroll=0, chosen=True), None


# ── keys that act ─────────────────────────────────────────────────────────────────────────────────────────────────────

_NOT_ALLOWED = {
    "viewer": "a viewer may look, not act: use a token with the role operator",
    "": "a stranger may look, not act: use a token (salus token create NAME --role operator)",
}


def _acting(handler: Callable[[Ui, Picture, Row | None], Step]) -> Callable[[Ui, Picture], Step]:
    """Let only those act who may."""

    def guarded(ui: Ui, picture: Picture) -> Step:
        if not picture.may_act:
            return replace(ui, note=_NOT_ALLOWED.get(picture.role, _NOT_ALLOWED[""])), None
        return handler(ui, picture, ui.selected(picture))

    return guarded


def _path(room: str, name: str, verb: str) -> str:
    return f"/{room}/{quote(name, safe='')}/{verb}"


def _run(ui: Ui, _: Picture, row: Row | None) -> Step:
    if row is None or not row.check:
        return replace(ui, note="this is about no check: there is nothing to run"), None
    deed = Deed(path=_path("checks", row.check, "run"), doing=f"looking at {row.check} ...", done=row.check)
    return replace(ui, note=deed.doing), deed


def _pause(ui: Ui, picture: Picture, _: Row | None) -> Step:
    if picture.paused:
        deed = Deed(path="/resume", body={}, doing="ending the pause ...")
        return replace(ui, question=Question(text="let automatic recovery go on?", deed=deed)), None
    deed = Deed(
        path="/pause",
        body={"reason": "salus top"},
        doing="pausing ...",
        done="all automatic recovery is paused; p lets it go on",
    )
    return replace(ui, question=Question(text="pause all automatic recovery, until you let it go on?", deed=deed)), None


def _acknowledge(ui: Ui, picture: Picture, row: Row | None) -> Step:
    alert = alert_of(picture, row) if row else ""
    if not alert:
        return replace(ui, note="there is no alert about this: choose one (tab, arrows)"), None
    told = next((one for one in picture.part("alerts") if one["id"] == alert), None)
    if told and told["state"] == "acknowledged":
        return replace(ui, note=f"{told['acknowledged_by'] or 'somebody'} has taken this alert already"), None
    name = f"{told['rule']} about {told['check'] or told['component']}" if told else alert
    deed = Deed(
        path=_path("alerts", alert, "ack"),
        body={},
        doing=f"taking the alert {name} ...",
        done=f"the alert {name} is yours: nobody is reminded of it",
    )
    return replace(ui, note=deed.doing), deed


def _heal(ui: Ui, picture: Picture, row: Row | None) -> Step:
    rule = rule_of(picture, row) if row else ""
    if not rule:
        about = row.check if row else ""
        return replace(ui, note=f"no rule heals {about}" if about else "this is about no rule: choose a check"), None
    if any(one["rule"] == rule for one in picture.part("recoveries")):
        return replace(ui, note=f"{rule} is healing already"), None
    told = next((one for one in picture.part("rules") if one["name"] == rule), None)
    ladder = ", ".join(told["ladders"][told["next_ladder"] - 1]) if told and told["ladders"] else ""
    what = f" ({ladder})" if ladder else ""
    deed = Deed(path=_path("rules", rule, "heal"), doing=f"healing by rule {rule} ...", done=rule)
    return replace(ui, question=Question(text=f"run rule {rule}{what} now?", deed=deed)), None


_KEYS: Mapping[str, Callable[[Ui, Picture], Step]] = {
    "q": _quit,
    "esc": _back,
    "backspace": _back,
    "?": _help,
    "f": _failing,
    "/": _search,
    "tab": _section(1),
    "backtab": _section(-1),
    "enter": _details,
    "r": _acting(_run),
    "p": _acting(_pause),
    "a": _acting(_acknowledge),
    "h": _acting(_heal),
}
