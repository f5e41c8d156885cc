"""What a form asks for becomes a request to the API: the same names, roles and audit, with a script or without."""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec

from salus.model import Json
from salus.surfaces import wire
from salus.surfaces.access.caller import Caller
from salus.surfaces.bodies import LARGEST, Body
from salus.surfaces.http import Receive, Refused, Scope, header, whole_body
from salus.units import Duration

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 100
_OWN = ("csrf", "next", "method")


async def fields(scope: Scope, receive: Receive, most: int = LARGEST) -> dict[str, list[str]]:
    """Read a form of at most so many bytes.

    Raises:
        Refused: 400, 413, 415 or 422, it is no form of ours.
    """
    media = header(scope, b"content-type").decode("latin-1").partition(";")[0].strip().lower()
    if media != _FORM:
        raise Refused(415, "that is no form", f"send Content-Type: {_FORM}")
    body = await whole_body(receive, most)
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise Refused(422, "the form is not understood", "send the form of the page") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def same_site(scope: Scope, caller: Caller) -> bool:
    """Tell whether a form was sent by a page of ours, as far as the browser says: another site's says otherwise."""
    site = header(scope, b"sec-fetch-site").decode("latin-1")
    if site:
        return site in ("same-origin", "none")
    origin = header(scope, b"origin").decode("latin-1")
    if not origin:
        return True
    hosts = (header(scope, b"host").decode("latin-1"), caller.host)
    return origin.partition("://")[2].lower() in [one.lower() for one in hosts if one]


def body(form: Mapping[str, list[str]], kind: type[Body]) -> bytes:
    """Write a form as the JSON that the API reads.

    1. An empty field says nothing; where something must be said and nothing may be meant, it says that.
    2. Where a number of seconds is wanted, ``2h 30m`` is understood too; where a list is, commas part it.
    3. Everything else goes as it is: the API says what is wrong with it.

    Raises:
        Refused: 422, a number or a duration is not understood.
    """
    fields_of = msgspec.structs.fields(kind)
    known = {field.encode_name: field.type for field in fields_of}
    may_be_nothing = {one.encode_name for one in fields_of if one.required and type(None) in get_args(one.type)}
    told: dict[str, Json] = {}
    for name, values in form.items():
        text = values[-1].strip()
        if name in may_be_nothing and not text:
            told[name] = None
        if name in _OWN or not text:
            continue
        told[name] = _value(name, values, known.get(name, str))
    return wire.encode(told)


def _value(name: str, values: list[str], kind: Any) -> Json:
    text = values[-1].strip()
    plain = _plain(kind)
    if plain is tuple:
        return [one.strip() for value in values for one in value.split(",") if one.strip()]
    if plain is bool:
        return text.lower() in ("true", "on", "yes", "1")
    if plain is float:
        try:
            return float(text) if text.replace(".", "", 1).isdigit() else float(Duration.parse(text.replace(" ", "")))
        except ValueError as error:
            what = str(error).partition(": write")[0]
            raise Refused(422, what, "write a duration such as 30m, 2h or 1d") from None
    if plain is int:
        if not text.removeprefix("-").isdecimal() or len(text) > 18:
            raise Refused(422, f"{name}: {text[:50]!r} is no number", "write digits")
        return int(text)
    if isinstance(plain, type) and issubclass(plain, StrEnum):
        return text.lower()
    return text


def _plain(kind: Any) -> Any:
    """Return what a field is, without what is said about it and without ``None``."""
    if get_origin(kind) is Annotated:
        return _plain(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        others = [one for one in get_args(kind) if one is not type(None)]
        return _plain(others[0]) if len(others) == 1 else str
    return get_origin(kind) or kind
