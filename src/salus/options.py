"""What every kind's options share: a frozen struct whose fields are the keys of the config.

A kind (of check, action or service) is a subclass. Its fields are its options, its docstring its reference page, its
repr its label. An unknown key is an error. The field types ``Duration``, ``Size``, ``Share``, ``Amount``,
``Bound``, ``Secret`` and ``pathlib.Path`` are read from text by the config layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

import msgspec

from salus.model import Effect

if TYPE_CHECKING:
    from salus.ports import Channel, Check, Outlet, Service, Site


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all options.

    Attributes:
        scalar: the field that a bare value fills, so that ``wait: 5s`` means ``wait: {duration: 5s}``;
            empty where a kind has no such field.
    """

    scalar: ClassVar[str] = ""

    def problems(self) -> list[tuple[str, str]]:
        """Say what the types alone cannot: pairs of (field, what is wrong), empty when all is well."""
        return []


class CheckOptions(Options, frozen=True, kw_only=True):
    """Base of the options of a check.

    A check without state of its own implements ``look`` right here; one that keeps a connection overrides ``build``.
    """

    @property
    def shares(self) -> str | None:
        """Name what other checks of this kind may have in common with it, such as a program or a port.

        Checks of one kind that turn bad together and share the same thing are blamed on that, and not on their targets.
        None where a failure can only be the target's own.
        """
        return None

    def build(self, site: Site) -> Check:
        """Make the check that stands at ``site``."""
        return cast("Check", self)

    async def aclose(self) -> None:
        """Nothing is kept, so nothing is let go."""


class ActionOptions(Options, frozen=True, kw_only=True):
    """Base of the options of an action: subclasses set ``effect`` and implement ``run``.

    A kind whose effect is always the same says ``effect: ClassVar[Effect] = Effect.RECORDS``; one that leaves it to the
    user has an option ``effect``. One that can do nothing without a service sets ``wants_service``: a rule whose check
    watches none, and that names none, is refused before it runs.
    """

    wants_service: ClassVar[bool] = False

    @property
    def effect(self) -> Effect:
        """Return what it can do to the world: it changes it, unless a kind says otherwise."""
        return Effect.CHANGES

    def targets(self, own: str | None) -> frozenset[str]:
        """Name the services it touches: none, unless a kind says otherwise."""
        return frozenset()


class ServiceOptions(Options, frozen=True, kw_only=True):
    """Base of the options of a service."""

    def build(self, name: str, site: Site) -> Service:
        """Make the service of that name."""
        message = f"{type(self).__name__} does not say how to build {name!r} at {site.state_dir}"
        raise TypeError(message)


class ChannelOptions(Options, frozen=True, kw_only=True):
    """Base of the options of a channel.

    A channel without state of its own implements ``send`` right here; one that keeps a connection overrides ``build``.
    """

    @property
    def resend(self) -> float | None:
        """Return seconds after which what still fires must be told again: never, unless a kind says otherwise."""
        return None

    def build(self, outlet: Outlet) -> Channel:
        """Make the channel that stands at ``outlet``."""
        return cast("Channel", self)

    async def aclose(self) -> None:
        """Nothing is kept, so nothing is let go."""
