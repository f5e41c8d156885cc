"""The section ``status_page``: its keys, and what becomes of them. Loaded only where it is used."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from salus.config.convert import Converter
from salus.config.leaves import shown
from salus.config.shapes import Shape
from salus.config.sources import Keys, Sources, did_you_mean, known_words
from salus.errors import Problem
from salus.model import Json
from salus.model.statuspage import ComponentGroup, ComponentSpec, StatusPageSettings

LONGEST_LABEL = 100
_PATH: Keys = ("status_page",)

Line = Annotated[str, Meta(max_length=300)]


class ComponentShape(Shape, frozen=True, kw_only=True):
    """A thing that the public knows, under the name that the public gives it: `Website: web-http`.

    One that several checks speak for is as bad as they say together: when all of them are down, or a critical one is,
    it is a major outage; when some are, a partial one.

    Attributes:
        checks: the check that speaks for it, or a list of them; their own names are not shown.
        tags: checks that have one of these tags speak for it too.
        description: one line for the public.
    """

    scalar: ClassVar[str] = "checks"

    checks: str | tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    description: Line = ""


class ComponentGroupShape(Shape, frozen=True, kw_only=True):
    """Components that stand together.

    Attributes:
        name: what the public calls them.
        description: one line for the public.
        components: by the name that the public gives them.
    """

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    description: Line = ""
    components: dict[str, ComponentShape] = msgspec.field(default_factory=dict)


class StatusPageShape(Shape, frozen=True, kw_only=True):
    """The public page `/status`; without this section there is none. Nobody needs a token to see it.

    Nothing is shown but what is named here: no check's own name, no message, no host.

    Attributes:
        title: the headline.
        description: one line below it.
        link: where people find help: an address of a page, or of mail (`mailto:`).
        url: under which address the public knows the page, such as `https://example.org/status`; for links in feeds and
            in JSON, which are relative without it.
        components: what is shown above all groups, by the name that the public gives it.
        groups: what is shown together.
        show_messages: also show what a check says when it is not well, and why there is maintenance; such lines may
            name hosts and paths.
        history_days: how many days are drawn, and how far back incidents are told.
        incidents: ``auto`` tells what Salus saw, in words of its own, and what people announce; ``announced`` only the
            latter; ``none`` nothing.
    """

    title: Annotated[str, Meta(min_length=1, max_length=100)] = "Status"
    description: Line = ""
    link: str = ""
    url: str = ""
    components: dict[str, ComponentShape] = msgspec.field(default_factory=dict)
    groups: tuple[ComponentGroupShape, ...] = ()
    show_messages: bool = False
    history_days: Annotated[int, Meta(ge=1, le=366)] = 90
    incidents: Literal["auto", "announced", "none"] = "auto"


def settings(convert: Converter, raw: Json) -> StatusPageSettings:
    """Read the section; problems go to the converter."""
    shape = convert.struct(StatusPageShape, raw, _PATH)
    if not isinstance(shape, StatusPageShape):
        return StatusPageSettings()
    _judge_links(convert, shape)
    alone = ComponentGroup(components=_components(shape.components))
    groups = [
        ComponentGroup(name=one.name, description=one.description, components=_components(one.components))
        for one in shape.groups
    ]
    return StatusPageSettings(
        title=shape.title,
        description=shape.description,
        link=shape.link,
        url=shape.url.rstrip("/"),
        groups=tuple(group for group in (alone, *groups) if group.components),
        show_messages=shape.show_messages,
        history_days=shape.history_days,
        incidents=shape.incidents,
    )


def _components(written: Mapping[str, ComponentShape]) -> tuple[ComponentSpec, ...]:
    return tuple(
        ComponentSpec(
            label=label,
            checks=(one.checks,) if isinstance(one.checks, str) else one.checks,
            tags=one.tags,
            description=one.description,
        )
        for label, one in written.items()
    )


def _judge_links(convert: Converter, shape: StatusPageShape) -> None:
    for key, text, schemes in (
        ("link", shape.link, ("https", "http", "mailto")),
        ("url", shape.url, ("https", "http")),
    ):
        if text and not _links(text, schemes):
            what = f"{shown(text)} is no link that a page may have"
            convert.note((*_PATH, key), what, "write it like https://example.org/help")


def _links(text: str, schemes: Collection[str]) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    whole = parts.path if parts.scheme == "mailto" else parts.hostname
    return parts.scheme in schemes and bool(whole) and text.isprintable() and " " not in text


def problems(raw: Json, checks: Mapping[str, Mapping[str, Json]], sources: Sources) -> Iterator[Problem]:
    """Find labels that nobody can read or that stand twice, and checks and tags that are not there.

    Args:
        raw: the section.
        checks: all checks of the config.
        sources: the places.
    """
    section = raw if isinstance(raw, dict) else {}
    known = _Known(checks, sources)
    yield from known.components(section.get("components"), (*_PATH, "components"))
    groups = section.get("groups")
    for index, group in enumerate(groups if isinstance(groups, list) else ()):
        if isinstance(group, dict):
            yield from known.components(group.get("components"), (*_PATH, "groups", index, "components"))


class _Known:
    """What can be named, and which labels stood before."""

    def __init__(self, checks: Mapping[str, Mapping[str, Json]], sources: Sources) -> None:
        self._sources = sources
        self._checks = checks
        self._tags = {tag for check in checks.values() for tag in _texts(check.get("tags"))}
        self._labels: set[str] = set()

    def components(self, raw: Json, path: Keys) -> Iterator[Problem]:
        for label, entry in raw.items() if isinstance(raw, dict) else ():
            at = (*path, label)
            if not label.strip() or not label.isprintable() or len(label) > LONGEST_LABEL:
                what = "this is no name for the public"
                yield self._sources.problem(at, what, f"write one line of at most {LONGEST_LABEL} signs")
            if label in self._labels:
                yield self._sources.problem(at, f"{label!r} stands on the page twice", "give one of them another name")
            self._labels.add(label)
            yield from self._component(entry, at)

    def _component(self, entry: Json, at: Keys) -> Iterator[Problem]:
        if not isinstance(entry, dict):
            yield from self._named("check", self._checks, entry, at)
            if entry is None:
                yield self._sources.problem(at, "no check speaks for this", "write it like Website: web")
            return
        yield from self._named("check", self._checks, entry.get("checks"), (*at, "checks"))
        yield from self._named("tag", self._tags, entry.get("tags"), (*at, "tags"))
        if not entry.get("checks") and not entry.get("tags"):
            yield self._sources.problem(at, "no check speaks for this", "name checks, or tags")

    def _named(self, noun: str, known: Collection[str], raw: Json, at: Keys) -> Iterator[Problem]:
        for index, name in enumerate(_texts(raw)):
            if name not in known:
                place = at if isinstance(raw, str) else (*at, index)
                add = "give it to a check" if noun == "tag" else "add it to checks:"
                remedy = did_you_mean(name, known) or known_words(known) or add
                yield self._sources.problem(place, f"there is no {noun} {name!r}", remedy, value=True)


def _texts(raw: Json) -> list[str]:
    listed = raw if isinstance(raw, list) else [raw]
    return [text for text in listed if isinstance(text, str)]
