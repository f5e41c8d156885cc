"""What may stand in the body of a request, and what is answered when something else does."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias, TypeVar

import msgspec

from salus import matchers
from salus.model import Role
from salus.surfaces.http import Refused

LARGEST = 64 * 1024
_LONGEST_WAIT = 366 * 86400.0  # longer than that nobody means, and far enough from what a date can hold
_MOST_NAMES = 1000
_MOST_LABELS = 100

Seconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=_LONGEST_WAIT)]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=500)]
Words: TypeAlias = Annotated[str, msgspec.Meta(max_length=1000)]
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=100)]
Matching: TypeAlias = Annotated[str, msgspec.Meta(max_length=matchers.LONGEST)]
_TOKEN_NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"  # noqa: S105 - what a name looks like, no secret
TokenName: TypeAlias = Annotated[str, msgspec.Meta(pattern=_TOKEN_NAME)]
TokenSeconds: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=10 * _LONGEST_WAIT)]
LabelValue: TypeAlias = Annotated[str, msgspec.Meta(max_length=1000)]
Labels: TypeAlias = Annotated[dict[Name, LabelValue], msgspec.Meta(max_length=_MOST_LABELS)]
Names: TypeAlias = Annotated[tuple[Name, ...], msgspec.Meta(max_length=_MOST_NAMES)]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every request may say.

    Attributes:
        by: who asks, where the socket does not tell.
    """

    example: ClassVar[str] = "{}"

    by: Name = ""


class PauseBody(Body, frozen=True, kw_only=True):
    """Stop all automatic recovery, or set one check aside.

    Attributes:
        seconds: for how long; None until it is resumed.
        reason: one line for people.
    """

    example: ClassVar[str] = '{"seconds": 3600, "reason": "moving house"}'

    seconds: Seconds | None = None
    reason: Text = ""


class MaintenanceBody(Body, frozen=True, kw_only=True):
    """Open a maintenance window.

    Attributes:
        seconds: how long it lasts.
        checks, tags, services: what is being worked on.
        everything: all of it; must be spelled out.
        name: to end it by; one is made where it is empty.
        reason: one line for people.
    """

    example: ClassVar[str] = '{"services": ["web"], "seconds": 1800, "reason": "deploy 42"}'

    seconds: Seconds
    checks: Names = ()
    tags: Names = ()
    services: Names = ()
    everything: bool = False
    name: Name = ""
    reason: Text = ""


class AnswerBody(Body, frozen=True, kw_only=True):
    """Answer a rule that waits for a person, take an alert upon oneself, or end it.

    Attributes:
        note: one line for people.
    """

    example: ClassVar[str] = '{"note": "looks right"}'

    note: Text = ""


class SilenceBody(Body, frozen=True, kw_only=True):
    """Keep alerts from being told for a while.

    Attributes:
        match: matchers, as in the config.
        seconds: for how long.
        comment: one line for people.
    """

    example: ClassVar[str] = '{"match": "check=web", "seconds": 7200, "comment": "moving house"}'

    match: Matching
    seconds: Seconds
    comment: Text = ""


class LabelsBody(Body, frozen=True, kw_only=True):
    """Ask who would hear of an alert.

    Attributes:
        labels: of the alert.
    """

    example: ClassVar[str] = '{"labels": {"level": "critical", "check": "web"}}'

    labels: Labels


class TokenBody(Body, frozen=True, kw_only=True):
    """Make a token.

    Attributes:
        name: whose it is, or what for.
        role: what it allows: ``viewer``, ``operator`` or ``admin``.
        seconds: for how long it is good; None: until it is revoked.
    """

    example: ClassVar[str] = '{"name": "grafana", "role": "viewer", "seconds": 7776000}'

    name: TokenName
    role: Role
    seconds: TokenSeconds | None = None


class AnnounceBody(Body, frozen=True, kw_only=True):
    """Tell the public something on the status page.

    Attributes:
        title: one line.
        impact: how much the public is hit.
        components: labels of what it is about; none: of the whole.
        text: a first sentence below it.
    """

    example: ClassVar[str] = '{"title": "We move to new servers", "impact": "maintenance", "components": ["Website"]}'

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    impact: Literal["maintenance", "minor", "major", "critical"] = "minor"
    components: Annotated[tuple[Name, ...], msgspec.Meta(max_length=100)] = ()
    text: Words = ""


class AnnouncedBody(Body, frozen=True, kw_only=True):
    """Tell the public more of it, or that it is over.

    Attributes:
        text: one sentence.
    """

    example: ClassVar[str] = '{"text": "Half of it is done"}'

    text: Words = ""


class SignInBody(Body, frozen=True, kw_only=True):
    """Sign in with a browser.

    Attributes:
        token: the token.
    """

    example: ClassVar[str] = '{"token": "salus_1f2e3d4c_..."}'

    token: Annotated[str, msgspec.Meta(max_length=200)]


_Body = TypeVar("_Body", bound=Body)
_NAMED = "a name is letters, digits, '-', '_' and '.', at most 100, and begins with a letter or digit"


def parse(body: bytes, kind: type[_Body]) -> _Body:
    """Read a body; an empty one says nothing in particular.

    Raises:
        Refused: 422, it is not JSON, or not what is asked for.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        what = str(error).replace(f"Expected `str` matching regex {_TOKEN_NAME!r}", _NAMED)
        raise Refused(422, f"the body is not understood: {what[:300]}", f"send JSON such as {kind.example}") from None


def line(text: str) -> str:
    """Return text as one line without control characters: it is going to stand in logs and on terminals."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
